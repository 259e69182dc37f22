"""Whose an object is and what looks after it: controller, namespace, labels, selector."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import entries, filled, items, present, selects
from stanchion_policies.rules import Settings, Severity, cis, object_policy, strings

TEMPLATED = WORKLOADS - {"Pod"}
SELECTED_UNASKED = {"Job", "CronJob"}
"""Kinds for which Kubernetes chooses the selector where none is written."""

PLAINLY_SELECTING = {"ReplicationController", "DeploymentConfig"}
"""Kinds whose selector is the labels themselves."""

KUBERNETES_OWN = {"ServiceAccount": "default", "Service": "kubernetes"}
"""What Kubernetes itself puts into the default namespace."""

NAMESPACED = WORKLOADS | {
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Role",
    "RoleBinding",
    "Ingress",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
}


@object_policy(
    "workload-has-controller",
    kinds=("Pod", "ReplicaSet", "ReplicationController"),
    severity=Severity.MEDIUM,
    fix="Use a Deployment, StatefulSet or Job: nothing replaces a bare pod when its node goes, and "
    "nothing updates a bare ReplicaSet.",
)
def has_controller(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Pods belong to a controller that brings them back."""
    if not items(item.body, "metadata", "ownerReferences"):
        yield f"a {item.kind} of its own has nothing that replaces or updates it"


@object_policy(
    "namespace-stated",
    kinds=NAMESPACED,
    severity=Severity.MEDIUM,
    fix="Set metadata.namespace to the tenant's or the platform's namespace.",
    framework=cis("5.7.4"),
)
def namespace_stated(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Objects live in a namespace of their own."""
    if item.is_a(*KUBERNETES_OWN) and item.name == KUBERNETES_OWN[item.kind]:
        return
    stated = present(item.body, "metadata", "namespace")
    if not stated and item.provider_namespace is None:
        yield "metadata.namespace is missing, so the object lands in the default namespace"
    elif item.namespace == "default":
        yield "metadata.namespace is default, which has no owner, quota or network policy"


@object_policy(
    "owner-labels",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Set the labels on the object and on its pod template.",
    settings={
        "labels": strings(
            "Labels that must be there and not empty.",
            "app.kubernetes.io/name",
            "app.kubernetes.io/part-of",
            "stanchion.dev/owner",
        )
    },
)
def owner_labels(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Workloads and their pods carry the labels that say what and whose they are."""
    places = {"metadata.labels": item.labels}
    if item.kind != "Pod" and item.pod is not None:
        places["the pod template's labels"] = item.pod.labels
    for place, labels in places.items():
        missing = [label for label in settings.strings("labels") if not filled(labels, label)]
        if missing:
            yield f"{place} lack {', '.join(missing)}"


@object_policy(
    "selector-matches-template",
    kinds=TEMPLATED,
    severity=Severity.HIGH,
    fix="Make spec.selector.matchLabels a part of the pod template's labels.",
)
def selector_matches_template(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A workload selects the pods it makes."""
    if item.pod is None:
        return
    path = ("spec", "jobTemplate", "spec") if item.kind == "CronJob" else ("spec",)
    if item.kind in SELECTED_UNASKED and not present(item.body, *path, "selector"):
        return
    selector = entries(item.body, *path, "selector")
    if item.kind in PLAINLY_SELECTING:
        selector = {"matchLabels": selector}
    if not entries(selector, "matchLabels") and not items(selector, "matchExpressions"):
        yield "spec.selector selects nothing in particular; name the pod's labels"
    elif not selects(selector, item.pod.labels):
        yield "spec.selector does not select the pod template's labels; make them agree"
