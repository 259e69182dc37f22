"""What the queries of a release yield: Prometheus' own evaluation over series that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from e2e.simulation import Simulation, counter, gauge
from stanchion.serving._release_queries import Queries
from unit.components.test_model_rollout import metrics, released

ANALYSIS: Any = {"interval_seconds": 60, "min_requests": 30, "latency_floor_ms": 25}
COMMON = 'namespace="demo",service="wine",rollouts_pod_template_hash'
EVALUATED_AT = "2m"
START_SECONDS = 300
SAMPLES = 12
QUERIES = Queries("wine", "demo", ANALYSIS, start_seconds=START_SECONDS)


def asked(query: str, queries: Queries = QUERIES) -> str:
    """A query as Argo Rollouts asks it."""
    text: str = getattr(queries, query)()
    return text.replace("{{args.canary-hash}}", "new").replace("{{args.stable-hash}}", "old")


def evaluated(simulation: Simulation, query: str, series: Mapping[str, float]) -> float | None:
    """What a query yields two minutes into counters that grow so much a second; None: nothing."""
    given = {name: counter((SAMPLES, 15 * growth)) for name, growth in series.items()}
    (found,) = simulation.answers([asked(query)], given, EVALUATED_AT)
    return found


def requests(version: str, ok: float, failed: float = 0, refused: float = 0) -> dict[str, float]:
    """Requests a second of one version, by outcome."""
    name = f'model_server_requests_total{{{COMMON}="{version}",outcome="%s"}}'
    return {name % "ok": ok, name % "server_error": failed, name % "client_error": refused}


def answered(version: str, milliseconds: float, rate: float = 10) -> dict[str, float]:
    """Durations a second, all within one bucket of the histogram."""
    buckets = (5, 25, 50, 100, 250, 500, 1000)
    name = f'model_server_request_duration_seconds_bucket{{{COMMON}="{version}",le="%s"}}'
    counts = {name % f"{b / 1000:g}": rate if milliseconds <= b else 0 for b in buckets}
    return {**counts, name % "+Inf": rate}


def classes(version: str, **shares: float) -> dict[str, float]:
    """Predictions a second, by class."""
    name = f'model_server_predictions_total{{{COMMON}="{version}",output="y",value="%s"}}'
    return {name % value: 10 * share for value, share in shares.items()}


def numbers(
    version: str, mean: float, deviation: float, *, nan: float = 0, output: str = "y"
) -> dict[str, float]:
    """Ten predictions a second of an output, a share NaN, the rest of a mean and a deviation."""
    of, rate = f'{{{COMMON}="{version}",output="{output}"', 10 * (1 - nan)
    signed = f"model_server_prediction_value_sum_total{of},sign="
    return {
        f"model_server_prediction_values_total{of}}}": rate,
        f"model_server_prediction_values_unusable_total{of}}}": 10 * nan,
        f'{signed}"positive"}}': max(0, rate * mean),
        f'{signed}"negative"}}': max(0, -rate * mean),
        f"model_server_prediction_value_squares_total{of}}}": rate * (mean**2 + deviation**2),
    }


def started(version: str, *, restarts: bool) -> dict[str, float]:
    """When a server of a version started: once, or again at every sample."""
    return {f'process_start_time_seconds{{{COMMON}="{version}",pod="a"}}': 1 / 15 * restarts}


BUSY = {**requests("new", 10), **requests("old", 20)}
# With 600 predictions of each version in the interval.
CHANCE_OF_MEANS = 2 * (1 / 600 + 1 / 600) ** 0.5
CHANCE_OF_HALVES = 0.4 * 2 * 0.5 * (1 / 600 + 1 / 600) ** 0.5


@pytest.mark.parametrize(
    ("query", "series", "expected"),
    [
        ("error_ratio", {**requests("new", 9.5, 0.5), **requests("old", 20)}, 0.05),
        ("error_ratio", BUSY, 0.0),
        ("error_ratio", {**requests("new", 9.5, 0, 0.5), **requests("old", 20)}, 0.05),
        ("error_ratio", {**requests("new", 9.5, 0, 0.5), **requests("old", 19, 0, 1)}, 0.0),
        ("error_ratio", {**requests("new", 0.1, 0.3), **requests("old", 20)}, None),
        ("error_ratio", requests("new", 10), None),
        ("latency_ratio", {**BUSY, **answered("new", 500), **answered("old", 50)}, 9.88),
        ("latency_ratio", {**BUSY, **answered("new", 5), **answered("old", 5)}, 1.0),
        ("class_shift", {**BUSY, **classes("new", a=1), **classes("old", a=0.5, b=0.5)}, 0.5),
        ("class_shift", {**BUSY, **classes("new", a=1), **classes("old", b=1)}, 1.0),
        ("class_shift", {**BUSY, **classes("new", a=0.5, b=0.5), **classes("old", a=1)}, 0.5),
        ("class_shift", {**BUSY, **classes("new", a=0.5, b=0.5), **classes("old", a=5, b=5)}, 0.0),
        ("class_shift", BUSY, 0.0),
        ("mean_shift", {**BUSY, **numbers("new", 3, 1), **numbers("old", 2, 1)}, 1.0),
        ("mean_shift", {**BUSY, **numbers("new", -2, 1), **numbers("old", 2, 4)}, 1.0),
        ("mean_shift", {**BUSY, **numbers("new", 2, 1), **numbers("old", 2, 1)}, 0.0),
        ("mean_shift", BUSY, 0.0),
        ("mean_shift", {**numbers("new", 3, 1), **numbers("old", 2, 1)}, None),
        ("mean_shift", {**BUSY, **numbers("new", 2, 1, nan=1), **numbers("old", 2, 1, nan=1)}, 0.0),
        ("mean_shift", {**BUSY, **numbers("new", 2, 1), **numbers("old", 2, 1, nan=1)}, 0.0),
        ("restarts", started("new", restarts=False), 0.0),
        ("restarts", started("new", restarts=True), 8.0),
        ("restarts", started("old", restarts=True), None),
    ],
)  # fmt: skip
def test_a_query_yields_what_it_is_named_for_and_nothing_without_requests(
    simulation: Simulation,
    query: str,
    series: Mapping[str, float],
    expected: float | None,
) -> None:
    found = evaluated(simulation, query, series)
    if expected is None:
        assert found is None
        return
    assert found is not None
    by_chance = CHANCE_OF_HALVES if query == "class_shift" else CHANCE_OF_MEANS
    slack = by_chance if query.endswith("shift") else 0.02 * max(1.0, expected)
    assert expected - slack - 1e-9 <= found <= expected + 0.02 * max(1.0, expected)


# Between two shares of 600 numbers each.
CHANCE_OF_SHARES = 2 * (0.4 * 0.6 * 2 / 600) ** 0.5
HEALTHY = {**BUSY, **numbers("old", 2, 1), **numbers("old", 2, 1, output="z")}
OF_NO_NUMBERS = {**BUSY, **classes("new", a=1), **classes("old", a=1)}


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ({**HEALTHY, **numbers("new", 2, 1)}, 0.0),
        ({**HEALTHY, **numbers("new", 2, 1, nan=0.8)}, 0.8 - CHANCE_OF_SHARES),
        ({**HEALTHY, **numbers("new", 2, 1), **numbers("new", 0, 0, nan=1, output="z")}, 0.94),
        ({**HEALTHY, **numbers("new", 0, 0, nan=1)}, 0.94),
        # One of 600, where the version before happened to have none.
        ({**HEALTHY, **numbers("new", 2, 1, nan=1 / 600)}, -0.002),
        ({**BUSY, **numbers("new", 2, 1, nan=0.8), **numbers("old", 2, 1, nan=0.8)}, -0.046),
        ({**BUSY, **numbers("new", 2, 1), **numbers("old", 2, 1, nan=0.8)}, -0.855),
        ({**HEALTHY, **numbers("new", 2, 1, nan=0.3, output="of its own")}, 0.3),
        (OF_NO_NUMBERS, 0.0),
        ({**requests("new", 10), **numbers("new", 2, 1, nan=1)}, None),
        ({**requests("new", 0.3), **requests("old", 20), **numbers("new", 2, 1, nan=1)}, None),
    ],
    ids=[
        "healthy", "most are NaN", "one output of two is NaN", "all are NaN", "a single NaN",
        "just as the version before", "fewer than the version before",
        "an output that the version before has not", "no numbers", "no version before",
        "few requests",
    ],
)  # fmt: skip
def test_answers_that_nobody_can_use_are_told_whatever_the_others_are(
    simulation: Simulation, series: Mapping[str, float], expected: float | None
) -> None:
    found = evaluated(simulation, "unusable_ratio", series)
    assert found == (None if expected is None else pytest.approx(expected, abs=0.005))


@pytest.mark.parametrize(
    ("series", "is_known"),
    [
        (BUSY, True),
        (OF_NO_NUMBERS, True),
        ({**HEALTHY, **numbers("new", 2, 1)}, True),
        ({**BUSY, **numbers("new", 2, 1, nan=1), **numbers("old", 2, 1, nan=1)}, True),
        # The one answers text where a number is promised, the other no label at all.
        ({**HEALTHY, **dict.fromkeys(numbers("new", 2, 1), 0)}, False),
        ({**BUSY, **dict.fromkeys(classes("new", a=1), 0), **classes("old", a=1)}, False),
        (requests("new", 10), False),
    ],
    ids=["no outputs", "classes", "numbers", "NaN as before", "text", "no label", "one version"],
)
def test_a_run_that_a_shift_cannot_be_told_in_goes_on_to_its_deadline(
    simulation: Simulation, series: Mapping[str, float], is_known: bool
) -> None:
    assert (evaluated(simulation, "known", series) is not None) == is_known


def test_after_a_switch_answers_that_nobody_can_use_are_told_too(simulation: Simulation) -> None:
    world = released({"strategy": "blueGreen", "analysis": {"interval_seconds": 300}})
    told = metrics(world, "wine-release")["unusable-ratio"]["provider"]["prometheus"]["query"]
    query = told.replace("{{args.canary-hash}}", "new").replace("{{args.stable-hash}}", "old")
    before = {**requests("old", 20), **numbers("old", 2, 1)}
    after = {**requests("new", 20), **numbers("new", 2, 1, nan=0.8)}
    # An hour of the one, and then twenty minutes of the other.
    given = {name: counter((60, 60 * growth), (20, 0)) for name, growth in before.items()}
    given |= {name: counter((60, 0), (20, 60 * growth)) for name, growth in after.items()}
    (found,) = simulation.answers([query], given, "80m", step="1m")
    assert found is not None
    assert found > 0.7


def test_what_lasts_is_weighed_over_all_its_intervals_and_asks_for_as_many_requests(
    simulation: Simulation,
) -> None:
    several = Queries("wine", "demo", ANALYSIS, start_seconds=START_SECONDS, intervals=4)
    rates = {**requests("new", 10), **requests("old", 20)}
    failing = next(iter(requests("new", 0, 0))).replace('"ok"', '"server_error"')
    given = {name: counter((20, 15 * growth)) for name, growth in rates.items()}
    # For the last of the five minutes one in eleven fails.
    given[failing] = counter((16, 0), (4, 15))
    both = [asked("error_ratio", queries) for queries in (QUERIES, several)]
    one, four = simulation.answers(both, given, "5m")
    assert one == pytest.approx(1 / 11, rel=0.05)
    assert four == pytest.approx(1 / 41, rel=0.05)
    # Forty-five in the last minute, and none before.
    begun = {next(iter(requests("new", 0))): counter((16, 0), (4, 11))}
    one, four = simulation.answers(both, {**given, **begun}, "5m")
    assert one is not None
    assert four is None


def test_a_switch_with_long_intervals_is_compared_to_the_end(simulation: Simulation) -> None:
    analysis = {"interval_seconds": 1800, "deadline_seconds": 7200}
    world = released({"strategy": "blueGreen", "analysis": analysis})
    told = metrics(world, "wine-release")["traffic"]["provider"]["prometheus"]["query"]
    query = told.replace("{{args.canary-hash}}", "new").replace("{{args.stable-hash}}", "old")
    before, after = (next(iter(requests(version, 0))) for version in ("old", "new"))
    # An hour of the one, and then, minute by minute, as long of the other as a release may take.
    given = {before: counter((60, 600), (120, 0)), after: counter((60, 0), (120, 600))}
    at = [f"{60 + minutes}m" for minutes in (30, 60, 90, 119)]
    found = [simulation.answers([query], given, moment, step="1m")[0] for moment in at]
    assert None not in found


def test_a_server_that_comes_back_after_the_interval_it_went_in_has_restarted(
    simulation: Simulation,
) -> None:
    away = START_SECONDS // 15 - 1
    assert away * 15 > ANALYSIS["interval_seconds"]
    series = f'process_start_time_seconds{{{COMMON}="new",pod="a"}}'
    given = {series: gauge((2, 100), (away, None), (2, 400))}
    (found,) = simulation.answers([asked("restarts")], given, f"{15 * (away + 3)}s")
    assert found == 1
