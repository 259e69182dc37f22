"""Where each operator goes, and who may talk to it there."""

from collections.abc import Mapping
from dataclasses import dataclass

from stanchion import kuberay, monitoring
from stanchion.operators.contract import Operator

SYSTEM_NAMESPACE = "kube-system"
"""For Karpenter, which the API server serves there before others, and for what reaches into
nodes: nobody but administrators makes pods there, so no other namespace admits privileged ones."""


@dataclass(frozen=True)
class Plan:
    """One operator's chart, its place and its connections."""

    chart: str
    """Name of the chart, in the lock file and in its repository."""
    namespace: str
    needs: tuple[Operator, ...] = ()
    """Without these it does not start."""
    after: tuple[Operator, ...] = ()
    """Waits for these where they are installed."""
    called_on: tuple[int, ...] = ()
    """Ports on which the API server calls its webhooks and aggregated APIs."""
    asks_prometheus: bool = False
    asks_activators: bool = False
    """Whether it asks the activators of services that rest who waits."""
    asks_ray_heads: bool = False
    """Whether it hands jobs to heads of Ray's clusters, and asks how they are."""
    reaches_pods: bool = False
    """Whether it connects to pods of every namespace, on any port."""
    reaches_nodes: tuple[int, ...] = ()
    """Ports of nodes that it connects to."""
    sends_mail: bool = False
    """Whether it hands messages to a mail server."""
    public_pods: Mapping[str, str] | None = None
    """Labels of pods to which clients outside the cluster connect."""
    identity: bool = False
    """Whether it fetches credentials of the cloud from the node."""


PLANS: Mapping[Operator, Plan] = {
    # First of all: while its webhook has no pod, no Service can be made.
    Operator.AWS_LOAD_BALANCER_CONTROLLER: Plan(
        "aws-load-balancer-controller",
        "aws-load-balancer-controller",
        called_on=(9443,),
        identity=True,
    ),
    Operator.KARPENTER: Plan("karpenter", SYSTEM_NAMESPACE),
    Operator.CERT_MANAGER: Plan("cert-manager", "cert-manager", called_on=(10250,)),
    Operator.EXTERNAL_SECRETS: Plan(
        "external-secrets", "external-secrets", called_on=(10250,), identity=True
    ),
    Operator.KUBE_PROMETHEUS_STACK: Plan(
        "kube-prometheus-stack",
        monitoring.NAMESPACE,
        called_on=(10250,),
        reaches_pods=True,
        reaches_nodes=(9100, 10250),
        sends_mail=True,
    ),
    Operator.GPU_OPERATOR: Plan("gpu-operator", SYSTEM_NAMESPACE),
    Operator.AWS_EFA_K8S_DEVICE_PLUGIN: Plan("aws-efa-k8s-device-plugin", SYSTEM_NAMESPACE),
    # The proxies of Gateways run here too.
    Operator.ENVOY_GATEWAY: Plan(
        "gateway-helm",
        "envoy-gateway-system",
        called_on=(9443,),
        reaches_pods=True,
        public_pods={
            "app.kubernetes.io/component": "proxy",
            "app.kubernetes.io/managed-by": "envoy-gateway",
        },
    ),
    Operator.KEDA: Plan(
        "keda", "keda", called_on=(6443, 9443), asks_prometheus=True, asks_activators=True
    ),
    Operator.ARGO_ROLLOUTS: Plan("argo-rollouts", "argo-rollouts", asks_prometheus=True),
    Operator.JOBSET: Plan("jobset", "jobset-system", called_on=(9443,)),
    Operator.KUBERAY_OPERATOR: Plan("kuberay-operator", kuberay.NAMESPACE, asks_ray_heads=True),
    # Looks for the kinds of jobs that it manages when it starts.
    Operator.KUEUE: Plan(
        "kueue",
        "kueue-system",
        after=(Operator.JOBSET, Operator.KUBERAY_OPERATOR),
        called_on=(8082, 9443),
    ),
    Operator.OPENCOST: Plan(
        "opencost", "opencost", needs=(Operator.KUBE_PROMETHEUS_STACK,), asks_prometheus=True
    ),
}
"""Every operator, in the order of installation."""
