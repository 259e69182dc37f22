"""How what the platform runs is watched: scraping, objectives, rules and alerts."""

from stanchion.monitoring.alert_route import ALERTMANAGER_PODS, webhook_route
from stanchion.monitoring.alerts import service_rules
from stanchion.monitoring.drift_limits import DriftLimits, check_drift
from stanchion.monitoring.drift_monitor import WatchedMonitor, drift_monitor_rules
from stanchion.monitoring.features import WatchedFeatures, feature_store_rules
from stanchion.monitoring.gpu_counters import GpuMetrics
from stanchion.monitoring.jobs import WatchedJobs, job_rules
from stanchion.monitoring.links import RUNBOOKS, AlertLinks, check_links, unfit_address
from stanchion.monitoring.llm_alerts import (
    WatchedGateway,
    WatchedLlm,
    gateway_rules,
    llm_rules,
)
from stanchion.monitoring.objectives import (
    GatewayObjectives,
    LatencyObjective,
    LlmObjectives,
    ServiceLevelObjectives,
    check_gateway_objectives,
    check_llm_objectives,
    check_objectives,
)
from stanchion.monitoring.retraining import WatchedTrigger, retraining_rules
from stanchion.monitoring.rules import prometheus_rule
from stanchion.monitoring.runs import Once
from stanchion.monitoring.service_monitor import (
    INTERVAL_SECONDS,
    NAMESPACE,
    PROMETHEUS_PODS,
    PROMETHEUS_PORT,
    PROMETHEUS_URL,
    service_monitor,
)
from stanchion.monitoring.stack import (
    ALERTMANAGER_PORT,
    ALERTMANAGER_URL,
    MonitoringStack,
)
from stanchion.monitoring.stack_arguments import (
    AlertReceiver,
    AlertRoute,
    AlertSecret,
    EmailTarget,
    MonitoringStackArgs,
    PagerDutyTarget,
    SlackTarget,
    WebhookTarget,
)
from stanchion.monitoring.tracking import backup_rules, mlflow_rules
from stanchion.monitoring.watched import Watched, WatchedService

__all__ = [
    "ALERTMANAGER_PODS",
    "ALERTMANAGER_PORT",
    "ALERTMANAGER_URL",
    "INTERVAL_SECONDS",
    "NAMESPACE",
    "PROMETHEUS_PODS",
    "PROMETHEUS_PORT",
    "PROMETHEUS_URL",
    "RUNBOOKS",
    "AlertLinks",
    "AlertReceiver",
    "AlertRoute",
    "AlertSecret",
    "DriftLimits",
    "EmailTarget",
    "GatewayObjectives",
    "GpuMetrics",
    "LatencyObjective",
    "LlmObjectives",
    "MonitoringStack",
    "MonitoringStackArgs",
    "Once",
    "PagerDutyTarget",
    "ServiceLevelObjectives",
    "SlackTarget",
    "Watched",
    "WatchedFeatures",
    "WatchedGateway",
    "WatchedJobs",
    "WatchedLlm",
    "WatchedMonitor",
    "WatchedService",
    "WatchedTrigger",
    "WebhookTarget",
    "backup_rules",
    "check_drift",
    "check_gateway_objectives",
    "check_links",
    "check_llm_objectives",
    "check_objectives",
    "drift_monitor_rules",
    "feature_store_rules",
    "gateway_rules",
    "job_rules",
    "llm_rules",
    "mlflow_rules",
    "prometheus_rule",
    "retraining_rules",
    "service_monitor",
    "service_rules",
    "unfit_address",
    "webhook_route",
]
