"""The rules of language models and of the gateways before them: their promises, and outages."""

from collections.abc import Iterator
from dataclasses import dataclass

from stanchion.monitoring.burn_rates import INTERVAL_SECONDS
from stanchion.monitoring.objectives import (
    DEFAULT_AVAILABILITY,
    TIME_FOR_EACH,
    TIME_TO_FIRST,
    GatewayObjectives,
    LlmObjectives,
)
from stanchion.monitoring.promises import (
    Promise,
    budget_alerts,
    counted,
    in_time,
    objective,
    promise_recordings,
)
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RuleGroup
from stanchion.monitoring.watched import Watched

_COUNTED = 'handler=~"/v1/.+",status=~"2xx|5xx"'
_FAILED = 'handler=~"/v1/.+",status="5xx"'
# What the client, a guard or a limit ended says nothing about the gateway.
_GATEWAY_COUNTED = 'outcome=~"ok|backend_error|timeout|server_error"'
_GATEWAY_FAILED = 'outcome=~"backend_error|timeout|server_error"'
_GONE_SECONDS = 120
"""A rollout and a moved replica leave others; without any, callers are turned away."""
_GATEWAY_GONE_SECONDS = 300
_LOST_SHARE = 0.05
"""Of sampled requests: a tracking server that restarts is tried again and loses fewer."""
_LOST_FEWEST = 10
_LOST_SECONDS = 600
_ANSWERS_FEWEST = 30
"""Scored answers of six hours, below which chance moves their mean too far."""
_ANSWERS_BEFORE = 100
_LEFT_OF_BEFORE = 0.8
_UNGROUNDED_SECONDS = 1800


@dataclass(frozen=True)
class WatchedLlm(Watched):
    """A language model as its alerts know it.

    Attributes:
        slo: What it promises.
        guarded: Whether a gateway stands before it, which makes the promise of availability.
    """

    slo: LlmObjectives
    guarded: bool = False


@dataclass(frozen=True)
class WatchedGateway(Watched):
    """A gateway as its alerts know it.

    Attributes:
        slo: What it promises.
        traced: Whether it sends traces of requests.
        grounded: Whether it scores what it traces.
        least_grounded: Mean score that answers are to have; None: only a fall is told.
    """

    slo: GatewayObjectives
    traced: bool = False
    grounded: bool = False
    least_grounded: float | None = None


def llm_rules(watched: WatchedLlm) -> list[RuleGroup]:
    """Every rule of a language model, in groups named after it."""
    running = f"vllm:num_requests_running{watched.selector()}"
    gone = watched.alert(
        "LlmServiceNotServing",
        _disappeared(watched, "LlmServiceNotServing", running),
        AlertSeverity.PAGE,
        summary="has served and no longer reports: {{ $value }} means that no replica does",
        description="vLLM reports nothing until its weights are loaded, so none of its replicas is "
        "ready, or Prometheus cannot reach any. Nothing else about it can alarm anybody meanwhile.",
        hold_seconds=_GONE_SECONDS,
    )
    return _rules(watched, _llm_promises(watched), gone)


def gateway_rules(watched: WatchedGateway) -> list[RuleGroup]:
    """Every rule of a gateway, in groups named after it."""
    counter = "llm_gateway_requests_total"
    promised = Promise(
        objective(
            watched,
            "availability",
            watched.slo.get("availability", DEFAULT_AVAILABILITY),
            watched.slo,
            requests=counted(watched, counter, _GATEWAY_COUNTED),
            failures=counted(watched, counter, _GATEWAY_FAILED),
        ),
        "LlmGatewayErrorBudgetBurn",
        "fails requests",
        "requests are answered by one of its models",
    )
    gone = watched.alert(
        "LlmGatewayNotScraped",
        f"absent(llm_gateway_in_flight{watched.selector()})",
        AlertSeverity.PAGE,
        summary="reports no metrics: {{ $value }} means that no replica does",
        description="Either none runs, or Prometheus cannot reach any. Nothing else about it can "
        "alarm anybody meanwhile.",
        hold_seconds=_GATEWAY_GONE_SECONDS,
    )
    return _rules(watched, [promised], gone, *_traces(watched), *_answers(watched))


