"""All objects of a stack together, and who refers to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stanchion_policies.among import Among, ByNamespace, Identities, Places
from stanchion_policies.by_label import ByPair, Pair, asked_by, labels_of
from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject, Resource
from stanchion_policies.pools import NodePool, pools_of
from stanchion_policies.reading import entries, get, number, present, selects, some, text, texts
from stanchion_policies.unknown import UnknownValueError

WITH_REPLICAS = ("Deployment", "StatefulSet", "Rollout", "DeploymentConfig")
"""Kinds whose number of replicas somebody chooses."""

_INDICES = 128
"""Indices of namespaces that are kept: objects of one namespace mostly come together."""

COLD_START = "stanchion.dev/cold-start-seconds"
"""The annotation that says how long a first caller waits where no replica is kept."""


@dataclass(frozen=True)
class Replicas:
    """How many replicas a workload keeps at least, and who says so.

    Attributes:
        minimum: The lowest number it runs with.
        source: The field that sets it, for messages.
        stated: Whether anything sets it; else it is the API's default.
        scaled: Whether an autoscaler sets it.
        rests: Whether there may be none by intention: see `may_rest`.
    """

    minimum: int
    source: str
    stated: bool = True
    scaled: bool = False
    rests: bool = False


class Cluster:
    """Every Kubernetes object of a stack, those of releases and of other stacks left out.

    Args:
        objects: The objects in the order of their registration; fetched one by one where they are
            too many to be held.
        resources: All resources of the stack, among which are its pools of nodes.
        identities: What the objects are, where that is known without fetching them.
    """

    def __init__(
        self,
        objects: Sequence[KubernetesObject],
        resources: Iterable[Resource] = (),
        identities: Identities | None = None,
    ) -> None:
        self.objects = objects
        self.resources = resources
        self._given = identities
        self._by_kinds: dict[tuple[str, ...], Places] = {}
        self._by_namespace: dict[tuple[str, ...], ByNamespace] = {}
        self._indices: dict[tuple[str, str], ByPair[KubernetesObject]] = {}

    def of(self, *kinds: str) -> Among:
        """The objects of some kinds."""
        return Among(self.objects, self._places_of(*kinds))

    def _places_of(self, *kinds: str) -> Places:
        if kinds not in self._by_kinds:
            self._by_kinds[kinds] = self._identities.of(*kinds)
        return self._by_kinds[kinds]

    @cached_property
    def _identities(self) -> Identities:
        return self._given or Identities(self.objects)

    @property
    def workloads(self) -> Among:
        """Everything that makes pods."""
        return self.of(*WORKLOADS)

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The names of the namespaces that the stack declares."""
        return frozenset(namespace.name for namespace in self.of("Namespace"))

    @cached_property
    def pools(self) -> Sequence[NodePool]:
        """The pools of nodes that the stack declares."""
        return pools_of(self.resources)

    def workloads_in(self, namespace: str) -> Among:
        """Everything that makes pods in a namespace."""
        return self._places(*WORKLOADS).within(namespace)

    def possibly_in(self, namespace: str, kind: str) -> Among:
        """The objects of `kind` in a namespace, and those whose own is not known yet."""
        return self._places(kind).possibly_within(namespace)

    def is_charted(self, namespace: str) -> bool:
        """Whether a Helm release of the stack puts objects there, which the stack does not show."""
        return any(
            get(release.body, "namespace", default="default") == namespace
            for release in self.of("Release")
        )

    def find(self, kind: str, namespace: str, name: str) -> KubernetesObject | None:
        """The object of that kind and name; objects whose own name is unknown are passed over."""
        place = self._identities.named(kind, namespace, name)
        return None if place is None else self.objects[place]

    def selected_by(self, selector: Any, namespace: str) -> list[KubernetesObject]:
        """The workloads of a namespace whose pods a LabelSelector selects."""
        near = self._places(*WORKLOADS).within(namespace)
        if not near:
            return []
        labelled = self._index(("pods", namespace), near, _own_labels)
        return [
            item
            for item in labelled.matching(asked_by(entries(selector, "matchLabels")))
            if item.pod is not None and selects(selector, item.pod.labels)
        ]

    def policies_for(self, workload: KubernetesObject, kind: str) -> Sequence[KubernetesObject]:
        """Objects of `kind` that may select the workload's pods, to be tried one by one."""
        near = self._beside(workload, kind)
        if not near:
            return near
        asking = self._index((kind, workload.namespace), near, _asked_labels)
        try:
            return asking.matching([*_own_labels(workload)])
        except UnknownValueError:
            return near

    def autoscalers_of(self, workload: KubernetesObject) -> list[KubernetesObject]:
        """The HorizontalPodAutoscalers and ScaledObjects that scale a workload."""
        near = self._beside(workload, "HorizontalPodAutoscaler", "ScaledObject")
        if not near:
            return []
        scaling = self._index(("autoscalers", workload.namespace), near, _target)
        return [
            item
            for item in scaling.matching([(workload.kind, workload.name)])
            if get(item.body, "spec", "scaleTargetRef", "name") == workload.name
            and get(item.body, "spec", "scaleTargetRef", "kind", default="Deployment")
            == workload.kind
        ]

    def _index(
        self,
        key: tuple[str, str],
        near: Sequence[KubernetesObject],
        pairs: Callable[[KubernetesObject], Iterable[Pair] | None],
    ) -> ByPair[KubernetesObject]:
        """The objects near something by pairs, made once for a key while it is asked for."""
        if key not in self._indices:
            if len(self._indices) == _INDICES:
                del self._indices[next(iter(self._indices))]
            self._indices[key] = ByPair(near, pairs)
        return self._indices[key]

    def _beside(self, item: KubernetesObject, *kinds: str) -> Sequence[KubernetesObject]:
        """The objects of some kinds in the namespace of `item`, which matters if there are any."""
        return self._places(*kinds).within(item.namespace) if self._places_of(*kinds) else ()

    def _places(self, *kinds: str) -> ByNamespace:
        if kinds not in self._by_namespace:
            places = self._places_of(*kinds)
            self._by_namespace[kinds] = ByNamespace(self.objects, places, self._identities)
        return self._by_namespace[kinds]

    def target_of(self, autoscaler: KubernetesObject) -> KubernetesObject | None:
        """The workload that an autoscaler scales; None where it is of another stack."""
        reference = entries(autoscaler.body, "spec", "scaleTargetRef")
        kind = text(reference, "kind", default="Deployment")
        return self.find(kind, autoscaler.namespace, text(reference, "name"))

    def replicas_of(self, workload: KubernetesObject) -> Replicas | None:
        """What the workload runs with at least; None for kinds without replicas."""
        if not workload.is_a(*WITH_REPLICAS):
            return None
        for autoscaler in self.autoscalers_of(workload):
            minimum, maximum = bounds(autoscaler)
            field = "minReplicas" if maximum == "maxReplicas" else "minReplicaCount"
            source = f"{autoscaler.title} spec.{field}"
            rests = may_rest(autoscaler, workload)
            return Replicas(minimum, source, scaled=True, rests=rests)
        fixed = int(number(workload.body, "spec", "replicas", default=1))
        return Replicas(fixed, "spec.replicas", stated=present(workload.body, "spec", "replicas"))

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


