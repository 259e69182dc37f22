"""The rules of one model service: its objectives, and what hurts it in other ways.

Every alert is about one service, says in its labels whose it is and how urgent, and is named as
its runbook. Numbers that an alert waits for are those of the service or stand here with a reason.
"""

from collections.abc import Iterator

from stanchion.monitoring.burn_rates import INTERVAL_SECONDS, matchers
from stanchion.monitoring.drift import drift_rules
from stanchion.monitoring.kube_state import kube_state
from stanchion.monitoring.objectives import DEFAULT_AVAILABILITY
from stanchion.monitoring.promises import (
    Promise,
    budget_alerts,
    counted,
    in_time,
    objective,
    promise_recordings,
)
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RecordingRule, RuleGroup
from stanchion.monitoring.watched import WatchedService

REQUEST_RATE = "model_service:requests:rate5m"
_FAILED = 'outcome=~"server_error|timeout|unavailable"'
_COUNTED = 'outcome!="client_error"'
_ANSWERED = 'outcome="ok"'
_DURATION = "model_server_request_duration_seconds"
_UNREADY_SECONDS = 120
"""A lone replica is replaced in less where its model loads quickly."""
_UNSEEN_SECONDS = 600
"""A node of a cold pool and an image take less."""
_UNLOADABLE_SECONDS = 600
"""A registry that restarts is back before."""
_MARGIN_SECONDS = 60
_CRASHES = 3
_AT_MAXIMUM_SECONDS = 1800
_LOST_SHARE = 0.01
"""Of logged rows: a burst that finds no room in memory is less of an hour's."""
_LOSING_SECONDS = 600


def promises(watched: WatchedService) -> list[Promise]:
    """What a service promises, with the queries that measure it."""
    slo = watched.slo
    made = [
        Promise(
            objective(
                watched,
                "availability",
                slo.get("availability", DEFAULT_AVAILABILITY),
                slo,
                requests=counted(watched, watched.requests, _COUNTED),
                failures=counted(watched, watched.requests, _FAILED),
            ),
            "ModelServiceErrorBudgetBurn",
            "fails requests",
            "requests do not fail",
        )
    ]
    if latency := slo.get("latency"):
        made.append(
            Promise(
                in_time(
                    watched, "latency", _DURATION, promised=latency, slo=slo, matching=_ANSWERED
                ),
                "ModelServiceLatencyBudgetBurn",
                "answers late",
                f"answers come within {latency['milliseconds']:g} ms",
            )
        )
    return made


def service_rules(watched: WatchedService) -> list[RuleGroup]:
    """Every rule of a service, in groups named after it."""
    prefix = f"{watched.namespace}-{watched.service}"
    promised = promises(watched)
    rate = f"sum by (outcome) (rate({watched.requests}{watched.selector()}[5m]))"
    return [
        *promise_recordings(prefix, promised),
        RuleGroup(
            f"{prefix}-alerts",
            [
                RecordingRule(REQUEST_RATE, rate, watched.labels),
                *budget_alerts(watched, promised),
                *_other_alerts(watched),
            ],
            INTERVAL_SECONDS,
        ),
        *drift_rules(watched),
    ]


def _seen(watched: WatchedService, ready: str) -> Iterator[AlertRule]:
    """Alerts about whoever callers reach first."""
    if watched.hold_seconds is None:
        first, who = ready, "no replica runs"
    else:
        first, who = f"activator_in_flight{watched.selector()}", "no activator runs"
        refused = f"activator_refused_total{watched.selector()}"
        yield watched.alert(
            "ModelServiceNotWoken",
            f"sum by (reason) (increase({refused}[5m])) > 0",
            AlertSeverity.TICKET,
            summary='refused {{ printf "%.0f" $value }} requests in 5 minutes that no replica was '
            "ready for ({{ $labels.reason }})",
            description=f"Callers are promised a replica within {watched.hold_seconds} s "
            "(cold_start.budget_seconds). budget: none was ready by then; queue_full: too many "
            "waited already.",
        )
    yield watched.alert(
        "ModelServiceNotScraped",
        f"absent({first})",
        AlertSeverity.PAGE,
        summary="reports no metrics",
        description=f"Either {who}, or Prometheus cannot reach any. Nothing else about the "
        "service can alarm anybody meanwhile.",
        hold_seconds=_UNSEEN_SECONDS,
    )


