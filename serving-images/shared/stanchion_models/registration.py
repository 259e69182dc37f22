"""Registering a model so that every later reader can tell it is the same one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from stanchion_models.digest import DIGEST_TAG, artifact_digest
from stanchion_models.reference import REFERENCE_FILE, Reference
from stanchion_models.registry import ModelVersion, RegistryError

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.models.model import ModelInfo
    from mlflow.tracking import MlflowClient

CANDIDATE = "candidate"
"""Alias of the newest version that a training has registered."""


def register(
    model: str | ModelInfo | LoggedModel,
    name: str,
    *,
    client: MlflowClient,
    tags: dict[str, str] | None = None,
    reference: Reference | None = None,
) -> ModelVersion:
    """Register a logged model under `name` and record the digest of its artifacts.

    The artifacts are read back from the store that readers will use, and the digest is written
    in the same request that creates the version: no version is ever seen without it.

    Args:
        model: What `log_model` returned, a `LoggedModel`, or a `models:/<model id>` or
            `runs:/<run id>/<path>` address.
        name: The registered model; it is created when it does not exist.
        client: A client of the tracking server, with the right to write.
        tags: More tags for the version. `stanchion.digest` cannot be among them.
        reference: What the model was trained on, which becomes a file of the model: what the
            server counts beside it shows drift. None: no drift is seen.

    Returns:
        The new version with its digest.

    Raises:
        RegistryError: The registry refuses the name or the model, or it has another reference.
        DigestError: The artifacts hold a link or nothing.
        mlflow.exceptions.MlflowException: The tracking server failed.

    It moves no alias and judges no quality: that is what `stanchion promote` is for.
    """
    if DIGEST_TAG in (tags or {}):
        raise RegistryError(f"tag {DIGEST_TAG} is computed, not given")
    model_id, source, run_id = _source(model, client)
    with tempfile.TemporaryDirectory(prefix="stanchion-register-") as scratch:
        folder = download_artifacts(
            artifact_uri=source, dst_path=scratch, tracking_uri=client.tracking_uri
        )
        if reference is not None:
            _add(reference, Path(folder), model_id, client)
        digest = artifact_digest(Path(folder))
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise RegistryError(f"{name}: {error}") from error
    created = client.create_model_version(
        name=name,
        source=f"models:/{model_id}" if model_id else source,
        run_id=run_id,
        tags={**(tags or {}), DIGEST_TAG: digest},
        model_id=model_id,
    )
    return ModelVersion(name, str(created.version), digest, dict(created.tags or {}))


def _add(reference: Reference, folder: Path, model_id: str | None, client: MlflowClient) -> None:
    """Put the reference among a model's files, here and in the store."""
    path, written = folder / REFERENCE_FILE, reference.text()
    if path.is_file() and path.read_text("utf-8") == written:
        return
    address = f"models:/{model_id}"
    if path.is_file() or client.search_model_versions(f"source_path='{address}'"):
        raise RegistryError(
            f"{address} has versions whose digest another reference would belie; log the model anew"
        )
    path.write_text(written, "utf-8")
    client.log_model_artifact(str(model_id), str(path))


def _source(
    model: str | ModelInfo | LoggedModel, client: MlflowClient
) -> tuple[str | None, str, str | None]:
    """The logged model's id where it has one, the address of its artifacts, and its run."""
    model_id: str | None = None
    if not isinstance(model, str):
        model_id = model.model_id
    elif model.startswith("models:/m-"):
        model_id = model.removeprefix("models:/").partition("/")[0]
    if model_id is not None:
        logged = client.get_logged_model(model_id)
        return model_id, str(logged.artifact_location), logged.source_run_id
    if not str(model).startswith("runs:/"):
        raise RegistryError(
            f"{model}: not a logged model; give what log_model returned, or an address"
            " models:/<model id> or runs:/<run id>/<path>"
        )
    run_id, _, path = str(model).removeprefix("runs:/").partition("/")
    for candidate in client.search_logged_models(
        experiment_ids=[client.get_run(run_id).info.experiment_id],
        filter_string=f"source_run_id = '{run_id}'",
    ):
        if candidate.name == path:
            return candidate.model_id, str(candidate.artifact_location), run_id
    raise RegistryError(f"{model}: run {run_id} logged no model named {path!r}")
