"""The environment's MLflow registry, reached from this machine as its administrator."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stanchion_models import ModelVersion, Registry, RegistryError

from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.deploy.forward import forward
from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import StanchionError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@contextmanager
def open_registry(target: Target, api: Api, tracking: Mapping[str, Any]) -> Iterator[Registry]:
    """Forward a port to MLflow and sign in; both end with the block.

    Raises:
        StanchionError: when MLflow is not up, its administrator's secret is not there, or it
            fails while the block runs.
    """
    from mlflow.exceptions import MlflowException

    secret = Ref("v1", "Secret", tracking["namespace"], tracking["adminSecret"])
    live = api.get(secret)
    if live is None:
        raise StanchionError(
            "does not exist yet",
            where=str(secret),
            fix=f"bring the platform up first with `stanchion up {target.environment}`",
        )
    data = {key: base64.b64decode(value).decode() for key, value in live["data"].items()}
    kubectl = target.kubectl()
    with forward(kubectl, tracking["namespace"], tracking["service"], tracking["port"]) as url:
        os.environ["MLFLOW_TRACKING_USERNAME"] = data["username"]
        os.environ["MLFLOW_TRACKING_PASSWORD"] = data["password"]
        # Runs would be told by addresses that lead nowhere once the block ends.
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
        try:
            yield Registry(url)
        except (MlflowException, RegistryError) as error:
            raise StanchionError(
                f"failed: {' '.join(str(error).split())[:500]}",
                where="the model registry",
                fix="see whether MLflow runs, then run the same command again to go on",
            ) from None
        finally:
            del os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]


def file_of(registry: Registry, model: str, version: str, name: str) -> bytes | None:
    """A file at the top of a version's artifacts; None where there is none of that name.

    Raises:
        mlflow.exceptions.MlflowException: There is no such version, or the registry fails.
        StanchionError: its artifacts cannot be read.
    """
    from mlflow.artifacts import download_artifacts, list_artifacts

    tracking = registry.tracking_uri
    source = registry.client().get_model_version_download_uri(model, version)
    try:
        # That a file is not there is told by each of MLflow's stores in its own way.
        listed = list_artifacts(artifact_uri=source, tracking_uri=tracking)
        if name not in {PurePosixPath(each.path).name for each in listed}:
            return None
        with TemporaryDirectory(prefix="stanchion-artifact-") as scratch:
            file = download_artifacts(
                artifact_uri=f"{str(source).rstrip('/')}/{name}",
                dst_path=scratch,
                tracking_uri=tracking,
            )
            return Path(file).read_bytes()
    except OSError as error:
        raise StanchionError(
            f"its {name} cannot be read: {' '.join(str(error).split())[:300]}",
            where=f"model {model} version {version}",
            fix="see whether MLflow's artifacts can be reached, then run the same command again",
        ) from None


def champion_of(registry: Registry, model: str) -> ModelVersion | None:
    """The version with the alias `champion`; None when no version has it."""
    version = aliases_of(registry.client(), model).get("champion")
    return None if version is None else registry.resolve(model, version)


def aliases_of(client: MlflowClient, model: str) -> Mapping[str, str]:
    """Every alias of a model and its version."""
    found = client.get_registered_model(model).aliases
    return {str(alias): str(version) for alias, version in found.items()}


def move_champion(client: MlflowClient, model: str, version: str) -> str | None:
    """Point alias `champion` at `version` and `previous` at what it was; returns the latter."""
    before = aliases_of(client, model).get("champion")
    if before == version:
        return None
    if before is not None:
        client.set_registered_model_alias(model, "previous", before)
    client.set_registered_model_alias(model, "champion", version)
    return before


def take_back_champion(client: MlflowClient, model: str, version: str) -> None:
    """Point alias `champion` back at `version`; what was left behind does not become `previous`.

    There is nothing to go back to then, until the next promotion.
    """
    client.set_registered_model_alias(model, "champion", version)
    client.delete_registered_model_alias(model, "previous")
