"""Where each operator goes, and what it is there for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stanchion.operators.contract import Operator

SYSTEM_NAMESPACE = "kube-system"


class PodSecurity(StrEnum):
    """Pod-security level of a namespace."""

    RESTRICTED = "restricted"
    BASELINE = "baseline"
    PRIVILEGED = "privileged"


@dataclass(frozen=True)
class Plan:
    """One operator's chart and its place."""

    chart: str
    """Name of the chart, in the lock file and in its repository."""
    namespace: str
    pod_security: PodSecurity = PodSecurity.RESTRICTED
    needs: tuple[Operator, ...] = ()
    """Without these it does not start."""
    after: tuple[Operator, ...] = ()
    """Waits for these where they are installed."""


PLANS: Mapping[Operator, Plan] = {
    # First of all: while its webhook has no pod, no Service can be made.
    Operator.AWS_LOAD_BALANCER_CONTROLLER: Plan(
        "aws-load-balancer-controller", "aws-load-balancer-controller"
    ),
    # Where the API server serves its controller first.
    Operator.KARPENTER: Plan("karpenter", SYSTEM_NAMESPACE, PodSecurity.PRIVILEGED),
    Operator.CERT_MANAGER: Plan("cert-manager", "cert-manager"),
    Operator.EXTERNAL_SECRETS: Plan("external-secrets", "external-secrets"),
    # The exporter of node metrics reads the node's own files.
    Operator.KUBE_PROMETHEUS_STACK: Plan(
        "kube-prometheus-stack", "monitoring", PodSecurity.PRIVILEGED
    ),
    Operator.GPU_OPERATOR: Plan("gpu-operator", "gpu-operator", PodSecurity.PRIVILEGED),
    Operator.AWS_EFA_K8S_DEVICE_PLUGIN: Plan(
        "aws-efa-k8s-device-plugin", "aws-efa-device-plugin", PodSecurity.PRIVILEGED
    ),
    # The proxies of Gateways run here too.
    Operator.ENVOY_GATEWAY: Plan("gateway-helm", "envoy-gateway-system", PodSecurity.BASELINE),
    Operator.KEDA: Plan("keda", "keda"),
    Operator.ARGO_ROLLOUTS: Plan("argo-rollouts", "argo-rollouts"),
    Operator.JOBSET: Plan("jobset", "jobset-system"),
    # Looks for the kinds of jobs that it manages when it starts.
    Operator.KUEUE: Plan("kueue", "kueue-system", after=(Operator.JOBSET,)),
    Operator.OPENCOST: Plan("opencost", "opencost", needs=(Operator.KUBE_PROMETHEUS_STACK,)),
}
"""Every operator, in the order of installation."""
