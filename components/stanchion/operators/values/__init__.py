"""Values of each chart: only what differs from its makers' own, and only what the chart has."""

from collections.abc import Callable, Mapping
from typing import Any

from stanchion.operators.contract import CloudParts, Operator, Setting
from stanchion.operators.values import aws, monitoring, security, workloads
from stanchion.operators.values.common import KEPT

CRD_VALUES: Mapping[str, dict[str, Any]] = {
    "karpenter-crd": {"additionalAnnotations": KEPT},
    "prometheus-operator-crds": {"crds": {"annotations": KEPT}},
}
"""By charts of definitions."""
VALUES: Mapping[Operator, Callable[[Setting, CloudParts], dict[str, Any]]] = {
    Operator.AWS_LOAD_BALANCER_CONTROLLER: aws.load_balancer_controller,
    Operator.KARPENTER: aws.karpenter,
    Operator.CERT_MANAGER: security.cert_manager,
    Operator.EXTERNAL_SECRETS: security.external_secrets,
    Operator.KUBE_PROMETHEUS_STACK: monitoring.kube_prometheus_stack,
    Operator.GPU_OPERATOR: aws.gpu_operator,
    Operator.AWS_EFA_K8S_DEVICE_PLUGIN: aws.efa_device_plugin,
    Operator.ENVOY_GATEWAY: aws.envoy_gateway,
    Operator.KEDA: workloads.keda,
    Operator.ARGO_ROLLOUTS: workloads.argo_rollouts,
    Operator.JOBSET: workloads.jobset,
    Operator.KUBERAY_OPERATOR: workloads.kuberay_operator,
    Operator.KUEUE: workloads.kueue,
    Operator.OPENCOST: monitoring.opencost,
}
