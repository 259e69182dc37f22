"""When each alert of a model service comes and when it does not: Prometheus' own evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from e2e.simulation import Simulation, counter
from e2e.stories import Held, fired
from stanchion.monitoring import ServiceLevelObjectives, WatchedService, service_rules
from stanchion.monitoring.burn_rates import BURN_RATES, seconds
from stanchion.monitoring.rules import AlertSeverity

PAGE, TICKET = AlertSeverity.PAGE, AlertSeverity.TICKET
OF = 'namespace="demo",service="wine"'
PROMISED: ServiceLevelObjectives = {"latency": {"milliseconds": 250.0, "percent": 99.0}}
WINE = WatchedService(
    "wine", "demo", "growth", "team-a", PROMISED, settling_seconds=180, autoscaler="wine"
)
RULES: list[dict[str, Any]] = [
    group.manifest() for group in service_rules(WINE) if "-drift" not in group.name
]
ERRORS, LATE = "ModelServiceErrorBudgetBurn", "ModelServiceLatencyBudgetBurn"
BUDGETS = {ERRORS: 0.005, LATE: 0.01}
DAY = 24 * 60
BUSY = 100.0
"""Requests a minute of a service that has enough to judge by."""


@dataclass(frozen=True)
class Minutes:
    """What a service answers in each of some minutes."""

    many: int
    ok: float = BUSY
    late: float = 0
    failed: float = 0
    refused: float = 0


def served(*phases: Minutes, step: int = 1) -> dict[str, str]:
    """The server's counters over the phases, a sample every `step` minutes."""

    def grown(*fields: str) -> str:
        return counter(
            *((p.many // step, step * sum(getattr(p, each) for each in fields)) for p in phases)
        )

    total = f"model_server_requests_total{{{OF},outcome=%s}}"
    seconds_of = f'model_server_request_duration_seconds_%s{{{OF},outcome="ok"%s}}'
    return {
        total % '"ok"': grown("ok", "late"),
        total % '"server_error"': grown("failed"),
        total % '"client_error"': grown("refused"),
        seconds_of % ("count", ""): grown("ok", "late"),
        seconds_of % ("bucket", ',le="0.25"'): grown("ok"),
    }


def bad(alert: str, share: float, minutes: int) -> Minutes:
    """Minutes in which a share of the requests is what the alert is about."""
    good, wrong = BUSY * (1 - share), BUSY * share
    return Minutes(minutes, good, **{"failed" if alert == ERRORS else "late": wrong})


def assert_came(found: float | None, wanted: float | None, step: int) -> None:
    """An alert came when it was wanted, or not at all; `step` minutes lie between two looks."""
    if wanted is None:
        assert found is None
    else:
        assert found is not None
        assert wanted - step <= found <= wanted + 2 * step


def rules_about(alert: str) -> list[dict[str, Any]]:
    """What an alert about a budget needs: its own objective's series alone."""
    other = "latency" if alert == ERRORS else "availability"
    return [group for group in RULES if other not in group["name"]]


def expected(alert: str, severity: AlertSeverity, share: float) -> float | None:
    """Minutes until a share of bad requests is an alert, by the workbook; None: it never is.

    Where all was well before, the long window holds enough of them after the part of it that is
    the threshold over the share.
    """
    thresholds = [
        (rate.factor * BUDGETS[alert], seconds(rate.long) / 60)
        for rate in BURN_RATES
        if rate.severity is severity
    ]
    return min((t / share * long for t, long in thresholds if t < share), default=None)


PAGED = [(ERRORS, 1.0, 30), (ERRORS, 0.2, 60), (ERRORS, 0.02, 420), (LATE, 0.2, 60)]
PAGED_LATE = [(ERRORS, 0.05, 300), (LATE, 0.05, 420)]


@pytest.mark.parametrize(
    ("alert", "share", "minutes"),
    [*PAGED, *(pytest.param(*case, marks=pytest.mark.full) for case in PAGED_LATE)],
)
def test_a_page_comes_when_the_budget_would_be_gone_in_days_at_the_time_that_its_rates_say(
    simulation: Simulation, alert: str, share: float, minutes: int
) -> None:
    before = 6 * 60
    series = served(Minutes(before), bad(alert, share, minutes))
    (found,) = fired(
        simulation,
        series,
        before + minutes,
        (alert, PAGE),
        since=before,
        groups=rules_about(alert),
    )
    wanted = expected(alert, PAGE, share)
    print(f"{alert}: {share:.0%} bad: page expected {wanted}, came {found} min")
    assert_came(found, wanted, 1)


@pytest.mark.parametrize(
    ("alert", "share", "hours"),
    [
        (ERRORS, 0.2, 3),
        (ERRORS, 0.02, 20),
        pytest.param(ERRORS, 0.004, 72, marks=pytest.mark.full),
        pytest.param(LATE, 0.02, 40, marks=pytest.mark.full),
    ],
)
def test_a_ticket_comes_when_the_budget_would_be_gone_before_its_window_is_over(
    simulation: Simulation, alert: str, share: float, hours: int
) -> None:
    before, minutes = 3 * DAY, 60 * hours
    (found,) = fired(
        simulation,
        served(Minutes(before), bad(alert, share, minutes), step=2),
        before + minutes,
        (alert, TICKET),
        since=before,
        groups=rules_about(alert),
        step="2m",
        every="5m",
    )
    wanted = expected(alert, TICKET, share)
    print(f"{alert}: {share:.1%} bad: ticket expected {wanted}, came {found} min")
    assert_came(found, wanted, 5)


def test_a_page_is_over_minutes_after_what_it_is_about(simulation: Simulation) -> None:
    until = 6 * 60 + 40
    series = served(Minutes(6 * 60), bad(ERRORS, 0.2, 40), Minutes(60))
    query = (
        f'max(max_over_time(timestamp(ALERTS{{alertname="{ERRORS}",severity="page",'
        f'alertstate="firing"}})[90m:1m])) / 60 - {until}'
    )
    (last,) = simulation.answers(
        [query], series, f"{until + 60}m", groups=RULES, step="1m", evaluated_every="1m"
    )
    assert last is not None
    assert 0 < last <= 6


@pytest.mark.parametrize(
    ("failed", "comes"), [(0.05, False), (0.5, True)], ids=["one in twenty minutes", "all"]
)
def test_few_requests_page_nobody_unless_many_of_them_fail(
    simulation: Simulation, failed: float, comes: bool
) -> None:
    # Half a request a minute: each failure alone is more than 14.4 times the budget of an hour.
    few = Minutes(120, ok=0.5 - failed, failed=failed)
    series = served(Minutes(360, ok=0.5), few)
    (found,) = fired(simulation, series, 480, (ERRORS, PAGE), groups=RULES)
    assert (found is not None) is comes


BOTH = [(name, severity) for name in BUDGETS for severity in (PAGE, TICKET)]
HELD = Held(
    come=frozenset(name for name, _, _ in PAGED),
    stay=frozenset(name for name, _ in BOTH),
)


def test_requests_that_clients_got_wrong_alarm_nobody_and_hide_nothing(
    simulation: Simulation,
) -> None:
    wrong = served(Minutes(360), Minutes(60, ok=10, refused=90))
    assert fired(simulation, wrong, 420, *BOTH, groups=RULES) == [None] * 4
    flooded = served(Minutes(360), Minutes(60, ok=8, failed=2, refused=990))
    (found,) = fired(simulation, flooded, 420, (ERRORS, PAGE), groups=RULES, since=360)
    assert found is not None


def test_a_failure_is_not_late_and_a_late_answer_no_failure(simulation: Simulation) -> None:
    failing = served(Minutes(360), bad(ERRORS, 0.5, 60))
    about_late = [(LATE, PAGE), (LATE, TICKET)]
    assert fired(simulation, failing, 420, *about_late, groups=RULES) == [None, None]
    late = served(Minutes(360), bad(LATE, 0.5, 60))
    about_errors = [(ERRORS, PAGE), (ERRORS, TICKET)]
    assert fired(simulation, late, 420, *about_errors, groups=RULES) == [None, None]


@pytest.mark.full
def test_the_budget_left_is_the_share_of_failures_that_may_still_come(
    simulation: Simulation,
) -> None:
    series = served(Minutes(9 * DAY), bad(ERRORS, 0.02, DAY), step=2)
    left, requests = simulation.answers(
        [
            'model_service:slo_error_budget:left_ratio{slo="availability"}',
            'sum(model_service:requests:rate5m{service="wine"}) * 60',
        ],
        series,
        f"{10 * DAY}m",
        groups=rules_about(ERRORS),
        step="2m",
        evaluated_every="5m",
    )
    # 2 percent of the requests of one day in ten failed: 0.2 of the 0.5 percent that may.
    assert left == pytest.approx(0.6, abs=0.01)
    assert requests == pytest.approx(BUSY)


def test_an_alert_says_what_was_measured_and_whose_it_is(simulation: Simulation) -> None:
    series = served(bad(ERRORS, 0.2, 7 * 60))
    expectation = {
        "eval_time": "7h",
        "alertname": ERRORS,
        "exp_alerts": [
            {
                "exp_labels": {
                    "severity": str(severity),
                    "namespace": "demo",
                    "service": "wine",
                    "tenant": "growth",
                    "owner": "team-a",
                    "slo": "availability",
                },
                "exp_annotations": {
                    "summary": "wine in demo fails requests: its error budget goes 40.0 times "
                    "as fast as it may",
                    "description": "Promised: 99.5 percent of requests do not fail, over 28 days. "
                    "In the last five minutes 20% did not keep to it; -3900% of the error budget "
                    "are left.",
                    "runbook_url": f"docs/runbooks/{ERRORS}.md",
                },
            }
            for severity in (PAGE, TICKET)
        ],
    }
    told = simulation.told(
        {"alert_rule_test": [expectation]}, series, RULES, step="1m", evaluated_every="1m"
    )
    assert "SUCCESS" in told, told
