"""How a workload of a tenant reaches MLflow, and who it is there."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion import network
from stanchion.tracking.mlflow_server import mlflow_pod_labels

_PORT = 5000


class TrackingAccess(TypedDict):
    """The MLflow server that a workload writes to, and who it is there."""

    url: pulumi.Input[str]
    """Its address inside the cluster."""
    namespace: pulumi.Input[str]
    """Namespace it runs in."""
    secret_name: str
    """Secret in the workload's namespace whose keys `username` and `password` are those of an
    MLflow user that may create what the workload writes: experiments, and for a training versions
    of its model. Nothing makes it."""
    pod_labels: NotRequired[dict[str, str]]
    """Labels of its pods. Default: those of an `MlflowServer` named mlflow."""
    port: NotRequired[int]
    """TCP port of its pods. Default: 5000."""


def way_to_mlflow(
    namespace: pulumi.Input[str], pod_labels: dict[str, str] | None, port: int | None
) -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """The way to MLflow's pods; labels and port are those of an `MlflowServer` unless given."""
    there = network.peer(namespace, pod_labels or mlflow_pod_labels())
    return network.egress([there], port or _PORT)
