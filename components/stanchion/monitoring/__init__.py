"""How what the platform runs is watched: scraping, objectives, rules and alerts."""

from stanchion.monitoring.alert_route import ALERTMANAGER_PODS, webhook_route
from stanchion.monitoring.alerts import service_rules
from stanchion.monitoring.drift_limits import DriftLimits, check_drift
from stanchion.monitoring.objectives import (
    LatencyObjective,
    ServiceLevelObjectives,
    check_objectives,
)
from stanchion.monitoring.retraining import WatchedTrigger, retraining_rules
from stanchion.monitoring.rules import prometheus_rule
from stanchion.monitoring.service_monitor import (
    INTERVAL_SECONDS,
    NAMESPACE,
    PROMETHEUS_PODS,
    PROMETHEUS_PORT,
    PROMETHEUS_URL,
    service_monitor,
)
from stanchion.monitoring.watched import RUNBOOKS, WatchedService

__all__ = [
    "ALERTMANAGER_PODS",
    "INTERVAL_SECONDS",
    "NAMESPACE",
    "PROMETHEUS_PODS",
    "PROMETHEUS_PORT",
    "PROMETHEUS_URL",
    "RUNBOOKS",
    "DriftLimits",
    "LatencyObjective",
    "ServiceLevelObjectives",
    "WatchedService",
    "WatchedTrigger",
    "check_drift",
    "check_objectives",
    "prometheus_rule",
    "retraining_rules",
    "service_monitor",
    "service_rules",
    "webhook_route",
]
