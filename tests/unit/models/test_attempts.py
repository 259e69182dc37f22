"""A version whose last trial did not end well is judged anew, and never gone back to unjudged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stanchion_cli.errors import StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.attempts import Attempts
from stanchion_cli.models.promotion import Request, promote_version
from stanchion_cli.models.rollback import Request as Rollback
from stanchion_cli.models.rollback import roll_back

from .conftest import ENVIRONMENT, MODEL, SERVICE, World


def _taken_back(world: World, version: str) -> None:
    with pytest.raises(StanchionError, match="taken back"):
        world.promote(version, roll_out=world.fails_once())


def _pin_only(world: World, version: str) -> None:
    request = Request(world.root, ENVIRONMENT, MODEL, version)
    promote_version(request, world.preview, world.target, roll_out=None)


def _back(world: World, to: str | None = None) -> None:
    request = Rollback(world.root, ENVIRONMENT, SERVICE, to, "by hand")
    roll_back(request, world.preview, world.target, roll_out=world.roll_out)


def _attempt(world: World) -> tuple[str, int]:
    pin = world.pinned()
    assert pin is not None
    return pin.version, pin.attempt


def test_a_version_that_was_taken_back_gets_pods_of_its_own_once_another_serves(
    world: World,
) -> None:
    world.promote(world.register())
    second = world.register()
    _taken_back(world, second)
    world.promote(world.register())
    world.promote(second)
    assert _attempt(world) == (second, 2)
    assert "attempt: 2" in lockfile.path(world.root, ENVIRONMENT).read_text()
    assert world.alias("champion") == second


def test_attempts_count_on(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    for attempt in (1, 2, 3):
        _taken_back(world, second)
        tried = world.rolled_out[-2]
        assert tried is not None
        assert (tried.version, tried.attempt) == (second, attempt)
        assert _attempt(world) == ("1", 1)


@pytest.mark.parametrize("left", ["by a rollback", "by another version"])
def test_a_version_that_was_left_in_trial_is_judged_anew(world: World, left: str) -> None:
    world.promote(world.register())
    second, third = world.register(), world.register()
    _pin_only(world, second)
    if left == "by a rollback":
        _back(world)
    world.promote(third)
    world.promote(second)
    assert _attempt(world) == (second, 2)


def test_one_that_is_pinned_or_was_found_good_goes_on_as_it_was(world: World) -> None:
    first, second = world.register(), world.register()
    world.promote(first)
    _pin_only(world, second)
    _pin_only(world, second)
    world.promote(second)
    world.promote(second)
    assert _attempt(world) == (second, 1)
    assert "attempt" not in lockfile.path(world.root, ENVIRONMENT).read_text()
    _back(world)
    world.promote(second)
    assert _attempt(world) == (second, 1)


def test_a_good_version_that_fails_when_it_comes_again_is_judged_anew_the_next_time(
    world: World,
) -> None:
    first = world.register()
    world.promote(first)
    world.promote(world.register())
    _taken_back(world, first)
    world.promote(first)
    assert _attempt(world) == (first, 2)


def test_a_rollback_pins_the_very_pods_that_served(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    _taken_back(world, second)
    world.promote(second)
    good = world.pinned()
    world.promote(world.register())
    _back(world)
    assert world.pinned() == good
    assert _attempt(world) == (second, 2)


def test_a_lower_attempt_that_a_person_pinned_is_gone_back_to_and_no_number_comes_twice() -> None:
    kept = Attempts(begun=2, healthy=2).begin(1).end(1, healthy=True)
    assert (kept.served, kept.next) == (1, 3)


def test_an_abort_restores_the_attempt_that_served(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    _taken_back(world, second)
    world.promote(second)
    _taken_back(world, world.register())
    assert _attempt(world) == (second, 2)


def test_an_attempt_that_a_person_pinned_stays_and_counts(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    _taken_back(world, second)
    tried = world.rolled_out[-2]
    assert tried is not None
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: replace(tried, attempt=2)})
    _back(world, second)
    assert _attempt(world) == (second, 2)
    world.promote(world.register())
    _back(world)
    assert _attempt(world) == (second, 2)


def test_attempts_of_another_environment_are_not_of_this_one(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    name = "stanchion.promotion.attempts"
    for told in ('{"prod-aws": {"begun": 3, "healthy": 0}}', "{"):
        world.client.set_model_version_tag(MODEL, second, name, told)
        _pin_only(world, second)
        assert _attempt(world) == (second, 1)
        _back(world)
        world.client.delete_model_version_tag(MODEL, second, name)
