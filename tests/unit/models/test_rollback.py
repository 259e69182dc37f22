"""A rollback serves what served before, with the alias, and never goes on to what was left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.promotion import Request as Promotion
from stanchion_cli.models.promotion import promote_version
from stanchion_cli.models.rollback import Request, roll_back
from stanchion_cli.models.trial import RollOut

from .conftest import ENVIRONMENT, MODEL, SERVICE, World

STATE = "stanchion.promotion"


def _back(world: World, to: str | None = None, *, roll_out: RollOut | None = None) -> str:
    request = Request(world.root, ENVIRONMENT, SERVICE, to, "it answers nonsense")
    return roll_back(
        request, world.preview, world.target, roll_out=roll_out or world.roll_out
    ).version


def test_the_version_before_is_pinned_rolled_out_and_champion_again(world: World) -> None:
    world.promote(world.register())
    world.promote(world.register())
    assert (world.alias("champion"), world.alias("previous")) == ("2", "1")
    assert _back(world) == "1"
    assert world.rolled_out[-1] == world.pinned()
    assert (world.served, world.alias("champion"), world.alias("previous")) == ("1", "1", None)
    assert world.tags("2")["stanchion.promotion"] == (
        "rolled back to version 1: it answers nonsense"
    )
    assert world.tags("1")["stanchion.promotion"] == "healthy at full weight"


def test_a_second_rollback_does_not_return_to_what_was_left(world: World) -> None:
    world.promote(world.register())
    world.promote(world.register())
    _back(world)
    with pytest.raises(StanchionError, match=r"version 1 is pinned and no version.*--to"):
        _back(world)
    assert world.served == "1"


def test_the_first_version_has_nothing_to_go_back_to(world: World) -> None:
    world.promote(world.register())
    with pytest.raises(StanchionError, match="no version is known to have served before it"):
        _back(world)


def test_a_service_that_nothing_is_pinned_for_has_nothing_to_go_back_to(world: World) -> None:
    world.register()
    with pytest.raises(StanchionError, match=f"no version of {MODEL} is pinned"):
        _back(world)


def test_what_a_service_serves_of_another_model_is_no_version_to_go_back_from(
    world: World,
) -> None:
    former = Pin("former-model", "1", f"sha256:{'a' * 64}")
    world.promote(world.register())
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: former})
    with pytest.raises(StanchionError, match=f"no version of {MODEL} is pinned.*--to"):
        _back(world)
    assert world.pinned() == former
    assert _back(world, "1") == "1"


@pytest.mark.parametrize("pin", [None, Pin("former-model", "3", f"sha256:{'a' * 64}")])
def test_a_rollback_brings_a_model_to_no_service_that_has_not_served_it(
    world: World, pin: Pin | None
) -> None:
    world.promote(world.register())
    world.promote(world.register())
    lockfile.write(world.root, ENVIRONMENT, {"cellar": pin})
    preview = world.preview
    preview.outputs["services"]["cellar"] = preview.outputs["services"][SERVICE]
    request = Request(world.root, ENVIRONMENT, SERVICE, None, "it answers nonsense")
    roll_back(request, preview, world.target, roll_out=None)
    assert world.served == "1"
    assert lockfile.read(world.root, ENVIRONMENT).get("cellar") == pin


def test_a_named_version_is_gone_back_to_with_the_digest_of_the_registry(world: World) -> None:
    for _ in range(3):
        world.promote(world.register())
    assert _back(world, "1") == "1"
    pin = world.pinned()
    assert pin is not None
    assert pin.digest == world.tags("1")["stanchion.digest"]
    assert (world.alias("champion"), world.alias("previous")) == ("1", None)


def _pin_only(world: World, version: str) -> None:
    request = Promotion(world.root, ENVIRONMENT, MODEL, version)
    promote_version(request, world.preview, world.target, roll_out=None)


def _not_back(world: World, to: str) -> None:
    """That a version is refused, with the command that judges it, and nothing has changed."""
    before, rollouts, told = world.pinned(), len(world.rolled_out), world.tags(to)
    champion = world.alias("champion")
    with pytest.raises(StanchionError, match=rf"version {to}: has never served here") as caught:
        _back(world, to)
    assert caught.value.fix == f"`stanchion promote {MODEL} {to} --env local` judges it first"
    assert (world.pinned(), world.alias("champion")) == (before, champion)
    assert (len(world.rolled_out), world.tags(to)) == (rollouts, told)


def test_a_version_that_nobody_promoted_is_not_gone_back_to(world: World) -> None:
    world.promote(world.register())
    _not_back(world, world.register())


def test_a_version_that_a_gate_refused_is_not_gone_back_to(world: World) -> None:
    world.promote(world.register())
    refused = world.register("of one input more")
    with pytest.raises(StanchionError, match="does not pass"):
        world.promote(refused)
    _not_back(world, refused)


def test_a_version_that_was_taken_back_is_gone_back_to_once_it_was_found_good(
    world: World,
) -> None:
    world.promote(world.register())
    second = world.register()
    with pytest.raises(StanchionError, match="taken back"):
        world.promote(second, roll_out=world.fails_once())
    world.promote(world.register())
    _not_back(world, second)
    world.promote(second)
    good = world.pinned()
    for _ in range(2):
        world.promote(world.register())
    assert _back(world, second) == second
    assert world.pinned() == good


def test_a_version_that_was_left_in_its_trial_is_not_gone_back_to(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    _pin_only(world, second)
    _back(world)
    assert world.tags(second)[STATE].startswith("rolled back to version 1")
    _not_back(world, second)


@pytest.mark.parametrize(
    ("state", "trials"),
    [
        ("healthy at full weight", '{"staging-aws": {"begun": 1, "healthy": 1}}'),
        ("rolled back to version 2: it answers nonsense", ""),
    ],
)
def test_what_served_in_another_environment_has_not_served_in_this_one(
    world: World, state: str, trials: str
) -> None:
    world.promote(world.register())
    second = world.register()
    told = {STATE: state, f"{STATE}.environment": "staging-aws", f"{STATE}.attempts": trials}
    for tag, value in told.items():
        world.client.set_model_version_tag(MODEL, second, tag, value)
    _not_back(world, second)


@pytest.mark.parametrize("left", [False, True])
def test_a_version_that_served_before_trials_were_counted_is_gone_back_to(
    world: World, left: bool
) -> None:
    for _ in range(4):
        world.promote(world.register())
    if left:
        _back(world)
    served = "4" if left else "2"
    assert world.tags(served)[STATE].startswith("rolled back" if left else "healthy")
    world.client.delete_model_version_tag(MODEL, served, f"{STATE}.attempts")
    assert _back(world, served) == served


def test_what_a_version_in_trial_is_to_replace_has_served_whatever_its_records_say(
    world: World,
) -> None:
    world.promote(world.register())
    _pin_only(world, world.register())
    for tag in world.tags("1"):
        if tag.startswith(STATE):
            world.client.delete_model_version_tag(MODEL, "1", tag)
    world.client.delete_registered_model_alias(MODEL, "champion")
    assert _back(world, "1") == "1"


def test_a_version_that_a_person_has_pinned_is_taken_at_their_word(world: World) -> None:
    world.promote(world.register())
    pinned, second = world.pinned(), world.register()
    assert pinned is not None
    by_hand = replace(pinned, version=second)
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: by_hand})
    assert _back(world, second) == second
    assert world.alias("champion") == second


def test_a_version_that_was_deleted_from_the_registry_can_be_left(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.promote(world.register())
    world.promote(world.register())
    world.client.delete_model_version(MODEL, "2")
    assert _back(world) == "1"
    assert (world.served, world.alias("champion")) == ("1", "1")
    assert "version 2 is gone" in capsys.readouterr().err


def test_a_version_in_trial_is_left_for_the_one_it_was_to_replace(world: World) -> None:
    world.promote(world.register())
    _pin_only(world, world.register())
    assert _back(world) == "1"
    assert (world.served, world.alias("champion")) == ("1", "1")


def test_the_version_before_in_trial_again_is_left_for_the_one_that_serves(world: World) -> None:
    for _ in range(3):
        world.promote(world.register())
    _pin_only(world, "2")
    assert _back(world) == "3"
    assert (world.served, world.alias("champion"), world.alias("previous")) == ("3", "3", "2")
    assert _back(world) == "2"


def test_a_pin_that_was_edited_by_hand_is_rolled_out_and_its_alias_follows(world: World) -> None:
    world.promote(world.register())
    first = world.pinned()
    world.promote(world.register())
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: first})
    assert _back(world) == "1"
    assert (world.served, world.alias("champion")) == ("1", "1")


def test_a_rollback_that_does_not_roll_out_moves_no_alias_and_keeps_the_pin(world: World) -> None:
    world.promote(world.register())
    world.promote(world.register())

    def fails() -> None:
        raise StanchionError("no node has room")

    with pytest.raises(StanchionError, match="no node has room"):
        _back(world, roll_out=fails)
    assert (world.served, world.alias("champion")) == ("1", "2")
    assert _back(world) == "1"
    assert world.alias("champion") == "1"


def test_a_rollback_waits_for_no_promotion_that_is_under_way(world: World) -> None:
    world.promote(world.register())
    second, said = world.register(), []

    def meanwhile() -> None:
        with pytest.raises(StanchionError) as caught:
            _back(world)
        said.append(str(caught.value))

    world.promote(second, roll_out=meanwhile)
    assert f"promotes {MODEL} version {second}" in said[0]


def test_a_version_that_is_not_there_is_refused_and_nothing_changes(world: World) -> None:
    world.promote(world.register())
    with pytest.raises(StanchionError, match="version 99"):
        _back(world, "99")
    assert world.served == "1"


def test_a_service_that_is_not_there_is_bad_input_with_those_that_are(world: World) -> None:
    request = Request(world.root, ENVIRONMENT, "beer", None, "")
    with pytest.raises(InputError, match=r"no such service \(it has: wine\)"):
        roll_back(request, world.preview, world.target, roll_out=None)
