"""An environment split into stacks: each comes up, changes and goes by itself, from the ground."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property

import pytest
import yaml
from engine.world import GENERATED, NEEDS_ENGINE, ROOT, World, copy_of_the_checkout
from stanchion_cli.deploy import engine
from stanchion_cli.errors import StanchionError

pytestmark = NEEDS_ENGINE
THREE = (["foundation"], ["platform"], ["services"])
TWO = (["foundation", "platform"], ["services"])


class Split:
    """One environment in several stacks, each step once, in order."""

    def __init__(self, ground: World, layers: Sequence[Sequence[str]]) -> None:
        names = [ground.environment, *(f"{ground.environment}-{each[0]}" for each in layers[1:])]
        self.stacks = [ground.of(name) for name in names]
        whole = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{names[0]}.yaml").read_text("utf-8"))
        for at, held in enumerate(layers):
            below = {"stanchion:baseStack": names[at - 1]} if at else whole["config"]
            file = ground.folder / "stacks" / f"Pulumi.{names[at]}.yaml"
            file.write_text(yaml.safe_dump({"config": {**below, "stanchion:layers": held}}))
            self.stacks[at].pulumi("stack", "init")

    def noted(self) -> list[str]:
        """What providers were asked to do, by the stack that asked."""
        urns = (urn for what in ("create", "update") for urn in self.stacks[0].noted(what))
        return [urn.split("::")[0].removeprefix("urn:pulumi:") for urn in urns]

    @cached_property
    def up(self) -> list[str]:
        return [stack.with_policies("up", "--yes", "--skip-preview") for stack in self.stacks]

    @cached_property
    def changed(self) -> list[str]:
        """Which stacks a change of a service touched, of all that were brought up once more."""
        assert self.up
        service = self.stacks[0].folder / "stacks" / "services" / "wine.yaml"
        service.write_text(service.read_text("utf-8") + "drainSeconds: 25\n", "utf-8")
        before = len(self.noted())
        for stack in self.stacks:
            stack.pulumi("up", "--yes", "--skip-preview")
        return self.noted()[before:]


@pytest.fixture(scope="module", params=[("dev-aws", THREE), ("dev-gcp", TWO)], ids=lambda p: p[0])
def split(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Split:
    environment, layers = request.param
    return Split(copy_of_the_checkout(tmp_path_factory.mktemp("split"), environment), layers)


def test_every_stack_comes_up_with_what_the_one_below_exports(split: Split) -> None:
    assert len(split.up) == len(split.stacks)
    assert {stack.environment for stack in split.stacks} == set(split.noted())


def test_a_second_up_of_any_stack_changes_nothing(split: Split) -> None:
    assert split.up
    before = split.noted()
    for stack in split.stacks:
        stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert split.noted() == before


def test_all_stacks_have_the_cluster_that_the_lowest_made(split: Split) -> None:
    assert split.up
    with split.stacks[0].around():
        found = [engine.outputs_of(s.folder, s.environment)["cluster"] for s in split.stacks]
    assert found == [found[0]] * len(found)
    assert json.loads(found[0]["kubeconfig"])["kind"] == "Config"
    assert all(found[0][key] for key in ("name", "endpoint", "nodeRole"))


def test_the_readers_password_is_handed_on_and_stays_a_secret(split: Split) -> None:
    assert split.up
    services = split.stacks[-1]
    assert GENERATED not in services.exported()
    assert GENERATED in services.exported("--show-secrets")
    assert all(GENERATED not in said for said in split.up)


def test_a_change_of_a_service_touches_the_stack_of_services_alone(split: Split) -> None:
    assert set(split.changed) == {split.stacks[-1].environment}


def test_a_stack_that_carries_another_does_not_go_first(split: Split) -> None:
    assert split.up
    lowest = split.stacks[0]
    refused = pytest.raises(StanchionError, match=rf"carries {split.stacks[1].environment}")
    with lowest.around(), refused:
        engine.down(lowest.folder, lowest.environment, drain=False)
    assert lowest.noted("delete") == []


def test_they_go_from_the_top_and_leave_nothing(split: Split) -> None:
    assert split.up
    with split.stacks[0].around():
        for stack in reversed(split.stacks):
            engine.down(stack.folder, stack.environment, drain=False)
            assert stack.resources() == []
    assert sorted(split.stacks[0].noted("delete")) == sorted(split.stacks[0].noted("create"))
