"""`promote --candidate`: what a training proposes, once and only if it is newer."""

from __future__ import annotations

import pytest
from stanchion_cli.commands.promote import promote
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.candidate import Candidate, candidate_of
from stanchion_cli.models.lockfile import Pin
from stanchion_models import CANDIDATE

from .conftest import ENVIRONMENT, FAILS, MODEL, SERVICE, World


def propose(world: World, version: str) -> None:
    world.client.set_registered_model_alias(MODEL, CANDIDATE, version)


def found(world: World) -> Candidate:
    return candidate_of(world.registry, MODEL, {SERVICE: world.pinned()}, ENVIRONMENT)


def test_what_a_training_registered_last_is_promoted_and_is_nothing_to_do_then(
    world: World,
) -> None:
    world.promote(world.register())
    newer = world.register()
    propose(world, newer)
    assert found(world) == Candidate(newer, serves=False)
    world.promote(found(world).version)
    assert world.alias("champion") == newer
    assert found(world) == Candidate(newer, serves=True)


def test_a_first_version_is_a_candidate_too(world: World) -> None:
    propose(world, world.register())
    assert found(world) == Candidate("1", serves=False)


def test_the_same_number_of_another_model_is_not_what_serves(world: World) -> None:
    former = Pin("former-model", world.register(), f"sha256:{'a' * 64}")
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: former})
    propose(world, "1")
    assert found(world) == Candidate("1", serves=False, pinned=False)


def test_a_model_without_a_candidate_is_told(world: World) -> None:
    world.register()
    with pytest.raises(StanchionError, match="has no version with the alias candidate"):
        found(world)


def test_one_that_is_older_than_the_pin_is_refused(world: World) -> None:
    older = world.register()
    world.promote(world.register())
    propose(world, older)
    with pytest.raises(StanchionError, match="older than version 2, which is pinned"):
        found(world)


def test_numbers_are_compared_and_not_their_digits(world: World) -> None:
    for _ in range(9):
        world.register()
    world.promote("9")
    newer = world.register()
    propose(world, newer)
    assert found(world) == Candidate("10", serves=False)


def test_one_that_was_refused_is_not_tried_again_by_itself(world: World) -> None:
    world.gates = {"evaluation": world.evaluation(thresholds={"accuracy": {"min": 0.9}})}
    bad = world.register("wrong in the north")
    propose(world, bad)
    with pytest.raises(StanchionError):
        world.promote(found(world).version)
    with pytest.raises(StanchionError, match="was tried before: refused: "):
        found(world)


def test_one_that_was_taken_back_is_not_tried_again_by_itself(world: World) -> None:
    world.promote(world.register())
    propose(world, world.register())
    with pytest.raises(StanchionError, match=FAILS.reason):
        world.promote(found(world).version, roll_out=world.fails_once())
    with pytest.raises(StanchionError, match="was tried before: aborted: "):
        found(world)


def test_one_whose_promotion_was_interrupted_goes_on(world: World) -> None:
    propose(world, world.register())

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.promote("1", roll_out=interrupted)
    assert world.pinned() is not None
    assert found(world) == Candidate("1", serves=False, pinned=True)


@pytest.mark.parametrize(("version", "candidate"), [("", False), ("2", True)])
def test_a_version_or_the_candidate_is_named_and_not_both(version: str, candidate: bool) -> None:
    with pytest.raises(InputError, match="either the version to promote, or --candidate"):
        promote(MODEL, version, candidate=candidate)
