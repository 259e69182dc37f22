"""The rules of monitoring itself: that it sees, and that what it sees reaches somebody.

Nobody is told that nobody can be told. For that there is Watchdog, which always fires: who gets it
elsewhere calls for help when it stops coming.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stanchion.monitoring.burn_rates import INTERVAL_SECONDS
from stanchion.monitoring.links import RUNBOOKS
from stanchion.monitoring.rules import NOT_TO_ACT, AlertRule, AlertSeverity, RuleGroup
from stanchion.monitoring.service_monitor import NAMESPACE

WATCHDOG = "Watchdog"
TARGETS_DOWN = "MonitoringTargetsDown"
PROMETHEUS = "prometheus-operated"
ALERTMANAGER = "alertmanager-operated"
"""Services that Prometheus Operator makes, and so the label `job` of what they export."""
_TARGETS = 4
"""Of fewer, half is no sign of one cause."""
_FAILED_SHARE = 0.01
_BEHIND_SECONDS = 300
_MINUTES = 60


@dataclass(frozen=True)
class WatchedMonitoring:
    """Monitoring as its own alerts know it.

    Attributes:
        owner: Team that answers for it.
        replicas: Replicas that Alertmanager has.
        runbooks: Folder or address of the runbooks.
        grafana: Grafana's own address; empty: it is not known.
    """

    owner: str
    replicas: int = 1
    runbooks: str = RUNBOOKS
    grafana: str = ""

    def alert(
        self,
        name: str,
        expr: str,
        severity: AlertSeverity | str,
        *,
        of: str,
        summary: str,
        description: str,
        hold_seconds: int = 0,
        dashboard: str = "",
    ) -> AlertRule:
        """An alert about one of its parts."""
        return AlertRule(
            name,
            expr,
            severity,
            summary=summary,
            description=description,
            runbooks=self.runbooks,
            labels={"namespace": NAMESPACE, "service": of, "owner": self.owner},
            hold_seconds=hold_seconds,
            dashboard=dashboard,
            grafana=self.grafana,
        )


def platform_rules(watched: WatchedMonitoring) -> list[RuleGroup]:
    """Every rule about Prometheus and Alertmanager."""
    alerts = [_watchdog(watched), *_prometheus(watched), *_alertmanager(watched)]
    return [RuleGroup(f"{NAMESPACE}-alerts", alerts, INTERVAL_SECONDS)]


def _watchdog(watched: WatchedMonitoring) -> AlertRule:
    return watched.alert(
        WATCHDOG,
        "vector(1)",
        NOT_TO_ACT,
        of=PROMETHEUS,
        summary="alerts are evaluated and sent",
        description="It always fires. Where it no longer arrives, Prometheus, Alertmanager or the "
        "way from there is broken, and no other alert arrives either.",
    )


def _prometheus(watched: WatchedMonitoring) -> Iterator[AlertRule]:
    of = f'{{job="{PROMETHEUS}"}}'
    yield watched.alert(
        TARGETS_DOWN,
        f"avg(up) < 0.5 and count(up) >= {_TARGETS}",
        AlertSeverity.PAGE,
        of=PROMETHEUS,
        summary="only {{ humanizePercentage $value }} of all targets can be scraped",
        description="So many do not fail for reasons of their own: it is the network between "
        "namespaces, the cluster's DNS or Prometheus itself. Services' own alerts that they are "
        "not scraped wait meanwhile.",
        hold_seconds=5 * _MINUTES,
    )
    yield watched.alert(
        "PrometheusConfigurationRefused",
        f"prometheus_config_last_reload_successful{of} == 0",
        AlertSeverity.TICKET,
        of=PROMETHEUS,
        summary="Prometheus {{ $labels.pod }} refuses its configuration",
        description="It goes on with the one before: what was declared since is neither scraped "
        "nor watched.",
        hold_seconds=10 * _MINUTES,
    )
    yield watched.alert(
        "PrometheusRulesFail",
        "sum by (pod, rule_group) "
        f"(increase(prometheus_rule_evaluation_failures_total{of}[5m])) > 0",
        AlertSeverity.TICKET,
        of=PROMETHEUS,
        summary="Prometheus {{ $labels.pod }} cannot evaluate rules of {{ $labels.rule_group }}: "
        '{{ printf "%.0f" $value }} times in 5 minutes',
        description="What these rules record has gaps, and their alerts do not come.",
        hold_seconds=15 * _MINUTES,
    )
    sent, failed = (
        f"sum by (pod) (rate(prometheus_notifications_{part}_total{of}[5m]))"
        for part in ("sent", "errors")
    )
    yield watched.alert(
        "PrometheusAlertsNotDelivered",
        f"{failed} / {sent} > {_FAILED_SHARE}",
        AlertSeverity.TICKET,
        of=PROMETHEUS,
        summary="Prometheus {{ $labels.pod }} does not get {{ humanizePercentage $value }} of its "
        "alerts to an Alertmanager",
        description="Where no Alertmanager takes them, nobody is told anything, this included: "
        "then Watchdog stops coming.",
        hold_seconds=15 * _MINUTES,
    )
    sent_until = f"prometheus_remote_storage_queue_highest_sent_timestamp_seconds{of}"
    yield watched.alert(
        "PrometheusRemoteWriteBehind",
        f"max by (pod, remote_name) (time() - {sent_until}) > {_BEHIND_SECONDS}",
        AlertSeverity.TICKET,
        of=PROMETHEUS,
        summary="Prometheus {{ $labels.pod }} writes to another store "
        "{{ humanizeDuration $value }} late",
        description="What is there is old. After some hours what has not been sent is lost to "
        "it; here it is kept.",
        hold_seconds=10 * _MINUTES,
    )


def _alertmanager(watched: WatchedMonitoring) -> Iterator[AlertRule]:
    of = f'{{job="{ALERTMANAGER}"}}'
    yield watched.alert(
        "AlertmanagerReplicaMissing",
        f"count(up{of} == 1) < {watched.replicas} or absent(up{of} == 1)",
        AlertSeverity.TICKET,
        of=ALERTMANAGER,
        summary=f"of {watched.replicas} replicas of Alertmanager some cannot be reached",
        description="The others still tell everybody. Without any nobody is told: then Watchdog "
        "stops coming.",
        hold_seconds=10 * _MINUTES,
    )
    yield watched.alert(
        "AlertmanagerConfigurationRefused",
        f"alertmanager_config_last_reload_successful{of} == 0",
        AlertSeverity.TICKET,
        of=ALERTMANAGER,
        summary="Alertmanager {{ $labels.pod }} refuses its configuration",
        description="It goes on with the one before: routes and receivers that were declared "
        "since are not there.",
        hold_seconds=10 * _MINUTES,
    )
    tried, failed = (
        f"sum by (integration) (rate(alertmanager_notifications_{part}total{of}[5m]))"
        for part in ("", "failed_")
    )
    yield watched.alert(
        "AlertmanagerNotificationsFail",
        f"{failed} / {tried} > {_FAILED_SHARE}",
        AlertSeverity.PAGE,
        of=ALERTMANAGER,
        summary="{{ humanizePercentage $value }} of the messages by {{ $labels.integration }} are "
        "not delivered",
        description="Who is to be told by it is not told. Another way, where there is one, still "
        "works.",
        hold_seconds=5 * _MINUTES,
    )
