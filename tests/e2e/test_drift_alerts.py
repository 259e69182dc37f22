"""When drift and bad data are an alert and when they are not: Prometheus' own evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Stage, Story
from e2e.test_service_alerts import OF, TICKET
from stanchion.monitoring import DriftLimits, WatchedService, service_rules

from benchmarks import drift_index

HOURS = 4
LIMITS: DriftLimits = {"window_hours": HOURS, "min_rows": 1000}
WINE = WatchedService("wine", "demo", "growth", "team-a", {}, settling_seconds=180, drift=LIMITS)
RULES: list[dict[str, Any]] = [
    group.manifest() for group in service_rules(WINE) if "-drift" in group.name
]
FEATURE, PREDICTION, QUALITY = (
    f"ModelService{what}" for what in ("FeatureDrift", "PredictionDrift", "DataQuality")
)
TENTHS = (0.1,) * 10
BUSY = 100.0
"""Rows a minute."""
TRAINED = 1000
"""Rows of the training reference."""
SHIFTED = (0.01, 0.01, 0.03, 0.05, 0.1, 0.1, 0.1, 0.15, 0.2, 0.25)


def field_series(
    name: str,
    reference: Sequence[float],
    *phases: tuple[int, Sequence[float]],
    side: str = "input",
    pod: str = "wine-a",
    version: str = "1",
    missing: Sequence[float] = (),
    beyond: Sequence[float] = (),
    rows: float = BUSY,
) -> dict[str, str]:
    """The server's metrics of a field: shares of its bins in each phase of some minutes."""
    of = f'{OF},pod="{pod}",version="{version}"'
    about = f'{of},side="{side}",field="{name}"'
    many = sum(minutes for minutes, _ in phases)
    made: dict[str, str] = {}
    lost = [*missing] or [0.0] * len(phases)
    for at, share in enumerate([*reference, 0.0]):
        of_bin = "missing" if at == len(reference) else f"bin {at}"
        asked = [
            (minutes, rows * (lost[now] if of_bin == "missing" else shares[at] * (1 - lost[now])))
            for now, (minutes, shares) in enumerate(phases)
        ]
        made[f'model_server_field_values_total{{{about},bin="{of_bin}"}}'] = counter(*asked)
        ratio = f'model_server_field_reference_ratio{{{about},bin="{of_bin}"}}'
        made[ratio] = gauge((many + 1, share))
    outside = [*beyond] or [0.0] * len(phases)
    made[f"model_server_field_out_of_range_total{{{about}}}"] = counter(
        *((minutes, rows * outside[now]) for now, (minutes, _) in enumerate(phases))
    )
    made[f"model_server_field_reference_rows{{{of}}}"] = gauge((many + 1, TRAINED))
    return made


def steady(**more: Any) -> dict[str, str]:
    """Six hours as in training."""
    return field_series("alcohol", TENTHS, (360, TENTHS), **more)


def turned(shares: Sequence[float], **more: Any) -> dict[str, str]:
    """Two hours as in training, then four of other shares."""
    return field_series("alcohol", TENTHS, (120, TENTHS), (240, shares), **more)


STORIES = [
    Story("all is as in training", steady()),
    Story("a feature shifts", turned(SHIFTED), {FEATURE: 330}),
    Story("a feature shifts a little", turned((0.09,) * 5 + (0.11,) * 5)),
    Story("an output shifts", {**steady(), **turned(SHIFTED, side="output")}, {PREDICTION: 330}),
    Story("few rows shift", turned(SHIFTED, rows=4)),
    Story(
        "one value in ten is missing",
        turned(TENTHS, missing=(0, 0.1)),
        {QUALITY: 275, FEATURE: 200},
    ),
    Story("one in fifty is missing", turned(TENTHS, missing=(0, 0.02))),
    Story("one in ten is out of range", turned(TENTHS, beyond=(0, 0.1)), {QUALITY: 285}),
    Story("as many are out of range as chance explains", turned(TENTHS, beyond=(0, 0.009))),
    Story(
        "the window of a shift is over",
        field_series("alcohol", TENTHS, (60, SHIFTED), (300, TENTHS)),
        {FEATURE: 60},
    ),
    Story(
        "another version's training was like what it is asked",
        {**steady(), **field_series("alcohol", SHIFTED, (360, SHIFTED), version="2")},
    ),
    Story(
        "two replicas together are as in training",
        {
            **steady(rows=BUSY, pod="wine-a"),
            **field_series(
                "alcohol", TENTHS, (360, (0.12,) * 5 + (0.08,) * 5), pod="wine-b", rows=BUSY
            ),
        },
    ),
]


STAGE = Stage(
    STORIES,
    RULES,
    dict.fromkeys((FEATURE, PREDICTION, QUALITY), TICKET),
    minutes=360,
    every="5m",
)
HELD = STAGE.held


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_what_happens_gives_its_alerts_and_no_others(simulation: Simulation, story: Story) -> None:
    STAGE.hold(simulation, story)


def test_an_alert_is_over_when_its_window_is(simulation: Simulation) -> None:
    series = field_series("alcohol", TENTHS, (60, SHIFTED), (420, TENTHS))
    query = f'count(ALERTS{{alertname="{FEATURE}",alertstate="firing"}})'
    for minutes, there in ((60, True), (320, False)):
        (found,) = simulation.answers(
            [query], series, f"{minutes}m", groups=RULES, step="1m", evaluated_every="5m"
        )
        assert (found is not None) is there, minutes


