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
    """

    slo: GatewayObjectives


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
    return _rules(watched, [promised], gone)


def _rules(watched: Watched, promised: list[Promise], gone: AlertRule) -> list[RuleGroup]:
    prefix = f"{watched.namespace}-{watched.service}"
    alerts = [*budget_alerts(watched, promised), gone]
    return [
        *promise_recordings(prefix, promised),
        RuleGroup(f"{prefix}-alerts", alerts, INTERVAL_SECONDS),
    ]


def _llm_promises(watched: WatchedLlm) -> list[Promise]:
    return [*_availability(watched), *_times(watched)]


def _availability(watched: WatchedLlm) -> Iterator[Promise]:
    if watched.guarded and "availability" not in watched.slo:
        return
    yield Promise(
        objective(
            watched,
            "availability",
            watched.slo.get("availability", DEFAULT_AVAILABILITY),
            watched.slo,
            requests=counted(watched, "http_requests_total", _COUNTED),
            failures=counted(watched, "http_requests_total", _FAILED),
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
