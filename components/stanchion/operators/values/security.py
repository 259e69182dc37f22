"""Values of the charts for certificates and secrets."""

from typing import Any

from stanchion.operators.contract import CloudParts, Operator, Setting
from stanchion.operators.plans import PLANS
from stanchion.operators.values.common import KEPT, sized, tolerations

SECRETS_ACCOUNT = "external-secrets"
"""Service account of External Secrets' controller."""


def cert_manager(setting: Setting, _: CloudParts) -> dict[str, Any]:
    """Controller, webhook and CA injector; leases in its own namespace, not in kube-system."""
    everywhere = {"tolerations": tolerations(setting)}
    replicated = {
        **everywhere,
        "replicaCount": setting.replicas,
        "podDisruptionBudget": {"enabled": setting.high_availability},
    }
    return {
        **replicated,
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": PLANS[Operator.CERT_MANAGER].namespace}},
        "resources": sized("50m", "128Mi"),
        "prometheus": {"enabled": True, "servicemonitor": {"enabled": setting.monitored}},
        "webhook": {**replicated, "resources": sized("20m", "64Mi")},
        "cainjector": {**replicated, "resources": sized("50m", "256Mi")},
        "startupapicheck": {**everywhere, "resources": sized("20m", "64Mi")},
    }


def external_secrets(setting: Setting, parts: CloudParts) -> dict[str, Any]:
    """A controller that takes orders from the platform alone.

    A store of a tenant's own would read with the controller's identity, that is everything it
    may read: nobody but administrators gets rights on its objects, and stores in namespaces,
    pushes and cluster-wide secrets are not looked at.
    """
    replicated = {
        "replicaCount": setting.replicas,
        "podDisruptionBudget": {"enabled": setting.high_availability},
        "tolerations": tolerations(setting),
    }
    return {
        **replicated,
        "installCRDs": True,
        "crds": {"annotations": KEPT},
        "leaderElect": setting.high_availability,
        "serviceAccount": {
            "create": True,
            "name": SECRETS_ACCOUNT,
            "annotations": parts.secret_annotations,
        },
        "rbac": {"aggregateToEdit": False, "aggregateToAdmin": False},
        "processSecretStore": False,
        "processClusterExternalSecret": False,
        "processPushSecret": False,
        "processClusterPushSecret": False,
        "processClusterGenerator": False,
        "resources": sized("50m", "256Mi"),
        "serviceMonitor": {"enabled": setting.monitored},
        "webhook": {**replicated, "resources": sized("20m", "128Mi")},
        "certController": {**replicated, "resources": sized("20m", "256Mi")},
    }