def _own_labels(workload: KubernetesObject) -> Iterable[Pair]:
    return labels_of(workload.pod.labels) if workload.pod is not None else ()


def _asked_labels(item: KubernetesObject) -> list[Pair] | None:
    """A label of those that a NetworkPolicy, a disruption budget and the like select."""
    selector = "podSelector" if item.kind == "NetworkPolicy" else "selector"
    return asked_by(entries(item.body, "spec", selector, "matchLabels"))


def _target(autoscaler: KubernetesObject) -> list[Pair] | None:
    target = entries(autoscaler.body, "spec", "scaleTargetRef")
    kind, name = get(target, "kind", default="Deployment"), get(target, "name")
    return [(kind, name)] if isinstance(kind, str) and isinstance(name, str) else None


def bounds(autoscaler: KubernetesObject) -> tuple[int, str]:
    """The minimum an autoscaler keeps, and the name of its maximum's field.

    Where it sets none, it is what the autoscaler's own API documents: 1, and 0 for KEDA.
    """
    if autoscaler.kind == "ScaledObject":
        return int(number(autoscaler.body, "spec", "minReplicaCount")), "maxReplicaCount"
    return int(number(autoscaler.body, "spec", "minReplicas", default=1)), "maxReplicas"


def may_rest(autoscaler: KubernetesObject, workload: KubernetesObject | None) -> bool:
    """Whether no replica is kept, and it is said how long the first caller then waits.

    Whether that time holds is for `scale-to-zero-budget` to judge.
    """
    minimum, _ = bounds(autoscaler)
    stated = (item for item in (autoscaler, workload) if item is not None)
    return minimum == 0 and some(
        lambda item: present(item.body, "metadata", "annotations", COLD_START), stated
    )


def directions(policy: KubernetesObject) -> set[str]:
    """The traffic that a NetworkPolicy restricts: `Ingress`, `Egress` or both."""
    stated = texts(policy.body, "spec", "policyTypes")
    if stated:
        return set(stated)
    return {"Ingress", "Egress"} if present(policy.body, "spec", "egress") else {"Ingress"}
