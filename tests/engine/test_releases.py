"""`refresh` and `up` in the middle of releases: what controllers own is left to them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine.world import NEEDS_ENGINE, ROOT, World, copy_of_the_checkout

pytestmark = NEEDS_ENGINE
ENVIRONMENT = "prod-aws"
GATEWAY = {"name": "public", "namespace": "gateways"}
RELEASED: dict[str, dict[str, Any]] = {
    "wine-weighed": {
        "gateway": {"hostnames": ["wine.models.example.com"]},
        "rollout": {"strategy": "canary", "traffic": "gateway"},
    },
    "wine-switched": {"rollout": {"strategy": "blueGreen"}},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Production with a service for each way in which a controller changes objects of ours."""
    made = copy_of_the_checkout(tmp_path_factory.mktemp("releases"), ENVIRONMENT)
    stacks, name = made.folder / "stacks", f"Pulumi.{ENVIRONMENT}.yaml"
    environment = yaml.safe_load((ROOT / "stacks" / name).read_text("utf-8"))
    environment["config"]["stanchion:gateway"] = GATEWAY
    environment["config"]["stanchion:tenants"][0]["quota"] = {"cpu": "20", "memory": "40Gi"}
    _write(stacks / name, environment)
    service = yaml.safe_load((stacks / "services" / "wine.yaml").read_text("utf-8"))
    lock = stacks / "services" / f"{ENVIRONMENT}.lock.yaml"
    pinned = yaml.safe_load(lock.read_text("utf-8"))["services"]["wine"]
    (stacks / "services" / "wine.yaml").unlink()
    for each, changes in RELEASED.items():
        _write(stacks / "services" / f"{each}.yaml", {**service, "name": each, **changes})
    _write(lock, {"services": dict.fromkeys(RELEASED, pinned)})
    made.pulumi("stack", "init")
    return made


def test_a_refresh_and_an_up_change_nothing_that_a_controller_moved(world: World) -> None:
    world.pulumi("up", "--yes", "--skip-preview")
    releasing = _moved_by_controllers(world)
    variables = {**world.variables, "STAND_IN_RELEASING": json.dumps(releasing)}
    amid = replace(world, variables=variables)
    amid.pulumi("refresh", "--yes")
    assert len({*amid.noted("moved")}) == len(releasing) == 7
    amid.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert amid.noted("update") == []


def _moved_by_controllers(world: World) -> list[tuple[str, str]]:
    """Kind and name of what the Rollouts say that their controller may change."""
    found: list[tuple[str, str]] = []
    for resource in world.resources():
        if not resource["type"].endswith(":Rollout"):
            continue
        inputs = resource["inputs"]
        ((_, strategy),) = inputs["spec"]["strategy"].items()
        found.append(("Rollout", inputs["metadata"]["name"]))
        found += [("Service", name) for key, name in strategy.items() if key.endswith("Service")]
        for plugin in strategy.get("trafficRouting", {}).get("plugins", {}).values():
            found.append(("HTTPRoute", plugin["httpRoute"]))
    return found


def _write(file: Path, mapping: object) -> None:
    file.write_text(yaml.safe_dump(mapping), "utf-8")
