"""When alerts about language models and their gateways come: Prometheus' own evaluation.

No vLLM was at hand: its series have the names, labels and bounds of its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from e2e.simulation import Simulation, counter, gauge
from e2e.stories import Held, Stage, Story, fired
from e2e.test_service_alerts import PAGE, TICKET, Minutes, assert_came
from stanchion.monitoring import WatchedGateway, WatchedLlm, gateway_rules, llm_rules
from stanchion.monitoring.burn_rates import BUDGET_LEFT, BURN_RATES, errors, seconds

OF = 'namespace="demo",service="llama"'
LLAMA = WatchedLlm(
    "llama",
    "demo",
    "growth",
    "team-a",
    {
        "first_token": {"milliseconds": 1000, "percent": 99.0},
        "token_time": {"milliseconds": 50, "percent": 99.0},
    },
)
GATEWAY = WatchedGateway(
    "assistant",
    "demo",
    "growth",
    "team-a",
    {},
    traced=True,
    grounded=True,
    least_grounded=0.6,
)
LLM_RULES: list[dict[str, Any]] = [group.manifest() for group in llm_rules(LLAMA)]
GATEWAY_RULES: list[dict[str, Any]] = [group.manifest() for group in gateway_rules(GATEWAY)]
BUDGETS = {
    "LlmServiceErrorBudgetBurn": ("availability", 0.005),
    "LlmServiceFirstTokenBudgetBurn": ("first-token", 0.01),
    "LlmServiceTokenTimeBudgetBurn": ("token-time", 0.01),
    "LlmGatewayErrorBudgetBurn": ("availability", 0.005),
}
BEFORE = 6 * 60


def served(*phases: Minutes) -> dict[str, str]:
    """What vLLM counts of requests that are well, late in every way, failed or refused."""

    def grown(*fields: str) -> str:
        return counter(*((p.many, sum(getattr(p, each) for each in fields)) for p in phases))

    counted = (
        f'http_requests_total{{{OF},handler="/v1/chat/completions",method="POST",status="%s"}}'
    )
    made = {
        counted % "2xx": grown("ok", "late"),
        counted % "4xx": grown("refused"),
        counted % "5xx": grown("failed"),
        # Asked by people who look: no request of a caller.
        f'http_requests_total{{{OF},handler="none",method="GET",status="5xx"}}': grown("ok"),
        f'vllm:num_requests_running{{{OF},model_name="llama",engine="0"}}': gauge(
            (sum(p.many for p in phases) + 1, 1)
        ),
    }
    for name, bound in (("time_to_first_token", "1.0"), ("request_time_per_output_token", "0.05")):
        of = f'vllm:{name}_seconds_%s{{{OF},model_name="llama",engine="0"%s}}'
        made[of % ("count", "")] = grown("ok", "late")
        made[of % ("bucket", f',le="{bound}"')] = grown("ok")
    return made


def through_gateway(*phases: Minutes) -> dict[str, str]:
    """What the gateway counts; `late` is what ended in a limit, a guard or the caller's leaving."""

    def grown(*fields: str) -> str:
        return counter(*((p.many, sum(getattr(p, each) for each in fields)) for p in phases))

    of = 'namespace="demo",service="assistant",consumer="app",model="assistant",outcome="%s"'
    made = {
        f"llm_gateway_requests_total{{{of % outcome}}}": grown(field)
        for outcome, field in (
            ("ok", "ok"),
            ("limited", "late"),
            ("blocked", "late"),
            ("client_gone", "late"),
            ("client_error", "refused"),
            ("backend_error", "failed"),
        )
    }
    alive = 'llm_gateway_in_flight{namespace="demo",service="assistant"}'
    return {**made, alive: gauge((sum(p.many for p in phases) + 1, 1))}


def rules_about(alert: str) -> list[dict[str, Any]]:
    """What an alert needs: its own objective's series, and the alerts."""
    groups = GATEWAY_RULES if alert.startswith("LlmGateway") else LLM_RULES
    own = BUDGETS[alert][0]
    return [each for each in groups if own in each["name"] or each["name"].endswith("-alerts")]


def wrong(alert: str, share: float, minutes: int) -> tuple[Mapping[str, str], Minutes]:
    """Series of hours in which all is well, then minutes with a share of bad requests."""
    bad = {"failed" if "Error" in alert else "late": 100 * share}
    phase = Minutes(minutes, 100 * (1 - share), **bad)
    made = through_gateway if alert.startswith("LlmGateway") else served
    return made(Minutes(BEFORE), phase), phase


def expected(alert: str, share: float) -> float:
    """Minutes until a share of bad requests is a page, by the workbook."""
    budget = BUDGETS[alert][1]
    pages = [(r.factor * budget, seconds(r.long) / 60) for r in BURN_RATES if r.severity is PAGE]
    return min(t / share * long for t, long in pages if t < share)


