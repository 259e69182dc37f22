"""The registry's failures are the user's language, and its password is nobody else's."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import card, registry_access
from stanchion_cli.models.registry_access import open_registry
from stanchion_models import Registry

from .conftest import MODEL, World

TRACKING = {"namespace": "t", "adminSecret": "admin", "service": "mlflow", "port": 80}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    @contextmanager
    def forward(*_: Any) -> Iterator[str]:
        yield "http://127.0.0.1:9"

    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    secret = {"data": {"username": encoded("admin"), "password": encoded("s3cret")}}
    monkeypatch.setattr(registry_access, "forward", forward)
    target: Any = SimpleNamespace(environment="local", kubectl=list)
    api: Any = SimpleNamespace(get=lambda _: secret)
    return open_registry(target, api, TRACKING)


def test_a_failure_in_the_registry_is_told_with_the_way_on_and_no_secret(opened: Any) -> None:
    with pytest.raises(StanchionError) as caught, opened:
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "s3cret"
        raise MlflowException("the database is gone")
    assert "the model registry: failed: the database is gone; see whether MLflow runs" in str(
        caught.value
    )
    assert "s3cret" not in str(caught.value)
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ


def test_a_card_is_the_versions_before_the_models(world: World) -> None:
    version = Registry(world.registry.tracking_uri).resolve(MODEL, world.register(card=""))
    assert card.of(world.registry, version) == ""
    world.client.update_registered_model(MODEL, "of the model")
    assert card.of(world.registry, version) == "of the model"
    world.client.update_model_version(MODEL, version.version, "of the version")
    assert card.of(world.registry, version) == "of the version"
