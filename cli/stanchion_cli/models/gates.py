"""What a model version must pass before it is pinned.

Here: a digest that registration recorded, a signature that today's callers can live with,
and a smoke test in the image that will serve it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from stanchion_models import ModelVersion, Registry, RegistryError

from stanchion_cli.deploy import task
from stanchion_cli.deploy.api import Api
from stanchion_cli.errors import StanchionError
from stanchion_cli.models.signature import incompatibilities

_CREDENTIALS = "/run/secrets/stanchion/registry"


class GateError(StanchionError):
    """A candidate did not pass; nothing was pinned."""


@dataclass(frozen=True)
class Smoke:
    """What the smoke test measured: milliseconds per prediction, MiB of resident memory."""

    latency_ms: float
    rss_mb: float


def candidate(registry: Registry, model: str, version: str) -> tuple[ModelVersion, str]:
    """The version and its recorded digest.

    Raises:
        GateError: when there is no such version, or registration recorded no digest.
    """
    where = f"model {model} version {version}"
    try:
        found = registry.resolve(model, version)
    except RegistryError as error:
        raise GateError(
            f"cannot be read from the registry: {error}",
            where=where,
            fix="see what is registered in MLflow; register with `stanchion_models.register`",
        ) from None
    if found.digest is None:
        raise GateError(
            "has no recorded digest",
            where=where,
            fix="register it with `stanchion_models.register`, which records one",
        )
    return found, found.digest


def check_signature(registry: Registry, candidate: ModelVersion, serving: str | None) -> None:
    """Check that the candidate has a signature that callers of version `serving` can live with.

    Raises:
        GateError: with every incompatibility.
    """
    where = f"model {candidate.name} version {candidate.version}"
    new = _signature(registry, candidate.name, candidate.version)
    if not new.get("inputs"):
        raise GateError(
            "has no signature",
            where=where,
            fix="log the model with `signature=` or `input_example=`",
        )
    if serving is None:
        return
    problems = incompatibilities(_signature(registry, candidate.name, serving), new)
    if problems:
        raise GateError(
            f"breaks callers of version {serving}:\n  " + "\n  ".join(problems),
            where=where,
            fix="keep the signature, or serve it under another service name",
        )


def smoke_test(
    api: Api, version: ModelVersion, *, image: str, memory: str, tracking: Mapping[str, Any]
) -> Smoke:
    """Load, verify and ask the candidate once, in the image and memory that will serve it.

    Raises:
        GateError: when it does not load, does not match its digest or does not answer.
    """
    smoke = task.Task(
        name="smoke-test",
        namespace=tracking["namespace"],
        image=image,
        command=("stanchion-model-server", "check"),
        environment={
            "MODEL_NAME": version.name,
            "MODEL_VERSION": version.version,
            "MODEL_DIGEST": version.digest or "",
            "MLFLOW_TRACKING_URI": tracking["url"],
            "REGISTRY_CREDENTIALS_DIR": _CREDENTIALS,
        },
        secrets={_CREDENTIALS: tracking["readerSecret"]},
        memory=memory,
    )
    try:
        printed = task.run(api, smoke)
    except StanchionError as error:
        raise GateError(
            f"fails its smoke test in {image}: {error.reason}",
            where=f"model {version.name} version {version.version}",
        ) from None
    measured = task.result(printed, f"smoke test of model {version.name}")
    return Smoke(float(measured["latency_ms"]), float(measured["rss_mb"]))


def _signature(registry: Registry, model: str, version: str) -> dict[str, Any]:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        source = registry.client().get_model_version_download_uri(model, version)
        with tempfile.TemporaryDirectory(prefix="stanchion-signature-") as scratch:
            file = download_artifacts(
                artifact_uri=f"{source}/MLmodel",
                dst_path=scratch,
                tracking_uri=registry.tracking_uri,
            )
            document = yaml.safe_load(Path(file).read_text("utf-8"))
    except MlflowException as error:
        raise GateError(
            f"cannot be read from the artifact store: {error}",
            where=f"model {model} version {version}",
        ) from None
    signature: dict[str, Any] = document.get("signature") or {}
    return signature