def _traces(watched: WatchedGateway) -> Iterator[AlertRule]:
    """Traces that were to be kept and were not: what people would look into is missing."""
    if not watched.traced:
        return

    def within(more: str = "") -> str:
        return f"sum(increase(llm_gateway_traces_total{watched.selector(more)}[30m]))"

    lost = within('result=~"dropped|failed"')
    yield watched.alert(
        "LlmGatewayTracesLost",
        f"{lost} / {within()} > {_LOST_SHARE:g} and {lost} > {_LOST_FEWEST}",
        AlertSeverity.TICKET,
        summary="loses traces: {{ $value | humanizePercentage }} of those of the last half hour",
        description="MLflow does not take them, or not as fast as they come. Requests are answered "
        "as ever; what was asked meanwhile cannot be looked into, and its groundedness is on no "
        "trace.",
        hold_seconds=_LOST_SECONDS,
    )


def _answers(watched: WatchedGateway) -> Iterator[AlertRule]:
    """Answers of which less is in what they were to be drawn from."""
    if not watched.grounded:
        return
    recent, before = _scores(watched, "6h"), _scores(watched, "7d", " offset 6h")
    enough = f"{recent[1]} >= {_ANSWERS_FEWEST}"
    mean = f"{recent[0]} / {recent[1]}"

    def alert(against: str, worse: str, description: str) -> AlertRule:
        return watched.alert(
            "LlmGatewayUngrounded",
            f"{mean} < {worse} and {enough}",
            AlertSeverity.TICKET,
            summary="answers as {{ $labels.model }} with less of what it was given: "
            "{{ $value | humanizePercentage }} of the words of six hours' answers",
            description=description,
            hold_seconds=_UNGROUNDED_SECONDS,
            labels={"against": against},
        )

    yield alert(
        "past",
        f"{_LEFT_OF_BEFORE:g} * ({before[0]} / ({before[1]} >= {_ANSWERS_BEFORE}))",
        f"That is less than {_LEFT_OF_BEFORE:.0%} of what it was over the week before: another "
        "model, prompt or index, or questions that what is given does not answer.",
    )
    if watched.least_grounded is not None:
        yield alert(
            "minimum",
            f"{watched.least_grounded:g}",
            f"That is less than the {watched.least_grounded:.0%} that its file asks for.",
        )


def _scores(watched: Watched, window: str, offset: str = "") -> tuple[str, str]:
    """The sum and the number of the scores within a window, by model."""
    total, many = (
        f"sum by (model) (increase(llm_gateway_groundedness_ratio_{part}"
        f"{watched.selector()}[{window}]{offset}))"
        for part in ("sum", "count")
    )
    return total, many


def _rules(watched: Watched, promised: list[Promise], *others: AlertRule) -> list[RuleGroup]:
    prefix = f"{watched.namespace}-{watched.service}"
    alerts = [*budget_alerts(watched, promised), *others]
    return [
        *promise_recordings(prefix, promised),
        RuleGroup(f"{prefix}-alerts", alerts, INTERVAL_SECONDS),
    ]


def _llm_promises(watched: WatchedLlm) -> list[Promise]:
    return [*_availability(watched), *_times(watched)]


def _availability(watched: WatchedLlm) -> Iterator[Promise]:
    if watched.guarded and "availability" not in watched.slo:
        return
    every, failed = (
        counted(watched, "http_requests_total", matching) for matching in (_COUNTED, _FAILED)
    )
    yield Promise(
        objective(
            watched,
            "availability",
            watched.slo.get("availability", DEFAULT_AVAILABILITY),
            watched.slo,
            requests=every,
            # Until the first failure vLLM has no series of them, as our own servers do.
            failures=lambda window: f"({failed(window)} or 0 * {every(window)})",
        ),
        "LlmServiceErrorBudgetBurn",
        "fails requests",
        "requests do not fail",
    )


def _times(watched: WatchedLlm) -> Iterator[Promise]:
    slo = watched.slo
    if first := slo.get("first_token"):
        yield Promise(
            in_time(watched, "first-token", TIME_TO_FIRST, promised=first, slo=slo),
            "LlmServiceFirstTokenBudgetBurn",
            "begins its answers late",
            f"first tokens come within {first['milliseconds']:g} ms",
        )
    if each := slo.get("token_time"):
        yield Promise(
            in_time(watched, "token-time", TIME_FOR_EACH, promised=each, slo=slo),
            "LlmServiceTokenTimeBudgetBurn",
            "writes its answers slowly",
            f"answers come at {each['milliseconds']:g} ms a token or faster",
        )


def _disappeared(watched: Watched, alert: str, series: str) -> str:
    """Nothing is there that was within the last day; a service that never was is starting.

    Once it is an alert it stays one, though it is more than a day ago.
    """
    same = watched.selector(f'alertname="{alert}"')
    firing = f"ALERTS{same}"
    before = f"(count(max_over_time({series}[1d])) > 0 or count({firing}) > 0)"
    return f"absent({series}) and on () {before}"