@pytest.mark.parametrize("alert", BUDGETS)
def test_a_page_comes_at_the_time_that_its_rates_say(simulation: Simulation, alert: str) -> None:
    series, _ = wrong(alert, 0.4, 50)
    (found,) = fired(
        simulation, series, BEFORE + 50, (alert, PAGE), since=BEFORE, groups=rules_about(alert)
    )
    assert_came(found, expected(alert, 0.4), 1)


@pytest.mark.parametrize("alert", BUDGETS)
def test_a_share_that_the_budget_has_room_for_pages_nobody(
    simulation: Simulation, alert: str
) -> None:
    series, _ = wrong(alert, 0.01, 90)
    found = fired(
        simulation, series, BEFORE + 90, (alert, PAGE), since=BEFORE, groups=rules_about(alert)
    )
    assert found == [None]


@pytest.mark.parametrize("alert", BUDGETS)
def test_a_slow_spending_is_a_ticket_within_the_day_and_no_page(
    simulation: Simulation, alert: str
) -> None:
    # Four times the pace, which is more than 3 and less than 6.
    share = 4 * BUDGETS[alert][1]
    bad = {"failed" if "Error" in alert else "late": 100 * share}
    made = through_gateway if alert.startswith("LlmGateway") else served
    hours = 20
    series = made(Minutes(60 * hours, 100 * (1 - share), **bad))
    found = fired(
        simulation,
        series,
        60 * hours,
        (alert, PAGE),
        (alert, TICKET),
        groups=rules_about(alert),
        every="5m",
    )
    assert found[0] is None
    assert found[1] is not None


@pytest.mark.parametrize("series", [served, through_gateway], ids=["model", "gateway"])
def test_what_callers_got_wrong_or_left_is_no_failure(simulation: Simulation, series: Any) -> None:
    rules = LLM_RULES if series is served else GATEWAY_RULES
    late = 0 if series is served else 200.0
    made = series(Minutes(BEFORE), Minutes(60, late=late, refused=300))
    alerts = [name for name in BUDGETS if name.startswith("LlmGateway") == (series is not served)]
    found = fired(
        simulation,
        made,
        BEFORE + 60,
        *((name, severity) for name in alerts for severity in (PAGE, TICKET)),
        groups=rules,
    )
    assert set(found) == {None}


def test_the_whole_budget_is_left_where_nothing_has_failed_yet(simulation: Simulation) -> None:
    """vLLM counts by status, and has no series of one that it never answered."""
    series = {
        name: values for name, values in served(Minutes(60)).items() if 'status="5xx"' not in name
    }
    recorded = [
        f'{record}{{{OF},slo="{slo}"}}'
        for slo in ("availability", "first-token", "token-time")
        for record in (BUDGET_LEFT, errors("5m"))
    ]
    found = simulation.answers(
        recorded, series, "60m", groups=LLM_RULES, step="1m", evaluated_every="1m"
    )
    assert found == [1, 0] * 3


RUNNING = f'vllm:num_requests_running{{{OF},engine="0",pod="%s"}}'
ALIVE = 'llm_gateway_in_flight{namespace="demo",service="assistant",pod="%s"}'
STORIES = [
    Story("all is well", {RUNNING % "a": gauge((61, 1)), ALIVE % "a": gauge((61, 0))}, {}),
    Story(
        "the only replica's node is gone",
        {RUNNING % "a": gauge((20, 1), (41, None)), ALIVE % "a": gauge((61, 0))},
        {"LlmServiceNotServing": 28},
    ),
    Story(
        "one of two replicas is gone",
        {
            RUNNING % "a": gauge((20, 1), (41, None)),
            RUNNING % "b": gauge((61, 1)),
            ALIVE % "a": gauge((61, 0)),
        },
        {},
    ),
    Story("a new service loads its weights", {ALIVE % "a": gauge((61, 0))}, {}),
    Story(
        "every gateway is gone",
        {RUNNING % "a": gauge((61, 1)), ALIVE % "a": gauge((20, 0), (41, None))},
        {"LlmGatewayNotScraped": 31},
    ),
    Story(
        "the gateway moves",
        {
            RUNNING % "a": gauge((61, 1)),
            ALIVE % "a": gauge((20, 0), (41, None)),
            ALIVE % "b": gauge((23, None), (38, 0)),
        },
        {},
    ),
]


