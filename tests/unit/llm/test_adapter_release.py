"""A version of a LoRA adapter is promoted where it fits, and is not pinned where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from stanchion_cli.errors import StanchionError
from stanchion_cli.llm import adapter_release
from stanchion_cli.models import lockfile
from stanchion_cli.models.gates import GateError
from stanchion_cli.models.lockfile import AdapterPin
from stanchion_cli.models.promotion import Request
from stanchion_cli.models.records import PROPOSED
from stanchion_models import CANDIDATE, Registry
from unit.models.adapters import BASE, adapter, registered
from unit.models.conftest import Cluster, Elsewhere

ADAPTER = "assistant-lora"


def outputs(**changes: Any) -> dict[str, Any]:
    """What the program says of one service with one adapter."""
    declared = {"name": "support", "version": None, "base": BASE, "rank": 16, **changes}
    return {
        "tracking": {},
        "llmServices": {
            "assistant": {"namespace": "demo", "adapters": {ADAPTER: declared}},
            "other": {"namespace": "demo", "adapters": {}},
        },
    }


@dataclass
class World:
    """A checkout, its registry with two versions of the adapter, and a cluster."""

    root: Path
    registry: Registry
    fails: bool = False
    rolled_out: list[AdapterPin | None] = field(default_factory=list)

    def pinned(self) -> AdapterPin | None:
        found = lockfile.read_adapters(self.root, "local")
        return found.get("assistant", {}).get(ADAPTER)

    def roll_out(self) -> None:
        self.rolled_out.append(self.pinned())
        if self.fails:
            self.fails = False
            raise StanchionError("does not become ready")

    def release(self, version: str, **changes: Any) -> adapter_release.Release:
        told = outputs(**changes)
        return adapter_release.Release(
            Request(self.root, "local", ADAPTER, version),
            adapter_release.services_of(told, ADAPTER),
            _target(),
            told["tracking"],
        )

    def alias(self, name: str) -> str | None:
        version = self.registry.client().get_registered_model(ADAPTER).aliases.get(name)
        return None if version is None else str(version)

    def state(self, version: str) -> str | None:
        tags = self.registry.client().get_model_version(ADAPTER, version).tags
        return tags.get("stanchion.promotion")


def _target() -> Any:
    cluster = Cluster()
    return SimpleNamespace(api=lambda: cluster, environment="local")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Version 1 and 2 fit, version 3 is of another base and a higher rank."""
    root = tmp_path_factory.mktemp("adapters")
    found = Registry(f"sqlite:///{root / 'registry.db'}")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(found.tracking_uri)
    client: MlflowClient = found.client()
    client.create_experiment(ADAPTER, artifact_location=str(root / "artifacts"))
    registered(client, adapter(root / "one"))
    registered(client, adapter(root / "two", r=8))
    registered(client, adapter(root / "three", r=64, revision="c" * 40))
    yield found
    mlflow.set_tracking_uri(before)


@pytest.fixture
def world(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "stacks" / "services").mkdir(parents=True)

    @contextmanager
    def opened(_target: Any, _api: Any, _tracking: Any) -> Iterator[Registry]:
        yield registry

    monkeypatch.setattr(adapter_release, "open_registry", opened)
    return World(tmp_path, registry)


def test_only_services_that_declare_it_serve_it() -> None:
    assert list(adapter_release.services_of(outputs(), ADAPTER)) == ["assistant"]
    assert adapter_release.services_of(outputs(), "wine-cultivar") == {}
    assert adapter_release.services_of({}, ADAPTER) == {}


def test_one_that_fits_is_pinned_rolled_out_and_then_champion(world: World) -> None:
    for version in ("1", "2"):
        adapter_release.promote(world.release(version), roll_out=world.roll_out)
    one, two = world.rolled_out
    assert one is not None
    assert (one.version, one.base, one.rank) == ("1", BASE, 16)
    assert two is not None
    assert (two.version, two.rank) == ("2", 8)
    assert two == world.pinned()
    assert (world.alias("champion"), world.alias("previous")) == ("2", "1")
    assert world.state("2") == "healthy at full weight"


def test_one_of_another_base_and_too_high_a_rank_is_refused_with_both(world: World) -> None:
    with pytest.raises(GateError) as error:
        adapter_release.promote(world.release("3"), roll_out=world.roll_out)
    told = str(error.value)
    assert f"assistant: was trained on Qwen/Qwen3-8B@{'c' * 40}, and {BASE} is served" in told
    assert "assistant: has rank 64, and there is room for 16" in told
    assert (world.pinned(), world.rolled_out) == (None, [])


