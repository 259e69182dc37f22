"""Values of the charts for autoscaling, rollouts and queues."""

from typing import Any

import yaml

from stanchion.labels import TENANT
from stanchion.operators import gateway_plugin
from stanchion.operators.contract import CloudParts, Operator, Setting
from stanchion.operators.plans import PLANS
from stanchion.operators.values.common import KEPT, sized, tolerations

_KEDA_PARTS = ("operator", "metricServer", "webhooks")
_OTHER_MESHES = (
    *("ambassador", "apisix", "awsAppMesh", "awsLoadBalancerController", "contour"),
    *("glooPlatform", "istio", "smi", "traefik"),
)
_BUDGET = {"maxUnavailable": 1}


def keda(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """Operator, metrics server and webhooks.

    It may not read the Secrets of other namespaces: triggers ask Prometheus, which needs none.
    """
    replicated = {"replicaCount": setting.replicas}
    budgets = _KEDA_PARTS if setting.high_availability else ()
    return {
        "crds": {"install": True, "additionalAnnotations": KEPT},
        "clusterName": setting.environment,
        "tolerations": tolerations(setting),
        "operator": replicated,
        "metricsServer": replicated,
        "webhooks": replicated,
        "podDisruptionBudget": dict.fromkeys(budgets, _BUDGET),
        "resources": {part: sized("50m", "256Mi") for part in _KEDA_PARTS},
        "permissions": {
            "operator": {"restrict": {"secret": True}},
            "metricServer": {"restrict": {"secret": True}},
        },
        "prometheus": {
            part: {"enabled": True, "serviceMonitor": {"enabled": setting.monitored}}
            for part in _KEDA_PARTS
        },
    }


def argo_rollouts(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """The controller, with rights on no mesh but the Gateway API."""
    budget: dict[str, Any] = {"enabled": setting.high_availability}
    if setting.high_availability:
        budget.update(_BUDGET)
    return {
        "installCRDs": True,
        "keepCRDs": True,
        "controller": {
            "replicas": setting.replicas,
            "resources": sized("100m", "256Mi"),
            "tolerations": tolerations(setting),
            "pdb": budget,
            "metrics": {"enabled": True, "serviceMonitor": {"enabled": setting.monitored}},
            **_gateway_plugin(setting),
        },
        "providerRBAC": {"providers": dict.fromkeys(_OTHER_MESHES, False)},
    }


def _gateway_plugin(setting: Setting) -> dict[str, Any]:
    if setting.gateway_plugin_url is None:
        return {}
    pinned = {
        "name": gateway_plugin.NAME,
        "location": setting.gateway_plugin_url,
        "sha256": gateway_plugin.SHA256,
    }
    return {
        "trafficRouterPlugins": [pinned],
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
    }


def jobset(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """The controller, which makes its own certificates."""
    return {
        "controller": {
            "replicas": setting.replicas,
            "resources": sized("100m", "256Mi"),
            "tolerations": tolerations(setting),
            "podDisruptionBudget": {"enabled": setting.high_availability},
        },
        "prometheus": {
            "enable": setting.monitored,
            "prometheusNamespace": PLANS[Operator.KUBE_PROMETHEUS_STACK].namespace,
        },
    }


def kuberay_operator(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """The controller, which its makers have two of where one is to stand by."""
    return {
        "replicas": setting.replicas,
        "resources": sized("100m", "512Mi"),
        "tolerations": tolerations(setting),
        "metrics": {"serviceMonitor": {"enabled": setting.monitored}},
    }


def kueue(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """The controller, for Jobs and JobSets of tenants, and RayJobs where there is KubeRay.

    Elsewhere its webhooks are not asked: while it is down nothing but a tenant's job waits.
    """
    return {
        "enablePrometheus": setting.monitored,
        "metrics": {"prometheusNamespace": PLANS[Operator.KUBE_PROMETHEUS_STACK].namespace},
        "controllerManager": {
            "replicas": setting.replicas,
            "tolerations": tolerations(setting),
            "podDisruptionBudget": {"enabled": setting.high_availability},
            "manager": {"resources": sized("250m", "512Mi")},
        },
        "managerConfig": {
            "controllerManagerConfigYaml": yaml.safe_dump(
                _kueue_configuration(setting), sort_keys=True
            )
        },
    }


def _kueue_configuration(setting: Setting) -> dict[str, Any]:
    rays = ["ray.io/rayjob"] if Operator.KUBERAY_OPERATOR in setting.enabled else []
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443"},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "clientConnection": {"qps": 300, "burst": 500},
        "managedJobsNamespaceSelector": {
            "matchExpressions": [{"key": TENANT, "operator": "Exists"}]
        },
        "integrations": {"frameworks": ["batch/job", "jobset.x-k8s.io/jobset", *rays]},
        # Whoever would still have the smaller share may stop a job of whoever has more, then
        # whoever has the smaller share before it starts.
        "fairSharing": {
            "preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]
        },
        # Every pod of ours asks for some, no queue counts it, and what is not counted is refused.
        "resources": {"excludeResourcePrefixes": ["ephemeral-storage"]},
    }
