"""The real engine honours what the policy pack adds: exemptions, their last day, and remedies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from engine.world import NEEDS_ENGINE, ROOT, World, of_one_program

pytestmark = NEEDS_ENGINE
PROGRAM = ROOT / "tests" / "preview" / "programs" / "bare.py"
POLICY = "pod-seccomp"
ENTRY = {
    "object": "Deployment shop/web",
    "reason": "only a test",
    "owner": "team-shop",
    "expires": "2999-12-31",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return of_one_program(tmp_path_factory.mktemp("pack"), PROGRAM)


def asked(world: World, command: str, policies: Mapping[str, Any]) -> str:
    """What the engine prints of a command under these policies alone."""
    config = Path(world.folder) / "policies.json"
    config.write_text(json.dumps({"all": "disabled", **policies}))
    pack = ("--policy-pack", str(ROOT / "policies"), "--policy-pack-config", str(config))
    return world.pulumi(*command.split(), *pack)


def mandatory(*exemptions: Mapping[str, Any]) -> dict[str, Any]:
    return {POLICY: {"enforcementLevel": "mandatory", "exemptions": [*exemptions]}}


def test_a_violation_stops_the_engine(world: World) -> None:
    with pytest.raises(AssertionError, match="seccompProfile"):
        asked(world, "preview", mandatory())


def test_an_exemption_lets_the_object_be(world: World) -> None:
    assert "seccompProfile" not in asked(world, "preview", mandatory(ENTRY))


def test_after_its_last_day_the_violation_is_told_again(world: World) -> None:
    with pytest.raises(AssertionError, match="it was exempt until 2020-01-31"):
        asked(world, "preview", mandatory(ENTRY | {"expires": "2020-01-31"}))


def test_an_incomplete_exemption_is_refused(world: World) -> None:
    with pytest.raises(AssertionError, match="owner"):
        asked(world, "preview", mandatory({**ENTRY, "owner": ""}))


def test_what_is_mended_is_what_is_made(world: World) -> None:
    asked(world, "up --yes --skip-preview", {POLICY: "remediate"})
    (made,) = (each for each in world.resources() if each["type"].endswith(":Deployment"))
    pod = made["inputs"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