OUTAGES = Stage(
    STORIES,
    [each for each in (*LLM_RULES, *GATEWAY_RULES) if each["name"].endswith("-alerts")],
    dict.fromkeys(("LlmServiceNotServing", "LlmGatewayNotScraped"), PAGE),
    minutes=60,
    quiet=20,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_an_outage_pages_and_a_moved_replica_does_not(simulation: Simulation, story: Story) -> None:
    OUTAGES.hold(simulation, story)


def only(alert: str) -> list[dict[str, Any]]:
    """The group of the gateway's alerts, with one of them."""
    (group,) = (each for each in GATEWAY_RULES if each["name"].endswith("-alerts"))
    return [{**group, "rules": [rule for rule in group["rules"] if rule["alert"] == alert]}]


TRACED = 'llm_gateway_traces_total{namespace="demo",service="assistant",pod="a",result="%s"}'
LOST = "LlmGatewayTracesLost"


def traced(**results: tuple[float, float]) -> dict[str, str]:
    """Traces a minute by their result: in an hour, and in the 90 minutes after it."""
    return {
        TRACED % result: counter((60, before), (90, after))
        for result, (before, after) in {"sent": (0, 0), "dropped": (0, 0), **results}.items()
    }


# An alert waits for ten minutes.
TRACES = Stage(
    [
        Story("MLflow takes them all", traced(sent=(120, 0), failed=(0, 0)), {}),
        Story("MLflow is gone", traced(sent=(120, 0), failed=(0, 120)), {LOST: 105}),
        Story(
            "they come faster than they are sent",
            traced(sent=(120, 108), dropped=(0, 12)),
            {LOST: 120},
        ),
        Story(
            "MLflow restarts and a few of many are lost", traced(sent=(120, 119), failed=(0, 1)), {}
        ),
        Story(
            "two of the three traces of a quiet night", traced(sent=(0.05, 0), failed=(0, 0.05)), {}
        ),
    ],
    only(LOST),
    {LOST: TICKET},
    minutes=150,
    quiet=69,
)


@pytest.mark.parametrize("story", TRACES.stories, ids=lambda story: story.told)
def test_lost_traces_are_a_ticket_and_a_few_are_not(simulation: Simulation, story: Story) -> None:
    TRACES.hold(simulation, story)


SCORED = 'llm_gateway_groundedness_ratio_%s{namespace="demo",service="assistant",model="%s"}'
UNGROUNDED = "LlmGatewayUngrounded"
WEEK, HALF_A_DAY = 7 * 24 * 4, 12 * 4
"""In quarters of an hour."""


def scored(model: str, before: float, after: float, *, each: float = 6) -> dict[str, str]:
    """A week, and half a day, of so many scored answers a quarter of an hour, and their mean."""
    of = {"sum": (each * before, each * after), "count": (each, each)}
    return {
        SCORED % (part, model): counter((WEEK, first), (HALF_A_DAY, then))
        for part, (first, then) in of.items()
    }


ANSWERS: list[tuple[str, Mapping[str, str], set[str]]] = [
    ("as ever", scored("assistant", 0.9, 0.9), set()),
    ("a little lower", scored("assistant", 0.9, 0.8), set()),
    ("a quarter lower, and still above the minimum", scored("assistant", 0.9, 0.66), {"past"}),
    ("below the minimum", scored("assistant", 0.9, 0.5), {"past", "minimum"}),
    ("always below the minimum", scored("assistant", 0.5, 0.5), {"minimum"}),
    (
        "one of two models",
        {**scored("assistant", 0.9, 0.9), **scored("support", 0.9, 0.65)},
        {"past"},
    ),
    ("too few answers to tell", scored("assistant", 0.9, 0.1, each=0.9), set()),
]


@pytest.mark.parametrize(("told", "series", "against"), ANSWERS)
def test_answers_with_less_of_what_was_given_are_a_ticket(
    simulation: Simulation, told: str, series: Mapping[str, str], against: set[str]
) -> None:
    end = f"{(WEEK + HALF_A_DAY) * 15}m"
    found = simulation.answers(
        [
            f'count(ALERTS{{alertname="{UNGROUNDED}",alertstate="firing",severity="{TICKET}",'
            f'against="{each}"}})'
            for each in ("past", "minimum")
        ],
        series,
        end,
        groups=only(UNGROUNDED),
        step="15m",
        evaluated_every="15m",
    )
    came = {each for each, many in zip(("past", "minimum"), found, strict=True) if many}
    assert came == against, told
    assert all(many in {None, 1.0} for many in found), "the other model alarms nobody"


HELD = (
    Held(frozenset(BUDGETS), frozenset(BUDGETS))
    | OUTAGES.held
    | TRACES.held
    | Held(
        frozenset(UNGROUNDED for _, _, against in ANSWERS if against),
        frozenset(UNGROUNDED for _, _, against in ANSWERS if not against),
    )
)


def test_a_guarded_model_promises_times_alone_unless_it_is_told_otherwise() -> None:
    slo = LLAMA.slo
    guarded = WatchedLlm("llama", "demo", "growth", "team-a", slo, guarded=True)
    names = {group.name for group in llm_rules(guarded)}
    assert not [name for name in names if "availability" in name]
    told = WatchedLlm(
        "llama", "demo", "growth", "team-a", {**slo, "availability": 99.0}, guarded=True
    )
    assert [group for group in llm_rules(told) if "availability" in group.name]
