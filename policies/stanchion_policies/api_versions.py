"""API versions that Kubernetes no longer serves.

From the deprecation guide of Kubernetes, as of v1.32.
"""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import text
from stanchion_policies.rules import Settings, Severity, object_policy

REMOVED = {
    "extensions/v1beta1": {
        **dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet"), "apps/v1"),
        **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io/v1"),
    },
    "apps/v1beta1": dict.fromkeys(("Deployment", "StatefulSet"), "apps/v1"),
    "apps/v1beta2": dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps/v1"
    ),
    "batch/v1beta1": {"CronJob": "batch/v1"},
    "batch/v2alpha1": {"CronJob": "batch/v1"},
    "policy/v1beta1": {"PodDisruptionBudget": "policy/v1"},
    "networking.k8s.io/v1beta1": dict.fromkeys(("Ingress", "IngressClass"), "networking.k8s.io/v1"),
    "autoscaling/v2beta1": {"HorizontalPodAutoscaler": "autoscaling/v2"},
    "autoscaling/v2beta2": {"HorizontalPodAutoscaler": "autoscaling/v2"},
    **{
        f"rbac.authorization.k8s.io/{version}": dict.fromkeys(
            ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"),
            "rbac.authorization.k8s.io/v1",
        )
        for version in ("v1alpha1", "v1beta1")
    },
    "admissionregistration.k8s.io/v1beta1": dict.fromkeys(
        ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
        "admissionregistration.k8s.io/v1",
    ),
    "apiextensions.k8s.io/v1beta1": {"CustomResourceDefinition": "apiextensions.k8s.io/v1"},
    "apiregistration.k8s.io/v1beta1": {"APIService": "apiregistration.k8s.io/v1"},
    "certificates.k8s.io/v1beta1": {"CertificateSigningRequest": "certificates.k8s.io/v1"},
    "coordination.k8s.io/v1beta1": {"Lease": "coordination.k8s.io/v1"},
    "discovery.k8s.io/v1beta1": {"EndpointSlice": "discovery.k8s.io/v1"},
    "events.k8s.io/v1beta1": {"Event": "events.k8s.io/v1"},
    "node.k8s.io/v1beta1": {"RuntimeClass": "node.k8s.io/v1"},
    "scheduling.k8s.io/v1beta1": {"PriorityClass": "scheduling.k8s.io/v1"},
    "storage.k8s.io/v1beta1": dict.fromkeys(
        ("StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "CSIStorageCapacity"),
        "storage.k8s.io/v1",
    ),
    **{
        f"flowcontrol.apiserver.k8s.io/{version}": dict.fromkeys(
            ("FlowSchema", "PriorityLevelConfiguration"), "flowcontrol.apiserver.k8s.io/v1"
        )
        for version in ("v1beta1", "v1beta2", "v1beta3")
    },
}
"""What is served instead, by removed API version and kind."""


@object_policy(
    "api-version-served",
    kinds={kind for kinds in REMOVED.values() for kind in kinds},
    severity=Severity.HIGH,
    fix="Write the version that is served; fields may have moved, so read the kind's reference.",
)
def api_version_served(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An object is of an API version that clusters still serve."""
    version = text(item.body, "apiVersion")
    instead = REMOVED.get(version, {}).get(item.kind)
    if instead is not None:
        yield f"apiVersion {version} of {item.kind} was removed; write {instead}"
