"""A version is pinned when it passes every gate, and the alias moves when it serves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from stanchion_cli.deploy import task
from stanchion_cli.deploy.turns import BusyError
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import lockfile
from stanchion_cli.models.candidate import candidate_of
from stanchion_cli.models.gates import GateError
from stanchion_cli.models.lease import LeaseLostError, held
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.promotion import Request, promote_version
from stanchion_cli.models.records import Records
from stanchion_models import CANDIDATE

from .conftest import ENVIRONMENT, FAILS, MODEL, NORTH, SERVICE, World, data


def _refused(world: World, version: str) -> str:
    """The refusal of a version, after which nothing is pinned and no alias has moved."""
    before, alias = world.pinned(), world.alias("champion")
    with pytest.raises(GateError) as caught:
        world.promote(version)
    assert (world.pinned(), world.alias("champion")) == (before, alias)
    assert world.rolled_out == ([before] if before else [])
    assert world.tags(version)["stanchion.promotion"].startswith("refused: ")
    return str(caught.value)


def test_a_version_that_passes_is_pinned_rolled_out_and_becomes_champion(world: World) -> None:
    world.gates = {
        "evaluation": world.evaluation(
            thresholds={"accuracy": {"min": 0.9}},
            slices=[{"column": "region", "metric": "accuracy", "maxDisparity": 0.1}],
        ),
        "modelCard": {},
        "scan": {},
        "smoke": {"maxMemoryMebibytes": 100_000},
    }
    version = world.register()
    world.promote(version)
    assert world.rolled_out == [world.pinned()]
    assert world.alias("champion") == version
    tags = world.tags(version)
    assert tags["stanchion.promotion"] == "healthy at full weight"
    assert tags["stanchion.promotion.environment"] == ENVIRONMENT
    assert "@" in tags["stanchion.promotion.by"]
    assert tags["stanchion.promotion.digest"] == tags["stanchion.digest"]


def test_every_figure_is_kept_as_a_run_that_is_tied_to_the_version(world: World) -> None:
    world.gates = {
        "evaluation": world.evaluation(
            slices=[{"column": "region", "metric": "recall", "maxDisparity": 1}]
        )
    }
    version = world.register()
    world.promote(version)
    run = world.client.get_run(world.tags(version)["stanchion.promotion.evaluation_run"])
    assert run.data.metrics["wine/evaluation/accuracy"] > 0.9
    assert run.data.metrics["wine/evaluation/slice/region/north/recall"] > 0.9
    assert run.data.metrics["wine/smoke/p99_ms"] > 0
    assert run.data.tags["stanchion.version"] == version
    assert run.data.tags["stanchion.gates"] == "passed"
    assert run.info.status == "FINISHED"
    model = world.client.get_logged_model(world.logged["right"])
    assert "wine/evaluation/accuracy" in {metric.key for metric in model.metrics}


def test_a_metric_below_its_threshold_refuses_with_both_numbers(world: World) -> None:
    world.gates = {"evaluation": world.evaluation(thresholds={"accuracy": {"min": 0.9}})}
    version = world.register("wrong in the north")
    wrong = float((data()["a"] < NORTH).mean())
    said = _refused(world, version)
    assert f"wine: evaluation: accuracy {1 - wrong:.6g} < 0.9" in said


def test_a_slice_that_is_served_worse_refuses_with_the_distance(world: World) -> None:
    world.gates = {
        "evaluation": world.evaluation(
            slices=[{"column": "region", "metric": "accuracy", "maxDisparity": 0.1}]
        )
    }
    said = _refused(world, world.register("wrong in the north"))
    assert "slice region=north: accuracy 0, 1 below the best slice, at most 0.1" in said


def test_a_version_worse_than_the_champion_refuses_with_the_difference(world: World) -> None:
    world.gates = {"evaluation": world.evaluation(notWorseThanChampionBy={"accuracy": 0.02})}
    first = world.register()
    world.promote(first)
    said = _refused(world, world.register("wrong below 0.1"))
    wrong = float((data()["a"] < 0.1).mean())
    assert f"accuracy {1 - wrong:.6g} is " in said
    assert f"worse than the champion's 1 (version {first}), at most 0.02" in said


def test_the_first_version_has_no_champion_to_be_compared_with(world: World) -> None:
    world.gates = {"evaluation": world.evaluation(notWorseThanChampionBy={"accuracy": 0})}
    version = world.register()
    world.promote(version)
    assert world.measured == [version]


def test_too_few_rows_refuse_with_both_numbers(world: World) -> None:
    asked = world.evaluation(thresholds={"accuracy": {"min": 0.1}}, minRows=500)
    world.gates = {"evaluation": asked}
    assert "evaluation: 200 rows < 500" in _refused(world, world.register())


def test_a_version_without_a_digest_is_refused_with_the_way_to_get_one(world: World) -> None:
    source = f"models:/{world.logged['right']}"
    world.client.create_registered_model("wine-cultivar")
    world.client.create_model_version("wine-cultivar", source)
    with pytest.raises(GateError, match=r"has no recorded digest; register it with"):
        world.promote("1")
    assert (world.pinned(), world.measured) == (None, [])


def test_a_signature_that_breaks_callers_refuses_with_the_input(world: World) -> None:
    world.promote(world.register())
    said = _refused(world, world.register("of one input more"))
    assert "breaks callers of version 1: input 'c' is required now" in said


def test_a_signature_is_held_to_versions_of_the_same_model_alone(world: World) -> None:
    world.register()
    former = Pin("former-model", "1", f"sha256:{'a' * 64}")
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: former})
    with pytest.raises(GateError, match="without an input example") as caught:
        world.promote(world.register("of one input more"))
    assert "signature" not in str(caught.value)


def test_a_model_card_without_its_sections_refuses_with_their_names(world: World) -> None:
    world.gates = {"modelCard": {}}
    said = _refused(world, world.register(card="# Wine\n## Data\n## Intended use\nTests.\n"))
    assert "model card: no section 'Limits'" in said
    assert "model card: section 'Data' is empty" in said


def test_a_version_without_a_model_card_is_told_where_one_belongs(world: World) -> None:
    world.gates = {"modelCard": {}}
    said = _refused(world, world.register(card=""))
    assert "there is none; write the version's description in MLflow" in said


def test_a_pickle_that_refers_to_other_code_refuses_and_is_not_loaded(world: World) -> None:
    world.gates = {"scan": {}}
    said = _refused(world, world.register("wrong below 0.1"))
    assert "scan: model.pkl: refers to" in said
    assert "conftest.Flipped" in said
    assert "smoke: not run: the scan speaks against loading the model" in said


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ({"maxP99Milliseconds": 0.000001}, "ms > 1e-06 ms"),
        ({"maxMemoryMebibytes": 1}, "MiB > 1 MiB"),
    ],
)
def test_a_smoke_test_beyond_its_limits_refuses_with_the_figures(
    world: World, limit: dict[str, Any], says: str
) -> None:
    world.gates = {"smoke": limit}
    assert says in _refused(world, world.register())


def test_a_version_slower_than_the_champion_refuses_with_the_ratio(world: World) -> None:
    world.promote(world.register())
    world.gates = {"smoke": {"maxLatencyRatioToChampion": 0.000001}}
    said = _refused(world, world.register())
    assert "times the champion's" in said
    assert "(version 1), at most 1e-06" in said


def test_every_failing_gate_is_told_at_once(world: World) -> None:
    world.gates = {
        "evaluation": world.evaluation(
            thresholds={"accuracy": {"min": 0.99}, "recall": {"min": 0.99}}
        ),
        "modelCard": {},
        "smoke": {"maxMemoryMebibytes": 1},
    }
    said = _refused(world, world.register("wrong in the north", card=""))
    assert "does not pass 3 of 4 gates" in said
    for each in ("accuracy 0", "recall 0", "model card: there is none", "memory "):
        assert each in said


def test_a_container_that_was_killed_is_a_failed_gate_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> str:
        raise task.EndedError("OOMKilled")

    monkeypatch.setattr(task, "run", killed)
    said = _refused(world, world.register())
    assert "smoke: did not end well in model-server:test with 512Mi: OOMKilled" in said


def _evicted(*_: Any) -> str:
    raise StanchionError("the job failed, as its pod was taken from its node")


def _unanswered(*_: Any) -> str:
    return json.dumps({"smoke": {"problem": "timed out"}, "unavailable": "timed out"})


@pytest.mark.parametrize(
    ("befell", "told"),
    [(_evicted, "taken from its node"), (_unanswered, "the registry did not answer: timed out")],
)
def test_what_befalls_the_gates_says_nothing_of_the_version_which_is_a_candidate_still(
    world: World, monkeypatch: pytest.MonkeyPatch, befell: Callable[..., str], told: str
) -> None:
    version = world.register()
    world.client.set_registered_model_alias(MODEL, CANDIDATE, version)
    with monkeypatch.context() as patched:
        patched.setattr(task, "run", befell)
        with pytest.raises(StanchionError, match=told) as caught:
            world.promote(version)
    assert not isinstance(caught.value, GateError)
    assert not [tag for tag in world.tags(version) if tag.startswith("stanchion.promotion")]
    found = candidate_of(world.registry, MODEL, {SERVICE: world.pinned()}, ENVIRONMENT)
    world.promote(found.version)
    assert world.alias("champion") == version


@pytest.mark.parametrize(
    "error", [MlflowException("no connection"), ConnectionError("no connection")]
)
@pytest.mark.parametrize("gates", [{}, {"modelCard": {}}], ids=["signature", "model card"])
def test_a_registry_that_fails_in_a_gate_says_nothing_of_the_version(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, gates: dict[str, Any]
) -> None:
    version, reads = world.register(card=""), mlflow.artifacts.list_artifacts

    def fails(artifact_uri: str, tracking_uri: str) -> Any:
        # The signature is read first.
        if gates and not world.measured:
            return reads(artifact_uri=artifact_uri, tracking_uri=tracking_uri)
        raise error

    world.gates = gates
    monkeypatch.setattr(mlflow.artifacts, "list_artifacts", fails)
    with pytest.raises((MlflowException, StanchionError), match="no connection") as caught:
        world.promote(version)
    assert not isinstance(caught.value, GateError)
    assert "stanchion.promotion" not in world.tags(version)
    assert world.pinned() is None


def test_a_version_whose_signature_is_not_there_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow.artifacts, "list_artifacts", lambda **_: [])
    assert "signature: the signature of version 1 cannot be read" in _refused(
        world, world.register()
    )


def test_evaluation_data_that_changed_are_bad_input_before_anything_runs(world: World) -> None:
    world.gates = {"evaluation": world.evaluation(thresholds={"accuracy": {"min": 0.9}})}
    (world.root / "evaluation.csv").write_text("a,b,label\n1,2,0\n")
    with pytest.raises(InputError, match=r"services/wine: gates\.evaluation\.data.*is pinned"):
        world.promote(world.register())
    assert world.measured == []


@pytest.mark.parametrize("named", ["../secret.csv", "none.csv"])
def test_evaluation_data_outside_the_repository_are_bad_input(world: World, named: str) -> None:
    (world.root.parent / "secret.csv").write_text("a\n1\n")
    asked = world.evaluation(thresholds={"accuracy": {"min": 0.9}})
    world.gates = {"evaluation": {**asked, "data": named}}
    with pytest.raises(InputError, match="is no file of this repository"):
        world.promote(world.register())


def test_a_rollout_that_fails_is_taken_back_and_its_reason_kept(world: World) -> None:
    world.promote(world.register())
    served, second = world.pinned(), world.register()
    world.rolled_out.clear()
    with pytest.raises(StanchionError, match="was taken back: 7 of 10 requests failed"):
        world.promote(second, roll_out=world.fails_once())
    assert [pin.version if pin else None for pin in world.rolled_out] == [second, "1"]
    assert world.pinned() == served
    assert (world.alias("champion"), world.alias("previous")) == ("1", None)
    assert world.tags(second)["stanchion.promotion"] == "aborted: 7 of 10 requests failed"


def test_somebody_elses_update_is_no_failure_of_the_version_whose_promotion_goes_on(
    world: World,
) -> None:
    world.promote(world.register())
    second = world.register()

    def busy() -> None:
        raise BusyError("another run of the engine is changing it", fix="wait, then run this again")

    with pytest.raises(
        StanchionError, match="is pinned, and was not rolled out: another run"
    ) as told:
        world.promote(second, roll_out=busy)
    assert "wait, then run this again; the promotion then goes on" in str(told.value)
    assert (world.served, world.alias("champion")) == (second, "1")
    assert world.tags(second)["stanchion.promotion"].startswith("pinned")
    asked = len(world.measured)
    world.promote(second)
    pin = world.pinned()
    assert pin is not None
    assert (pin.version, pin.attempt) == (second, 1)
    assert (world.alias("champion"), len(world.measured)) == (second, asked)


def test_a_pin_that_does_not_roll_out_again_either_is_said(world: World) -> None:
    def fails() -> None:
        raise FAILS

    with pytest.raises(StanchionError, match=r"does not roll out either.*the next `up` rolls"):
        world.promote(world.register(), roll_out=fails)
    assert world.pinned() is None


def test_users_are_served_again_even_while_the_registry_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote(world.register())
    world.rolled_out.clear()

    def gone(*_: Any) -> Any:
        raise StanchionError("MLflow does not answer")

    fails_once = world.fails_once(
        lambda: monkeypatch.setattr("stanchion_cli.models.promotion.open_registry", gone)
    )
    with pytest.raises(StanchionError, match=r"could not be recorded .MLflow does not answer"):
        world.promote(world.register(), roll_out=fails_once)
    assert (world.served, len(world.rolled_out)) == ("1", 2)


def test_pins_of_other_services_stay_when_a_rollout_is_taken_back(world: World) -> None:
    other = Pin("other", "4", f"sha256:{'a' * 64}")
    fails_once = world.fails_once(lambda: lockfile.write(world.root, ENVIRONMENT, {"other": other}))
    with pytest.raises(StanchionError, match="taken back"):
        world.promote(world.register(), roll_out=fails_once)
    assert lockfile.read(world.root, ENVIRONMENT) == {"other": other}


def _pin_only(world: World, version: str) -> None:
    request = Request(world.root, ENVIRONMENT, "wine-cultivar", version)
    promote_version(request, world.preview, world.target, roll_out=None)


def test_a_promotion_goes_on_without_running_its_gates_again(world: World) -> None:
    world.promote(world.register())
    second = world.register()
    _pin_only(world, second)
    assert (world.alias("champion"), len(world.rolled_out)) == ("1", 1)
    assert world.tags(second)["stanchion.promotion"].startswith("pinned")
    asked = len(world.measured)
    world.promote(second)
    assert len(world.measured) == asked
    assert (world.alias("champion"), world.alias("previous")) == (second, "1")


def test_gates_run_again_when_their_settings_have_changed(world: World) -> None:
    version = world.register()
    _pin_only(world, version)
    world.gates = {"smoke": {"maxMemoryMebibytes": 1}}
    with pytest.raises(GateError, match="MiB > 1 MiB"):
        world.promote(version)


def test_a_promotion_that_goes_on_and_fails_is_taken_back_to_what_it_replaced(
    world: World,
) -> None:
    world.promote(world.register())
    second = world.register()
    _pin_only(world, second)
    with pytest.raises(StanchionError, match="taken back"):
        world.promote(second, roll_out=world.fails_once())
    assert world.served == "1"


def test_a_failed_rollout_never_goes_back_to_a_version_that_was_only_in_trial(
    world: World,
) -> None:
    world.promote(world.register())
    interrupted, third = world.register(), world.register()
    _pin_only(world, interrupted)
    with pytest.raises(StanchionError, match="taken back"):
        world.promote(third, roll_out=world.fails_once())
    assert world.served == "1"


def test_a_registry_that_does_not_say_what_was_replaced_stops_the_promotion(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote(world.register())
    _pin_only(world, world.register())
    third, pinned = world.register(), world.pinned()

    def fails(_: Records) -> str:
        raise MlflowException("no connection")

    monkeypatch.setattr(Records, "state", fails)
    with pytest.raises(MlflowException, match="no connection"):
        world.promote(third)
    assert world.pinned() == pinned


def test_a_serving_version_that_is_gone_from_the_registry_is_told_as_such(world: World) -> None:
    gone = Pin("wine-cultivar", "9", f"sha256:{'a' * 64}")
    lockfile.write(world.root, ENVIRONMENT, {SERVICE: gone})
    with pytest.raises(GateError, match=r"the signature of version 9 cannot be read"):
        world.promote(world.register())


def test_of_two_promotions_at_once_one_wins_and_the_other_says_so(world: World) -> None:
    first, second = world.register(), world.register()
    said: list[str] = []

    def meanwhile() -> None:
        with pytest.raises(StanchionError) as caught:
            world.promote(second)
        said.append(str(caught.value))

    world.promote(first, roll_out=meanwhile)
    assert "service wine: " in said[0]
    assert f"promotes wine-cultivar version {first}, since 2" in said[0]
    assert "run this again" in said[0]
    assert (world.served, world.alias("champion")) == (first, first)
    world.promote(second)
    assert world.alias("champion") == second


def test_the_alias_stays_when_the_lock_was_lost_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: Any) -> None:
        raise LeaseLostError("lost its lock")

    def rolled_out() -> None:
        monkeypatch.setattr("stanchion_cli.models.lease.Hold.check", lost)

    with pytest.raises(LeaseLostError):
        world.promote(world.register(), roll_out=rolled_out)
    assert world.alias("champion") is None


def test_who_lost_the_lock_restores_its_own_file_and_rolls_nothing_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote(world.register())
    tried = []

    def lost(_: Any) -> None:
        raise LeaseLostError("lost its lock")

    def fails() -> None:
        tried.append(1)
        monkeypatch.setattr("stanchion_cli.models.lease.Hold.check", lost)
        raise FAILS

    with pytest.raises(StanchionError, match=r"does not roll out either \(lost its lock\)"):
        world.promote(world.register(), roll_out=fails)
    assert (world.served, tried, world.alias("champion")) == ("1", [1], "1")


def test_an_interrupted_promotion_leaves_its_lock_free(world: World) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.promote(world.register(), roll_out=interrupted)
    with held(lambda: world.cluster, {SERVICE: "demo"}, "looks"):
        pass


def test_records_that_were_edited_by_hand_only_mean_that_gates_run_again(world: World) -> None:
    version = world.register()
    _pin_only(world, version)
    for tag, value in (("gates", json.dumps([1])), ("before", '{"local": [1]}')):
        world.client.set_model_version_tag(
            "wine-cultivar", version, f"stanchion.promotion.{tag}", value
        )
    world.promote(version)
    assert len(world.measured) == 2


def test_a_model_that_nothing_serves_is_bad_input(world: World) -> None:
    request = Request(world.root, ENVIRONMENT, "beer", "1")
    with pytest.raises(InputError, match=r"no service of local serves it .*wine-cultivar"):
        promote_version(request, world.preview, world.target, roll_out=None)
