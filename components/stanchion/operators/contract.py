"""What `Operators` takes, and what each backend gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NotRequired, Protocol, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.location import ClusterReference, Location
from stanchion.operators.managed_metrics import ManagedMetrics
from stanchion.operators.metrics_storage import MetricsStorage


class Operator(StrEnum):
    """A controller from a third-party chart, by the name its field gives it."""

    CERT_MANAGER = "cert-manager"
    """Certificates."""
    EXTERNAL_SECRETS = "external-secrets"
    """Secrets of the cloud's secret manager in Kubernetes, by the store `cloud`."""
    KUBE_PROMETHEUS_STACK = "kube-prometheus-stack"
    """Prometheus, Alertmanager and Grafana."""
    KARPENTER = "karpenter"
    """Nodes for pods that wait, on AWS."""
    AWS_LOAD_BALANCER_CONTROLLER = "aws-load-balancer-controller"
    """Load balancers for Services and Ingresses, on AWS."""
    GPU_OPERATOR = "gpu-operator"
    """Device plugin, MIG partitions and DCGM metrics of NVIDIA GPUs, on AWS."""
    AWS_EFA_K8S_DEVICE_PLUGIN = "aws-efa-k8s-device-plugin"
    """Elastic Fabric Adapters as a device, on AWS: for pools with `efa`."""
    ENVOY_GATEWAY = "envoy-gateway"
    """The Gateway API, on AWS."""
    KEDA = "keda"
    """Autoscaling on metrics and to zero."""
    ARGO_ROLLOUTS = "argo-rollouts"
    """Canaries and their analysis."""
    JOBSET = "jobset"
    """Jobs of many parts."""
    KUBERAY_OPERATOR = "kuberay-operator"
    """Clusters of Ray, for trainings that outgrow one pod."""
    KUEUE = "kueue"
    """Queues and quotas for jobs."""
    OPENCOST = "opencost"
    """Cost of workloads."""


ON_REQUEST = frozenset({Operator.AWS_EFA_K8S_DEVICE_PLUGIN, Operator.KUBERAY_OPERATOR})
"""What is nowhere unless somebody names it: few environments have a use for it."""


class OperatorsArgs(TypedDict):
    """Arguments of `Operators`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: prefix of what it makes in the cloud."""
    owner: str
    """Team that answers for it; becomes a tag and a label."""
    cost_center: str
    """Where its cost is booked; becomes a tag and a label."""
    cluster: ClusterReference
    """Where they run: `Cluster`'s output `reference`."""
    enabled: NotRequired[list[Operator]]
    """Which to install, in any order. Default: all that the cloud lacks; on AWS all but
    aws-efa-k8s-device-plugin and kuberay-operator, on Google Cloud without kuberay-operator,
    karpenter, aws-load-balancer-controller, gpu-operator and envoy-gateway: GKE has its own in
    place of the last four."""
    more: NotRequired[list[Operator]]
    """Which to install besides those of `enabled`, as kuberay-operator. Default: none."""
    mirror: NotRequired[str]
    """Where all charts are instead of their makers' repositories, for closed networks: a prefix
    with oci:// or https:// that holds each under its own name. Images are not its concern.
    Default: the repositories of the lock file."""
    high_availability: NotRequired[bool]
    """Whether every controller has two replicas and a disruption budget where its chart can, as
    in prod. Default: false, one."""
    gateway_weights: NotRequired[bool]
    """Whether Argo Rollouts sets weights of Gateways' routes: its controller then downloads a
    plugin when it starts, held to a digest, and runs on x86 nodes alone. Default: false."""
    gateway_plugin_url: NotRequired[str]
    """Where that plugin is for closed networks, with https://: the same file elsewhere. Default:
    its makers' release."""
    metrics: NotRequired[MetricsStorage]
    """What Prometheus keeps, of kube-prometheus-stack. Default: the defaults of its fields."""
    keep: NotRequired[bool]
    """Whether custom resource definitions that have a release of their own are protected from
    deletion, and with them every object of theirs. Default: false."""


@dataclass(frozen=True)
class Setting:
    """What the values of all charts depend on."""

    environment: str
    owner: str
    cost_center: str
    location: Location
    cluster: ClusterReference
    enabled: frozenset[Operator]
    high_availability: bool
    tolerations: Sequence[Mapping[str, str]]
    """Of the taints of system nodes."""
    storage_class: str
    """Class of the volumes of Prometheus and Alertmanager."""
    core_dns: bool
    """Whether cluster DNS is CoreDNS, with metrics to scrape."""
    identity_endpoints: Sequence[tuple[str, int]]
    """Addresses and ports of the node where pods fetch their credentials."""
    metrics: MetricsStorage
    """What Prometheus keeps."""
    gateway_plugin_url: str | None = None
    """Where Argo Rollouts gets its plugin for Gateways from; None where it needs none."""

    @property
    def replicas(self) -> int:
        """Of each controller."""
        return 2 if self.high_availability else 1

    @property
    def monitored(self) -> bool:
        """Whether there is a Prometheus to find ServiceMonitors."""
        return Operator.KUBE_PROMETHEUS_STACK in self.enabled

    @property
    def writes_as_cloud(self) -> bool:
        """Whether Prometheus fetches credentials of the cloud, for its managed service."""
        return self.monitored and "managed" in self.metrics


@dataclass(frozen=True)
class CloudParts:
    """What a backend has made, for the releases."""

    secret_provider: Mapping[str, Any]
    """How External Secrets reaches the secret manager: `spec.provider` of its store."""
    secret_annotations: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    """Of External Secrets' service account."""
    managed: ManagedMetrics = field(default_factory=ManagedMetrics)
    """What Prometheus needs to write to the cloud's managed service, where it does."""
    waits: Mapping[Operator, Sequence[pulumi.Resource]] = field(default_factory=dict)
    """What the release of an operator waits for."""


class OperatorsBackend(Protocol):
    """What one cloud lacks, and what it holds ready for the charts."""

    defaults: tuple[Operator, ...]
    """What is installed where `enabled` is left out."""
    offered: frozenset[Operator]
    """What may be installed."""

    def check(self, check: Checks, args: OperatorsArgs) -> None:
        """Note what this backend cannot do with `args`."""
        ...

    def setting(self, args: OperatorsArgs, enabled: frozenset[Operator]) -> Setting:
        """What the charts' values depend on."""
        ...

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: OperatorsArgs,
        setting: Setting,
        opts: pulumi.ResourceOptions | None,
    ) -> CloudParts:
        """Make identities, queues and classes, as children of `parent`."""
        ...
