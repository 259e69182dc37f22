"""All objects of a stack together, and who refers to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import get, number, present, selects, some, texts

NODE_LEVEL = frozenset({"DaemonSet"})


@dataclass(frozen=True)
class Replicas:
    """How many replicas a workload keeps at least, and who says so.

    Attributes:
        minimum: The lowest number it runs with.
        source: The field that sets it, for messages.
    """

    minimum: int
    source: str


class Cluster:
    """Every Kubernetes object of a stack, those of releases and of other stacks left out.

    Args:
        objects: The objects in the order of their registration.
    """

    def __init__(self, objects: Sequence[KubernetesObject]) -> None:
        self.objects = objects

    def of(self, *kinds: str) -> list[KubernetesObject]:
        """The objects of some kinds."""
        return [item for item in self.objects if item.is_a(*kinds)]

    @cached_property
    def workloads(self) -> list[KubernetesObject]:
        """Everything that makes pods."""
        return self.of(*WORKLOADS)

    def find(self, kind: str, namespace: str, name: str) -> KubernetesObject | None:
        """The object of that kind and name; objects whose own name is unknown are passed over."""
        for item in self.of(kind):
            try:
                if item.name == name and item.namespace == namespace:
                    return item
            except UnknownValueError:
                continue
        return None

    def selected_by(self, selector: Any, namespace: str) -> list[KubernetesObject]:
        """The workloads of a namespace whose pods a LabelSelector selects."""
        return [
            item
            for item in self.workloads
            if item.pod is not None
            and item.namespace == namespace
            and selects(selector, item.pod.labels)
        ]

    def policies_for(self, workload: KubernetesObject, kind: str) -> list[KubernetesObject]:
        """Objects of `kind` in the workload's namespace, to be tried one by one."""
        return [item for item in self.of(kind) if item.namespace == workload.namespace]

    def autoscalers_of(self, workload: KubernetesObject) -> list[KubernetesObject]:
        """The HorizontalPodAutoscalers and ScaledObjects that scale a workload."""
        return [
            item
            for item in self.of("HorizontalPodAutoscaler", "ScaledObject")
            if item.namespace == workload.namespace
            and get(item.body, "spec", "scaleTargetRef", "name") == workload.name
            and get(item.body, "spec", "scaleTargetRef", "kind", default="Deployment")
            == workload.kind
        ]

    def replicas_of(self, workload: KubernetesObject) -> Replicas | None:
        """What the workload runs with at least; None for kinds without replicas."""
        if workload.kind in NODE_LEVEL or not workload.is_a("Deployment", "StatefulSet", "Rollout"):
            return None
        for autoscaler in self.autoscalers_of(workload):
            minimum, maximum = bounds(autoscaler)
            field = "minReplicas" if maximum == "maxReplicas" else "minReplicaCount"
            return Replicas(minimum, f"{autoscaler.title} spec.{field}")
        return Replicas(int(number(workload.body, "spec", "replicas", default=1)), "spec.replicas")

    def is_covered(self, workload: KubernetesObject, direction: str) -> bool:
        """Whether a NetworkPolicy selects the workload's pods for `Ingress` or `Egress`."""
        pod = workload.pod
        assert pod is not None  # noqa: S101 - a workload has a pod
        return some(
            lambda policy: (
                direction in directions(policy)
                and selects(get(policy.body, "spec", "podSelector"), pod.labels)
            ),
            self.policies_for(workload, "NetworkPolicy"),
        )


def bounds(autoscaler: KubernetesObject) -> tuple[int, str]:
    """The minimum an autoscaler keeps, and the name of its maximum's field.

    Where it sets none, it is what the autoscaler's own API documents: 1, and 0 for KEDA.
    """
    if autoscaler.kind == "ScaledObject":
        return int(number(autoscaler.body, "spec", "minReplicaCount")), "maxReplicaCount"
    return int(number(autoscaler.body, "spec", "minReplicas", default=1)), "maxReplicas"


def directions(policy: KubernetesObject) -> set[str]:
    """The traffic that a NetworkPolicy restricts: `Ingress`, `Egress` or both."""
    stated = texts(policy.body, "spec", "policyTypes")
    if stated:
        return set(stated)
    return {"Ingress", "Egress"} if present(policy.body, "spec", "egress") else {"Ingress"}