def test_a_version_that_is_replaced_takes_its_alert_along(simulation: Simulation) -> None:
    series = {
        **field_series("alcohol", TENTHS, (120, SHIFTED)),
        **field_series("alcohol", SHIFTED, (180, SHIFTED), version="2"),
    }
    query = f'count(ALERTS{{alertname="{FEATURE}",alertstate="firing"}})'
    for minutes, there in ((120, True), (135, False)):
        (found,) = simulation.answers(
            [query], series, f"{minutes}m", groups=RULES, step="1m", evaluated_every="5m"
        )
        assert (found is not None) is there, minutes


@pytest.mark.parametrize("shares", [TENTHS, SHIFTED, (0.0, 0.2) * 5])
def test_the_index_is_the_books_and_drift_is_what_chance_leaves_of_it(
    simulation: Simulation, shares: tuple[float, ...]
) -> None:
    names = ("field_psi", "field_psi_chance", "field_drift", "field_rows")
    index, by_chance, drift, rows = simulation.answers(
        [f"model_service:{name}:window" for name in names],
        field_series("alcohol", TENTHS, (360, shares)),
        "6h",
        groups=RULES,
        step="1m",
        evaluated_every="5m",
    )
    assert rows == pytest.approx(60 * HOURS * BUSY, rel=0.03)
    assert rows is not None
    counts, training = ([*(each * many for each in of), 0] for of, many in (
        (shares, rows), (TENTHS, TRAINED),
    ))  # fmt: skip
    assert index == pytest.approx(drift_index.index(counts, training), abs=1e-6)
    assert by_chance == pytest.approx(drift_index.chance(counts, training))
    assert drift == pytest.approx(drift_index.drift(counts, training), abs=1e-6)


@pytest.mark.parametrize(("missing", "beyond"), [(0.1, 0.0), (0.0, 0.1), (0.0, 0.009)])
def test_a_problem_is_its_share_beyond_trainings(
    simulation: Simulation, missing: float, beyond: float
) -> None:
    series = field_series("alcohol", TENTHS, (360, TENTHS), missing=[missing], beyond=[beyond])
    (worst,) = simulation.answers(
        ["max(model_service:field_problems:window)"],
        series,
        "6h",
        groups=RULES,
        step="1m",
        evaluated_every="5m",
    )
    counts = [*(each * (1 - missing) for each in TENTHS), missing]
    training = [*(each * TRAINED for each in TENTHS), 0]
    found = drift_index.problems(counts, training, beyond, categories=False)
    assert worst == pytest.approx(found, abs=1e-6)


def test_a_replica_that_restarts_or_is_added_changes_nothing(simulation: Simulation) -> None:
    half, shares = BUSY / 2, SHIFTED
    one = field_series("alcohol", TENTHS, (360, shares), rows=BUSY)
    two = {
        **field_series("alcohol", TENTHS, (360, shares), rows=half, pod="wine-a"),
        **field_series("alcohol", TENTHS, (360, shares), rows=half, pod="wine-b"),
    }
    again = {name: _restarted(name, values) for name, values in one.items()}
    assert again != one
    found = [
        simulation.answers(
            ["model_service:field_psi:window", "model_service:field_rows:window"],
            series,
            "6h",
            groups=RULES,
            step="1m",
            evaluated_every="5m",
        )
        for series in (one, two, again)
    ]
    for index, rows in found:
        assert index == pytest.approx(found[0][0], abs=1e-6)
        assert rows == pytest.approx(found[0][1], rel=0.01)


def _restarted(name: str, values: str) -> str:
    """A counter that begins anew after three of six hours."""
    if "_total{" not in name:
        return values
    growth = values.rpartition("+")[2].partition("x")[0]
    return f"0+{growth}x180 0+{growth}x180"


def _beyond_chance(shares: Sequence[float]) -> float:
    rows = 60 * HOURS * BUSY
    return drift_index.drift([each * rows for each in shares], [0.1 * TRAINED] * 10)


def test_an_alert_names_what_drifted_and_whose_it_is(simulation: Simulation) -> None:
    expectation = {
        "eval_time": "6h",
        "alertname": FEATURE,
        "exp_alerts": [
            {
                "exp_labels": {
                    "severity": str(TICKET),
                    "namespace": "demo",
                    "service": "wine",
                    "tenant": "growth",
                    "owner": "team-a",
                    "version": "1",
                },
                "exp_annotations": {
                    "summary": "wine in demo is asked otherwise than its model was trained: "
                    "1 features have drifted",
                    "description": "Over 4 h and 1000 rows or more of version 1: features whose "
                    "stability index is more than 0.2 above chance: alcohol "
                    f"{_beyond_chance(SHIFTED):.2f};",
                    "runbook_url": f"docs/runbooks/{FEATURE}.md",
                },
            }
        ],
    }
    told = simulation.told(
        {"alert_rule_test": [expectation]},
        field_series("alcohol", TENTHS, (360, SHIFTED)),
        RULES,
        step="1m",
        evaluated_every="5m",
    )
    assert "SUCCESS" in told, told
