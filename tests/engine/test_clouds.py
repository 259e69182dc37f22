"""The real engine runs whole cloud environments, with providers that stand in for the clouds."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest
from engine.world import GENERATED, NEEDS_ENGINE, World, around_the_checkout
from stanchion_cli.deploy import engine
from stanchion_cli.errors import StanchionError

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
pytestmark = NEEDS_ENGINE


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
        with self.world.around():
            engine.down(self.world.folder, self.world.environment, drain=False)
        return self.world.noted("delete")


@pytest.fixture(scope="module", params=["dev-aws", "dev-gcp"])
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(around_the_checkout(tmp_path_factory.mktemp(request.param), request.param))


@pytest.fixture(scope="module", params=["prod-aws", "prod-gcp"])
def production(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(around_the_checkout(tmp_path_factory.mktemp(request.param), request.param))


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
    life: Life,
) -> None:
    assert life.up
    refused = pytest.raises(StanchionError, match=r"nothing was destroyed.*--no-drain")
    with life.world.around(), refused:
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


def test_down_names_what_production_protects_and_touches_nothing(production: Life) -> None:
    protected = [found["urn"] for found in production.resources if found.get("protect")]
    with production.world.around(), pytest.raises(StanchionError) as caught:
        engine.down(production.world.folder, production.world.environment)
    for urn in protected:
        assert f"pulumi state unprotect -s {production.world.environment} '{urn}'" in str(
            caught.value
        )
    assert production.world.noted("delete") == []