def _other_alerts(watched: WatchedService) -> Iterator[AlertRule]:
    page, ticket = AlertSeverity.PAGE, AlertSeverity.TICKET
    ready = f"model_server_ready{watched.selector()}"
    none_ready = "ModelServiceNoReadyReplica"
    same = watched.selector(f'alertname="{none_ready}"')
    yield watched.alert(
        none_ready,
        # A service that never was ready yet is starting, or its model cannot be loaded; one that
        # was goes on to be an alert when that is more than a day ago.
        f"sum({ready}) == 0 and (max(max_over_time({ready}[1d])) > 0 or count(ALERTS{same}) > 0)",
        page,
        summary="has no ready replica",
        description="Its replicas run and none serves the model: every request fails, and none "
        "is counted, since none reaches a server.",
        hold_seconds=max(_UNREADY_SECONDS, watched.hold_seconds or 0),
    )
    yield from _seen(watched, ready)
    retries = f"model_server_load_retries_total{watched.selector()}"
    yield watched.alert(
        "ModelServiceModelNotLoaded",
        f"sum(increase({retries}[5m])) > 0",
        ticket,
        summary="cannot fetch its pinned model: "
        '{{ printf "%.0f" $value }} failed tries in 5 minutes',
        description="A starting replica keeps asking the registry and stays unready. Replicas "
        "that are up serve on; none can be added or replaced.",
        hold_seconds=_UNLOADABLE_SECONDS,
    )
    # A pod of the workload has two more parts in its name, and neither has a dash.
    pods = f'namespace="{watched.namespace}",pod=~"{watched.service}-[a-z0-9]+-[a-z0-9]+"'
    restarts = kube_state(
        "kube_pod_container_status_restarts_total", f'{pods},container="model-server"'
    )
    yield watched.alert(
        "ModelServiceReplicaCrashes",
        f"sum(increase({restarts}[30m])) >= {_CRASHES}",
        ticket,
        summary='restarted {{ printf "%.0f" $value }} times in 30 minutes',
        description="A replica ends and is started again: it runs out of memory, or does not "
        "answer its liveness probe.",
    )
    yield watched.alert(
        "ModelServiceReplicaNotReady",
        f"{ready} == 0",
        ticket,
        summary="has a replica that does not become ready: {{ $labels.pod }}",
        description="It refuses its pinned model for good, or takes longer to load it than "
        "load_seconds says. Replicas that are up serve on.",
        hold_seconds=watched.settling_seconds + _MARGIN_SECONDS,
    )
    rows = "model_server_prediction_log_rows_total"
    gone = watched.selector('result!="written"')
    yield watched.alert(
        "ModelServicePredictionLogLosesRows",
        f"sum(increase({rows}{gone}[1h])) / sum(increase({rows}{watched.selector()}[1h])) "
        f"> {_LOST_SHARE:g}",
        ticket,
        summary="loses {{ humanizePercentage $value }} of the rows that its prediction log is to "
        "have",
        description="Of the last hour's, by why:"
        f"{{{{ range query `sum by (result) (increase({rows}{gone}[1h])) > 0` }}}} "
        '{{ .Labels.result }} {{ printf "%.0f" .Value }};{{ end }} Requests are answered all the '
        "same; what compares the log with training or with labels has less to go by.",
        hold_seconds=_LOSING_SECONDS,
    )
    if watched.autoscaler:
        of_it = matchers(
            {"namespace": watched.namespace, "horizontalpodautoscaler": watched.autoscaler}
        )
        have, most = (
            f"max({kube_state(f'kube_horizontalpodautoscaler_{part}', of_it)})"
            for part in ("status_current_replicas", "spec_max_replicas")
        )
        yield watched.alert(
            "ModelServiceAtMaximumReplicas",
            f"{have} >= {most}",
            ticket,
            summary='has had all {{ printf "%.0f" $value }} replicas that it may have for 30 '
            "minutes",
            description="The autoscaler can add none: more requests make it slower, and then fail.",
            hold_seconds=_AT_MAXIMUM_SECONDS,
        )
