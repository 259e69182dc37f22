"""A workload whose replicas are an autoscaler's and whose Service a controller moves."""

import pulumi
import pulumi_kubernetes as k8s

LABELS = {"app": "wine"}
METADATA = k8s.meta.v1.ObjectMetaArgs(name="wine", namespace="demo")

k8s.apps.v1.Deployment(
    "wine",
    metadata=METADATA,
    spec=k8s.apps.v1.DeploymentSpecArgs(
        replicas=2,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=LABELS),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=LABELS),
            spec=k8s.core.v1.PodSpecArgs(
                containers=[k8s.core.v1.ContainerArgs(name="wine", image="i:1")]
            ),
        ),
    ),
    opts=pulumi.ResourceOptions(ignore_changes=["spec.replicas"]),
)
k8s.core.v1.Service(
    "wine",
    metadata=METADATA,
    spec=k8s.core.v1.ServiceSpecArgs(selector=LABELS, ports=[k8s.core.v1.ServicePortArgs(port=80)]),
    opts=pulumi.ResourceOptions(ignore_changes=["spec.selector"]),
)