def test_a_rollout_that_fails_leaves_what_served_before(world: World) -> None:
    adapter_release.promote(world.release("1"), roll_out=world.roll_out)
    world.rolled_out.clear()
    before, world.fails = world.pinned(), True
    with pytest.raises(StanchionError, match="was taken back: does not become ready"):
        adapter_release.promote(world.release("2"), roll_out=world.roll_out)
    assert world.pinned() == before
    assert [pin.version for pin in world.rolled_out if pin] == ["2", "1"]
    assert world.state("2") == "aborted: does not become ready"


def test_one_that_goes_on_and_fails_is_taken_back_to_what_it_replaced(world: World) -> None:
    adapter_release.promote(world.release("1"), roll_out=world.roll_out)
    before = world.pinned()
    adapter_release.promote(world.release("2"), roll_out=None)
    world.fails = True
    with pytest.raises(StanchionError, match="taken back"):
        adapter_release.promote(world.release("2"), roll_out=world.roll_out)
    assert world.pinned() == before


def test_one_that_is_proposed_leaves_the_checkout_as_it_is(world: World, tmp_path: Path) -> None:
    proposal = Elsewhere(tmp_path / "proposal")
    adapter_release.promote(world.release("1"), roll_out=None, destination=proposal)
    assert (world.pinned(), world.state("1")) == (None, PROPOSED)
    assert lockfile.read_adapters(proposal.root, "local")["assistant"][ADAPTER].version == "1"
    assert proposal.told == [f"assistant: base model and rank: {BASE}, 16"]


def test_a_rollback_goes_to_the_version_before_and_keeps_the_reason(world: World) -> None:
    for version in ("1", "2"):
        adapter_release.promote(world.release(version), roll_out=world.roll_out)
    pin = adapter_release.roll_back(world.release(""), reason="rude", roll_out=world.roll_out)
    assert pin == world.pinned()
    assert pin.version == "1"
    assert world.state("2") == "rolled back to version 1: rude"
    assert (world.alias("champion"), world.alias("previous")) == ("1", None)
    with pytest.raises(StanchionError, match="has no version that served before"):
        adapter_release.roll_back(world.release(""), reason="rude", roll_out=world.roll_out)


def test_one_that_is_named_is_gone_back_to_only_where_it_has_served(
    world: World, tmp_path: Path
) -> None:
    for version in ("1", "2"):
        adapter_release.promote(world.release(version), roll_out=world.roll_out)
    client = world.registry.client()
    unseen = registered(client, adapter(tmp_path / "unseen", r=8)).version
    before = world.pinned()
    with pytest.raises(StanchionError, match="has never served here") as caught:
        adapter_release.roll_back(world.release(unseen), reason="x", roll_out=world.roll_out)
    assert f"`stanchion promote {ADAPTER} {unseen} --env local`" in caught.value.fix
    assert (world.pinned(), len(world.rolled_out)) == (before, 2)
    pin = adapter_release.roll_back(world.release("1"), reason="x", roll_out=world.roll_out)
    assert (pin, world.alias("champion")) == (world.pinned(), "1")


def test_one_in_trial_is_left_for_the_one_that_it_was_to_replace(
    world: World, tmp_path: Path
) -> None:
    for version in ("1", "2"):
        adapter_release.promote(world.release(version), roll_out=world.roll_out)
    fitting = registered(world.registry.client(), adapter(tmp_path / "fitting", r=8)).version
    adapter_release.promote(world.release(fitting), roll_out=None)
    for before in ("2", "1"):
        pin = adapter_release.roll_back(world.release(""), reason="rude", roll_out=world.roll_out)
        assert (pin.version, world.alias("champion")) == (before, before)
    assert world.alias("previous") is None


def test_a_rollback_to_what_does_not_go_with_the_model_any_more_is_refused(world: World) -> None:
    adapter_release.promote(world.release("1"), roll_out=None)
    with pytest.raises(GateError, match="has rank 16, and there is room for 8"):
        adapter_release.roll_back(world.release("1", rank=8), reason="rude", roll_out=None)


def test_the_candidate_of_its_training_is_what_is_promoted(world: World) -> None:
    client = world.registry.client()
    client.set_registered_model_alias(ADAPTER, CANDIDATE, "1")
    client.set_registered_model_alias(ADAPTER, "champion", "1")
    assert not adapter_release.proposed(world.release("")).serves
    adapter_release.promote(world.release("1"), roll_out=None)
    assert adapter_release.proposed(world.release("")).serves
