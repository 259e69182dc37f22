"""The real engine runs whole cloud environments, with providers that stand in for the clouds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from stanchion_cli.deploy import engine
from stanchion_cli.errors import StanchionError

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in.py")
GENERATED = "0123456789abcdef0123456789ABCDEF"
"""What the stand-in for the provider of passwords generates."""
LAYERS = ("ModelService", "GpuPool", "Operators")
"""Components in the order in which what they have in the cluster goes."""
DATA = {
    "aws": {"aws:s3/bucket:Bucket", "aws:rds/instance:Instance", "aws:eks/cluster:Cluster"},
    "gcp": {
        "gcp:storage/bucket:Bucket",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:container/cluster:Cluster",
    },
}
pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH"),
]


@dataclass(frozen=True)
class World:
    """A project of its own around the checkout's program, with state, log and providers."""

    folder: Path
    environment: str
    variables: Mapping[str, str]

    @property
    def profile(self) -> str:
        return self.environment.partition("-")[0]

    def pulumi(self, *command: str) -> str:
        done = subprocess.run(
            ["pulumi", *command, "--stack", self.environment, "--non-interactive"],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def with_policies(self, *command: str) -> str:
        levels = ROOT / "policies" / "environments" / f"{self.profile}.json"
        pack = ("--policy-pack", str(ROOT / "policies"), "--policy-pack-config", str(levels))
        return self.pulumi(*command, *pack)

    def resources(self, *options: str) -> list[dict[str, Any]]:
        return list(json.loads(self.exported(*options))["deployment"].get("resources", []))

    def exported(self, *options: str) -> str:
        return self.pulumi("stack", "export", *options)

    def noted(self, what: str) -> list[str]:
        """URNs in the order in which providers made or deleted them."""
        log = Path(self.variables["STAND_IN_LOG"]).read_text("utf-8").splitlines()
        return [note["urn"] for line in log if (note := json.loads(line))["what"] == what]


def made(folder: Path, environment: str) -> World:
    binaries, project = folder / "bin", folder / "project"
    (project / "stacks").mkdir(parents=True)
    binaries.mkdir()
    for package in ("aws", "gcp", "kubernetes", "random"):
        plugin = binaries / f"pulumi-resource-{package}"
        plugin.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{STAND_IN}' {package}\n")
        plugin.chmod(0o755)
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8"))
    declared["main"] = str(ROOT / "stacks")
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(declared), "utf-8")
    file = f"stacks/Pulumi.{environment}.yaml"
    text = (ROOT / file).read_text("utf-8")
    if environment.startswith("dev"):  # the engine makes a time of what is a day here
        text = text.replace("config:\n", "config:\n  stanchion:expires: 2999-12-31\n", 1)
    (project / file).write_text(text, "utf-8")
    (folder / "state").mkdir()
    world = World(
        project,
        environment,
        {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "UV_NO_SYNC": "true",  # the environment that runs the tests stays as it is
            "UV_OFFLINE": "true",
            "STAND_IN_LOG": str(folder / "log"),
        },
    )
    world.pulumi("stack", "init")
    return world


class Life:
    """One environment from nothing to nothing, each step once, in order."""

    def __init__(self, world: World) -> None:
        self.world = world

    @cached_property
    def up(self) -> str:
        return self.world.with_policies("up", "--yes", "--skip-preview")

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        assert self.up
        return self.world.resources()

    @cached_property
    def deleted(self) -> list[str]:
        assert self.resources
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.world.variables.items():
                patch.setenv(name, value)
            engine.down(self.world.folder, self.world.environment, drain=False)
        return self.world.noted("delete")


@pytest.fixture(scope="module", params=["dev-aws", "dev-gcp"])
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(made(tmp_path_factory.mktemp(request.param), request.param))


