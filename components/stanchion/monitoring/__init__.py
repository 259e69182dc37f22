"""How what the platform runs is watched: scraping, objectives, rules and alerts."""

from stanchion.monitoring.alerts import RUNBOOKS, WatchedService, service_rules
from stanchion.monitoring.objectives import (
    LatencyObjective,
    ServiceLevelObjectives,
    check_objectives,
)
from stanchion.monitoring.rules import prometheus_rule
from stanchion.monitoring.service_monitor import (
    INTERVAL_SECONDS,
    NAMESPACE,
    PROMETHEUS_PORT,
    PROMETHEUS_URL,
    service_monitor,
)

__all__ = [
    "INTERVAL_SECONDS",
    "NAMESPACE",
    "PROMETHEUS_PORT",
    "PROMETHEUS_URL",
    "RUNBOOKS",
    "LatencyObjective",
    "ServiceLevelObjectives",
    "WatchedService",
    "check_objectives",
    "prometheus_rule",
    "service_monitor",
    "service_rules",
]
