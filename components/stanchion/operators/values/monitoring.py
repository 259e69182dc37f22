"""Values of the charts for metrics and cost."""

from typing import Any

from stanchion.monitoring import PROMETHEUS_PORT
from stanchion.monitoring.dashboards.component import FOLDER_ANNOTATION, LABEL, LABEL_VALUE
from stanchion.operators.contract import CloudParts, Operator, Setting
from stanchion.operators.managed_metrics import PROMETHEUS_ACCOUNT
from stanchion.operators.metrics_storage import DEFAULT_DISK_GB, prometheus_values
from stanchion.operators.plans import PLANS, SYSTEM_NAMESPACE
from stanchion.operators.values.common import (
    RESTRICTED_CONTAINER,
    RUNTIME_SECCOMP,
    sized,
    tolerations,
)

GRAFANA_LOGIN = "grafana-admin"
"""Secret with the administrator of Grafana."""
PROMETHEUS_SERVICE = "kube-prometheus-stack-prometheus"
_ALERTMANAGER_DISK = "5Gi"
_OPENCOST_USER = 1001


def kube_prometheus_stack(setting: Setting, parts: CloudParts) -> dict[str, Any]:
    """Everything that names no release is found: monitors, rules and routes of every namespace.

    Alerts about Prometheus and Alertmanager, and their scrapes, are `MonitoringStack`'s. The cloud
    runs etcd, scheduler and controller manager, and none of them can be scraped.
    """
    tolerated = {"tolerations": tolerations(setting)}
    # Both replicas on one node would go together.
    apart = {"podAntiAffinity": "hard" if setting.high_availability else "soft"}
    scraped_elsewhere = {"serviceMonitor": {"selfMonitor": False}}
    budget = {"podDisruptionBudget": {"enabled": setting.high_availability}}
    unseen = {
        part: {"enabled": False}
        for part in ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
    }
    return {
        **unseen,
        "crds": {"enabled": False},
        "coreDns": {"enabled": setting.core_dns},
        "defaultRules": {
            "rules": {"alertmanager": False, "prometheus": False},
            "disabled": {"Watchdog": True},
        },
        "prometheusOperator": {
            **tolerated,
            "resources": sized("50m", "256Mi"),
            "admissionWebhooks": {"patch": {**tolerated, "resources": sized("20m", "64Mi")}},
            "prometheusConfigReloader": {"resources": sized("10m", "64Mi")},
        },
        "prometheus": {
            **budget,
            **scraped_elsewhere,
            **_account(setting, parts),
            "prometheusSpec": {
                **tolerated,
                **apart,
                "replicas": setting.replicas,
                "resources": sized("250m", "2Gi"),
                **prometheus_values(setting.metrics, parts.managed),
                "storageSpec": _volume(
                    setting, f"{setting.metrics.get('disk_gb', DEFAULT_DISK_GB)}Gi"
                ),
                "externalLabels": {
                    "cluster": setting.environment,
                    **parts.managed.external_labels,
                },
                **{
                    f"{kind}SelectorNilUsesHelmValues": False
                    for kind in ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
                },
            },
        },
        "alertmanager": {
            **budget,
            **scraped_elsewhere,
            "alertmanagerSpec": {
                **tolerated,
                **apart,
                # Routes of a tenant see the alerts of its namespace alone.
                "alertmanagerConfigMatcherStrategy": {
                    "type": "OnNamespaceExceptForAlertmanagerNamespace"
                },
                "automountServiceAccountToken": False,
                "replicas": setting.replicas,
                "resources": sized("20m", "128Mi"),
                "storage": _volume(setting, _ALERTMANAGER_DISK),
            },
        },
        # One replica: several would need a database to share sessions.
        "grafana": {
            **tolerated,
            "admin": {"existingSecret": GRAFANA_LOGIN},
            "resources": sized("100m", "512Mi"),
            "sidecar": {
                "resources": sized("20m", "128Mi"),
                # Of its own namespace alone: a tenant's ConfigMap could replace a dashboard.
                "dashboards": {
                    "label": LABEL,
                    "labelValue": LABEL_VALUE,
                    "searchNamespace": PLANS[Operator.KUBE_PROMETHEUS_STACK].namespace,
                    "folderAnnotation": FOLDER_ANNOTATION,
                    "provider": {"foldersFromFilesStructure": True},
                },
            },
            "testFramework": {"enabled": False},
        },
        "kube-state-metrics": {**tolerated, "resources": sized("50m", "256Mi")},
        # It reads the node's own files, which no pod of another namespace may.
        "prometheus-node-exporter": {
            "namespaceOverride": SYSTEM_NAMESPACE,
            "resources": sized("20m", "64Mi"),
        },
    }


def _account(setting: Setting, parts: CloudParts) -> dict[str, Any]:
    """The service account by its name, where that has rights in the cloud."""
    if not setting.writes_as_cloud:
        return {}
    account = {"create": True, "name": PROMETHEUS_ACCOUNT, "annotations": parts.managed.annotations}
    return {"serviceAccount": account}


def _volume(setting: Setting, size: str) -> dict[str, Any]:
    return {
        "volumeClaimTemplate": {
            "spec": {
                "storageClassName": setting.storage_class,
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            }
        }
    }


def opencost(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """The exporter alone: Grafana shows its metrics."""
    return {
        "podSecurityContext": RUNTIME_SECCOMP,
        "opencost": {
            "tolerations": tolerations(setting),
            "exporter": {
                "defaultClusterId": setting.environment,
                # The cloud's price list passes through its memory.
                "resources": sized("20m", "1Gi"),
                "securityContext": {**RESTRICTED_CONTAINER, "runAsUser": _OPENCOST_USER},
            },
            "prometheus": {
                "internal": {
                    "enabled": True,
                    "serviceName": PROMETHEUS_SERVICE,
                    "namespaceName": PLANS[Operator.KUBE_PROMETHEUS_STACK].namespace,
                    "port": PROMETHEUS_PORT,
                }
            },
            "metrics": {
                # It would export series of kube-state-metrics under their names once more.
                "kubeStateMetrics": {"emitKsmV1Metrics": False},
                "serviceMonitor": {"enabled": setting.monitored},
            },
            "ui": {"enabled": False},
            "mcp": {"enabled": False},
        },
    }
