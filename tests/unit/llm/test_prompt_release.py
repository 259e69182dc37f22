"""A version of a prompt serves once it is healthy; one that is not leaves what served before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.llm import prompt_release, prompts
from stanchion_cli.models import lockfile
from stanchion_cli.models.gates import GateError
from stanchion_cli.models.lockfile import PromptPin
from stanchion_cli.models.records import PROPOSED
from stanchion_models import Registry
from unit.models.conftest import Cluster, Elsewhere

PROMPT, SERVICE = "faq", "assistant"
OUTPUTS: dict[str, Any] = {
    "tracking": {},
    "llmServices": {
        SERVICE: {"namespace": "demo", "prompts": {PROMPT: {}}, "gates": None},
        "other": {"namespace": "demo", "prompts": {}, "gates": None},
    },
}


@dataclass
class World:
    """A checkout, a registry with three versions of a prompt, and a cluster."""

    root: Path
    registry: Registry
    cluster: Cluster = field(default_factory=Cluster)
    fails: bool = False
    gone: bool = False
    rolled_out: list[str | None] = field(default_factory=list)

    def pinned(self) -> PromptPin | None:
        return lockfile.read_prompts(self.root, "local").get(SERVICE, {}).get(PROMPT)

    def roll_out(self) -> None:
        pin = self.pinned()
        self.rolled_out.append(pin.version if pin else None)
        if self.fails:
            self.fails = False
            raise StanchionError("does not become ready")

    def promote(
        self, version: str, *, only_pin: bool = False, destination: Elsewhere | None = None
    ) -> None:
        target: Any = SimpleNamespace(api=lambda: self.cluster, environment="local")
        prompt_release.promote(
            prompt_release.Request(self.root, "local", PROMPT, version),
            OUTPUTS,
            target,
            roll_out=None if only_pin else self.roll_out,
            destination=destination,
        )

    def roll_back(self, to: str = "") -> str:
        target: Any = SimpleNamespace(api=lambda: self.cluster, environment="local")
        return prompt_release.roll_back(
            prompt_release.Request(self.root, "local", PROMPT, to),
            OUTPUTS,
            target,
            reason="too wordy",
            roll_out=self.roll_out,
        ).version

    def alias(self, name: str) -> str | None:
        return prompts.alias(self.registry.client(), PROMPT, name)

    def state(self, version: str) -> str | None:
        found = self.registry.client().get_prompt_version(PROMPT, version)
        assert found is not None
        tags: dict[str, str] = found.tags
        return tags.get("stanchion.promotion")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "stacks" / "services").mkdir(parents=True)
    made = World(tmp_path, Registry(f"sqlite:///{tmp_path / 'registry.db'}"))
    for text in ("Answer {{question}}.", "Answer {{question}} briefly.", "{{question}}?"):
        made.registry.client().register_prompt(PROMPT, text)

    @contextmanager
    def opened(_target: Any, _api: Any, _tracking: Any) -> Iterator[Registry]:
        if made.gone:
            raise StanchionError("MLflow does not answer")
        yield made.registry

    monkeypatch.setattr(prompt_release, "open_registry", opened)
    return made


def test_one_that_is_healthy_is_champion_and_the_one_before_previous(world: World) -> None:
    world.promote("1")
    world.promote("2")
    assert world.rolled_out == ["1", "2"]
    assert (world.alias("champion"), world.alias("previous")) == ("2", "1")
    assert world.state("2") == "healthy at full weight"


def test_one_that_is_proposed_leaves_the_checkout_as_it_is(world: World, tmp_path: Path) -> None:
    proposal = Elsewhere(tmp_path / "proposal")
    world.promote("1", only_pin=True, destination=proposal)
    assert (world.pinned(), world.state("1")) == (None, PROPOSED)
    assert lockfile.read_prompts(proposal.root, "local")[SERVICE][PROMPT].version == "1"


def test_one_that_does_not_roll_out_is_taken_back_and_its_reason_kept(world: World) -> None:
    world.promote("1")
    before, world.fails = world.pinned(), True
    with pytest.raises(StanchionError, match="was taken back: does not become ready"):
        world.promote("2")
    assert world.rolled_out == ["1", "2", "1"]
    assert (world.pinned(), world.alias("champion")) == (before, "1")
    assert world.state("2") == "aborted: does not become ready"


@pytest.mark.parametrize("promoted", ["2", "3"], ids=["the same goes on", "another"])
def test_a_failure_never_goes_back_to_one_that_was_only_in_trial(
    world: World, promoted: str
) -> None:
    world.promote("1")
    before = world.pinned()
    world.promote("2", only_pin=True)
    world.fails = True
    with pytest.raises(StanchionError, match="taken back"):
        world.promote(promoted)
    assert world.pinned() == before


def test_a_rollback_goes_to_the_one_before_and_keeps_the_reason(world: World) -> None:
    world.promote("1")
    world.promote("2")
    assert world.roll_back() == "1"
    assert world.rolled_out[-1] == "1"
    assert (world.alias("champion"), world.alias("previous")) == ("1", None)
    assert world.state("2") == "rolled back to version 1: too wordy"
    with pytest.raises(StanchionError, match=r"no version is known to have served before.*--to"):
        world.roll_back()


def test_one_that_is_named_is_gone_back_to_only_where_it_has_served(world: World) -> None:
    world.promote("1")
    world.promote("2")
    pinned = world.pinned()
    with pytest.raises(StanchionError, match=r"prompt faq version 3: has never served") as caught:
        world.roll_back("3")
    assert "`stanchion promote faq 3 --prompt --env local`" in caught.value.fix
    assert (world.pinned(), world.rolled_out, world.state("3")) == (pinned, ["1", "2"], None)
    world.promote("3")
    assert world.roll_back("1") == "1"
    assert world.roll_back("3") == "3"


@pytest.mark.parametrize("tried", ["1", "3"], ids=["the one before again", "a new one"])
def test_one_in_trial_is_left_for_the_one_that_serves(world: World, tried: str) -> None:
    world.promote("1")
    world.promote("2")
    world.promote(tried, only_pin=True)
    assert world.roll_back() == "2"
    assert (world.alias("champion"), world.alias("previous")) == ("2", "1")


def test_one_that_a_person_pinned_again_is_rolled_out_and_its_alias_follows(world: World) -> None:
    world.promote("1")
    first = world.pinned()
    world.promote("2")
    lockfile.write_prompt(world.root, "local", PROMPT, {SERVICE: first})
    assert world.roll_back() == "1"
    assert (world.alias("champion"), world.rolled_out[-1]) == ("1", "1")


def test_one_that_was_deleted_from_the_registry_can_be_left(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.promote("1")
    world.promote("2")
    world.registry.client().delete_prompt_version(PROMPT, "2")
    assert world.roll_back() == "1"
    assert (world.alias("champion"), world.rolled_out[-1]) == ("1", "1")
    assert "version 2 is gone" in capsys.readouterr().err


def test_the_first_one_that_fails_leaves_none(world: World) -> None:
    world.fails = True
    with pytest.raises(StanchionError, match="taken back"):
        world.promote("1")
    assert (world.pinned(), world.rolled_out) == (None, ["1", None])


def test_users_are_served_again_even_while_the_registry_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote("1")
    before, roll_out = world.pinned(), world.roll_out
    world.fails = True

    def goes() -> None:
        world.gone = True
        roll_out()

    monkeypatch.setattr(world, "roll_out", goes)
    with pytest.raises(StanchionError, match=r"could not be recorded .MLflow does not answer"):
        world.promote("2")
    assert (world.pinned(), world.rolled_out) == (before, ["1", "2", "1"])


def test_one_that_nobody_registered_is_refused_and_nothing_is_pinned(world: World) -> None:
    with pytest.raises(GateError, match="is not in the registry"):
        world.promote("9")
    assert world.pinned() is None


def test_one_that_no_service_declares_is_bad_input(world: World) -> None:
    request = prompt_release.Request(world.root, "local", "another", "1")
    with pytest.raises(InputError, match=r"no service of local declares it \(declared: faq\)"):
        prompt_release.services_of(OUTPUTS, request)