@pytest.fixture(scope="module", params=["prod-aws", "prod-gcp"])
def production(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(made(tmp_path_factory.mktemp(request.param), request.param))


def component(urn: str) -> str:
    """The outermost component that a resource belongs to."""
    outermost: str = urn.split("::")[2].split("$", maxsplit=1)[0].rpartition(":")[2]
    return outermost


def test_it_comes_up_under_the_mandatory_policies(life: Life) -> None:
    assert "policies" in life.up
    made_by_providers = {*life.world.noted("create")}
    assert {
        found["urn"]
        for found in life.resources
        if found["custom"] and not found["type"].startswith("pulumi:")
    } == made_by_providers


def test_a_preview_of_what_is_up_shows_no_change(life: Life) -> None:
    assert life.up
    life.world.with_policies("preview", "--expect-no-changes")


def test_a_second_up_changes_nothing(life: Life) -> None:
    assert life.up
    before = life.world.noted("create") + life.world.noted("update")
    life.world.with_policies("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert life.world.noted("create") + life.world.noted("update") == before


def test_a_refresh_finds_what_is_declared(life: Life) -> None:
    assert life.up
    life.world.pulumi("refresh", "--yes", "--expect-no-changes")


def test_no_generated_password_can_be_read_in_state_or_output(life: Life) -> None:
    assert GENERATED not in life.up
    assert GENERATED in life.world.exported("--show-secrets")
    assert GENERATED not in life.world.exported()


def test_a_cluster_that_cannot_be_reached_is_not_destroyed_before_someone_says_so(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert life.up
    for name, value in life.world.variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StanchionError, match=r"nothing was destroyed.*--no-drain"):
        engine.down(life.world.folder, life.world.environment)
    assert life.world.noted("delete") == []


def test_all_that_was_made_is_deleted(life: Life) -> None:
    assert sorted(life.deleted) == sorted(life.world.noted("create"))
    assert life.world.resources() == []


def test_nothing_is_deleted_before_what_depends_on_it(life: Life) -> None:
    at = {urn: place for place, urn in enumerate(life.deleted)}
    early = [
        (found["urn"], dependency)
        for found in life.resources
        for dependency in found.get("dependencies") or []
        if found["urn"] in at and dependency in at and at[dependency] < at[found["urn"]]
    ]
    assert early == []


def test_layers_go_from_the_top(life: Life) -> None:
    in_cluster: dict[str, list[int]] = {layer: [] for layer in LAYERS}
    all_in_cluster: list[int] = []
    of_type: dict[str, int] = {}
    for place, urn in enumerate(life.deleted):
        kind = urn.split("::")[2].rpartition("$")[2]
        of_type.setdefault(f"{component(urn)} {kind.partition(':')[2]}", place)
        if kind.startswith("kubernetes:") or component(urn) == "GpuPool":
            all_in_cluster.append(place)
            in_cluster.setdefault(component(urn), []).append(place)
    for upper, lower in pairwise(LAYERS):
        assert max(in_cluster[upper]) < min(in_cluster[lower]), f"{upper} before {lower}"
    control_plane = of_type.get("Cluster eks/cluster:Cluster") or of_type.get(
        "Cluster container/cluster:Cluster"
    )
    network = of_type.get("Network ec2/vpc:Vpc") or of_type.get("Network compute/network:Network")
    assert control_plane is not None
    assert network is not None
    assert max(all_in_cluster) < control_plane < network
    of_cluster = [place for place, urn in enumerate(life.deleted) if component(urn) == "Cluster"]
    above = [
        place
        for place, urn in enumerate(life.deleted)
        if component(urn) in {"WorkloadIdentity", "Operators", "GpuPool", "ModelService"}
    ]
    assert max(above) < min(of_cluster), "rights in the cluster outlive what is in it"


def test_dev_protects_nothing(life: Life) -> None:
    assert [found["urn"] for found in life.resources if found.get("protect")] == []


def test_what_holds_data_in_production_is_protected_and_outlives_its_stack(
    production: Life,
) -> None:
    holding = DATA[production.world.environment.partition("-")[2]]
    found = [
        each
        for each in production.resources
        if each["type"] in holding and not each["urn"].endswith("-access-logs")
    ]
    assert {each["type"] for each in found} == holding
    unguarded = [
        each["urn"] for each in found if not (each.get("protect") and each.get("retainOnDelete"))
    ]
    assert unguarded == []


def test_down_names_what_production_protects_and_touches_nothing(
    production: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected = [found["urn"] for found in production.resources if found.get("protect")]
    for name, value in production.world.variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StanchionError) as caught:
        engine.down(production.world.folder, production.world.environment)
    for urn in protected:
        assert f"pulumi state unprotect -s {production.world.environment} '{urn}'" in str(
            caught.value
        )
    assert production.world.noted("delete") == []
