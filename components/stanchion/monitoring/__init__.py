"""How what the platform runs is watched: scraping, objectives, rules and alerts."""

from stanchion.monitoring.alerts import RUNBOOKS, WatchedService, service_rules
from stanchion.monitoring.objectives import (
    LatencyObjective,
    ServiceLevelObjectives,
    check_objectives,
)
from stanchion.monitoring.rules import prometheus_rule
from stanchion.monitoring.service_monitor import INTERVAL_SECONDS, service_monitor

__all__ = [
    "INTERVAL_SECONDS",
    "RUNBOOKS",
    "LatencyObjective",
    "ServiceLevelObjectives",
    "WatchedService",
    "check_objectives",
    "prometheus_rule",
    "service_monitor",
    "service_rules",
]
