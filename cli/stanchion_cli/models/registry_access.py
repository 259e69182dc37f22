"""The environment's MLflow registry, reached from this machine as its administrator."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stanchion_models import Registry

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
        StanchionError: when MLflow is not up, or its administrator's secret is not there.
    """
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
        try:
            yield Registry(url)
        finally:
            del os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]


def move_champion(client: MlflowClient, model: str, version: str) -> str | None:
    """Point alias `champion` at `version` and `previous` at what it was; returns the latter."""
    from mlflow.exceptions import MlflowException

    try:
        before = str(client.get_model_version_by_alias(model, "champion").version)
    except MlflowException:
        before = None
    if before == version:
        return None
    if before is not None:
        client.set_registered_model_alias(model, "previous", before)
    client.set_registered_model_alias(model, "champion", version)
    return before
