"""Where a pod may land, and the devices it asks for there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stanchion_policies.kubernetes import Container, KubernetesObject, Pod
from stanchion_policies.pools import NodePool, Taint
from stanchion_policies.reading import entries, get, items, quantity, text, texts

DEVICES = ("nvidia.com/", "amd.com/gpu", "gpu.intel.com/", "habana.ai/", "aws.amazon.com/neuron")
"""What the names of GPUs and other accelerators begin with as Kubernetes resources."""

KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
COMPUTE_CLASS = "cloud.google.com/compute-class"
_PROVIDED = ("kubernetes.io/", "k8s.io/", "karpenter.", "cloud.google.com/", "eks.amazonaws.com/")
"""Parts of labels that the cloud or a controller puts on nodes, whatever the pool says."""
_DETECTED = "nvidia.com/"


def is_device(resource: str) -> bool:
    """Whether a resource is an accelerator, whole or sliced."""
    return resource.startswith(DEVICES)


def devices(container: Container) -> dict[str, int]:
    """The accelerators that a container asks for, by resource; those of which it wants none out."""
    asked: dict[str, int] = {}
    for bound in ("requests", "limits"):
        sizes = entries(container.body, "resources", bound)
        for resource in sizes:
            size = quantity(sizes[resource]) if is_device(resource) else None
            if size is not None and size > 0:
                asked[resource] = int(size)
    return asked


def devices_of(pod: Pod) -> dict[str, int]:
    """The accelerators that all main containers of a pod ask for together."""
    asked: dict[str, int] = {}
    for container in pod.main:
        for resource, count in devices(container).items():
            asked[resource] = asked.get(resource, 0) + count
    return asked


def is_queued(item: KubernetesObject) -> bool:
    """Whether Kueue admits it and, with its flavour, says where it lands."""
    return KUEUE_QUEUE in item.labels


def names_nodes(pod: Pod) -> bool:
    """Whether the pod says anything about the labels of its nodes."""
    return bool(entries(pod.spec, "nodeSelector") or _terms(pod))


def untolerated(pod: Pod, pool: NodePool) -> Sequence[Taint]:
    """The taints of a pool that the pod does not tolerate."""
    tolerations = items(pod.spec, "tolerations")
    class_chosen = COMPUTE_CLASS in entries(pod.spec, "nodeSelector")
    return [
        taint
        for taint in pool.taints
        if not any(_tolerated(taint, each) for each in tolerations)
        # GKE tolerates for the pod what the class it chooses needs.
        and not (class_chosen and taint.key == COMPUTE_CLASS)
    ]


def selected_pools(pod: Pod, pools: Iterable[NodePool]) -> list[NodePool]:
    """The pools whose nodes have the labels that the pod asks for."""
    selector = entries(pod.spec, "nodeSelector")
    wanted = [{"key": key, "operator": "In", "values": [selector[key]]} for key in selector]
    terms = [_expressions(term) for term in _terms(pod)] or [()]
    return [
        pool
        for pool in pools
        if all(_offers(pool, each) for each in wanted)
        and any(all(_offers(pool, each) for each in term) for term in terms)
    ]


def homes(pod: Pod, pools: Iterable[NodePool]) -> list[NodePool]:
    """The pools on which the pod may land, by labels and taints both."""
    return [pool for pool in selected_pools(pod, pools) if not untolerated(pod, pool)]


def _terms(pod: Pod) -> Sequence[Any]:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    return items(pod.spec, "affinity", "nodeAffinity", required, "nodeSelectorTerms")


def _expressions(term: Any) -> Sequence[Any]:
    return items(term, "matchExpressions")


def _offers(pool: NodePool, expression: Mapping[str, Any]) -> bool:
    key, operator = text(expression, "key"), text(expression, "operator")
    values = texts(expression, "values")
    given = pool.allowed.get(key) or ((pool.labels[key],) if key in pool.labels else ())
    if not given and (key.startswith(_DETECTED) or any(part in key for part in _PROVIDED)):
        return True
    if operator == "In":
        return any(value in values for value in given)
    if operator == "NotIn":
        return not given or any(value not in values for value in given)
    return bool(given) == (operator != "DoesNotExist")


def _tolerated(taint: Taint, toleration: Any) -> bool:
    effect, key = text(toleration, "effect"), text(toleration, "key")
    if effect not in {"", taint.effect}:
        return False
    if get(toleration, "operator") == "Exists":
        return key in {"", taint.key}
    return key == taint.key and text(toleration, "value") == taint.value
