"""`promote`, `rollback` and `status` where the profile is prod, held to the program itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from preview.checkouts import copied
from stanchion_cli.commands.promote import promote
from stanchion_cli.commands.rollback import rollback
from stanchion_cli.commands.status import status
from stanchion_cli.deploy import engine, reach
from stanchion_cli.deploy.environment import checked_preview
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects

from .conftest import FAILS, MODEL, SERVICE, World

PROD = "prod-aws"
FORMER = Pin("former-model", "7", f"sha256:{'7' * 64}")
FILE = {
    "kind": "ModelService",
    "name": SERVICE,
    "tenant": "demo",
    "owner": "a",
    "costCenter": "b",
    "model": MODEL,
}


class Production:
    """A checkout whose prod has one service and no pin, its program, policies and gates real."""

    def __init__(self, checkout: Path) -> None:
        self.checkout, self.services = checkout, copied(checkout)
        self.up: list[Preview] = []
        self.fails = False
        lockfile.path(checkout, PROD).unlink()
        self.declare(SERVICE)

    def declare(self, name: str, **changes: Any) -> None:
        text = yaml.safe_dump({**FILE, "name": name, **changes})
        (self.services / f"{name}.yaml").write_text(text)

    def roll_out(self, root: Path, stack: str) -> None:
        """As `up` does, but for the cluster: it fails after everything was checked."""
        self.up.append(checked_preview(root, stack))
        if self.fails:
            self.fails = False
            raise FAILS

    def served(self) -> list[tuple[str, str] | None]:
        """The model and version that each `up` has brought to the service's pods."""
        return [_in_pods(found) for found in self.up]

    def pins(self) -> dict[str, Pin]:
        return lockfile.read(self.checkout, PROD)


def _in_pods(found: Preview) -> tuple[str, str] | None:
    for item in objects(found):
        if (item.kind, item.manifest["metadata"]["name"]) == ("Deployment", SERVICE):
            (container,) = item.manifest["spec"]["template"]["spec"]["containers"]
            told = {each["name"]: each.get("value") for each in container["env"]}
            return told["MODEL_NAME"], told["MODEL_VERSION"]
    return None


@pytest.fixture
def prod(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Production:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    made = Production(checkout)

    preview_with = reach.preview_with

    def evaluated(root: Path, name: str, layer: str) -> tuple[str, Preview]:
        environment, found = preview_with(root, name, layer)
        tracking = {**found.outputs["tracking"], "url": world.registry.tracking_uri}
        return environment, replace(found, outputs={**found.outputs, "tracking": tracking})

    @contextmanager
    def reached(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(api=lambda: world.cluster)

    monkeypatch.chdir(checkout)
    monkeypatch.setattr(reach, "preview_with", evaluated)
    monkeypatch.setattr(reach, "reached", reached)
    monkeypatch.setattr(engine, "available", lambda: True)
    # The package's attribute of this name is the command itself.
    up = importlib.import_module("stanchion_cli.commands.up")
    monkeypatch.setattr(up, "roll_out", made.roll_out)
    return made


def test_the_first_version_of_a_service_is_promoted_by_the_command_alone(
    prod: Production, world: World
) -> None:
    promote(MODEL, world.register(), PROD)
    assert prod.pins()[SERVICE].version == "1"
    assert prod.served() == [(MODEL, "1")]
    assert world.alias("champion") == "1"


def test_a_first_version_that_fails_is_taken_back_to_none(
    prod: Production, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    prod.fails = True
    with pytest.raises(StanchionError, match="was taken back: 7 of 10 requests failed"):
        promote(MODEL, world.register(), PROD)
    assert prod.pins() == {}
    assert prod.served() == [(MODEL, "1"), None]
    told = f"warning: services/wine: model {MODEL} is not pinned, so it is not served; "
    assert told in capsys.readouterr().err


def test_a_service_without_a_pin_stops_neither_status_nor_a_rollback_and_its_up(
    prod: Production, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        promote(MODEL, world.register(), PROD)
    prod.declare("beer", model="beer-style")
    status(PROD)
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"{SERVICE} demo {MODEL} 2 not deployed - -" in said
    assert "beer demo beer-style not pinned not deployed - -" in said
    rollback(SERVICE, environment=PROD)
    assert {name: pin.version for name, pin in prod.pins().items()} == {SERVICE: "1"}
    assert prod.served()[-1] == (MODEL, "1")


def test_a_service_of_another_model_now_serves_the_former_until_a_version_is_promoted(
    prod: Production, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    lockfile.write(prod.checkout, PROD, {SERVICE: FORMER})
    status(PROD)
    assert f"{SERVICE} demo {FORMER.model} 7" in " ".join(capsys.readouterr().out.split())
    prod.fails, version = True, world.register()
    with pytest.raises(StanchionError, match="was taken back"):
        promote(MODEL, version, PROD)
    assert prod.pins() == {SERVICE: FORMER}
    said = capsys.readouterr().err
    assert (
        f"warning: services/wine: model is {MODEL}, of which no version is pinned, so "
        f"{FORMER.model} version 7 is served; run `stanchion promote {MODEL} VERSION --env {PROD}`"
    ) in said
    assert "signature against version (none serves) of wine" in said
    promote(MODEL, version, PROD)
    assert prod.served() == [(MODEL, "1"), (FORMER.model, "7"), (MODEL, "1")]
    assert world.alias("champion") == "1"
