"""Whether a workload outlives a node, an update and a quiet night: it takes two objects to see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies.cluster import WITH_REPLICAS, Cluster, bounds, may_rest
from stanchion_policies.kubernetes import KubernetesObject, Pod
from stanchion_policies.reading import (
    count_or_percent,
    entries,
    get,
    items,
    number,
    present,
    selects,
    some,
    texts,
)
from stanchion_policies.rules import (
    Settings,
    Severity,
    cluster_policy,
    flag,
    integer,
    object_policy,
)

AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
BOUNDS = ("maxUnavailable", "minAvailable")
FROM = {
    "replicas": integer(
        "From how many replicas on it is demanded. A workload that states no number, and has no "
        "autoscaler, may be scaled by anybody: it counts as several.",
        2,
        minimum=1,
    )
}


def _may_be_several(item: KubernetesObject, cluster: Cluster, settings: Settings) -> bool:
    """Whether a workload keeps the setting's number of replicas, or says nothing of it."""
    replicas = cluster.replicas_of(item)
    if replicas is None:
        return False
    return not replicas.stated or replicas.minimum >= settings.integer("replicas")


@cluster_policy(
    "workload-replicas",
    kinds=WITH_REPLICAS,
    severity=Severity.HIGH,
    fix="Raise the autoscaler's minimum, or spec.replicas where there is none.",
    settings={"minimum": integer("Replicas that a workload keeps at least.", 2, minimum=1)},
)
def enough_replicas(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A workload keeps enough replicas to lose one, or none and a cold-start budget."""
    replicas, minimum = cluster.replicas_of(item), settings.integer("minimum")
    if replicas is not None and replicas.minimum < minimum and not replicas.rests:
        yield f"{replicas.source} is {replicas.minimum}; keep at least {minimum}"


@cluster_policy(
    "disruption-budget-exists",
    kinds=WITH_REPLICAS,
    severity=Severity.HIGH,
    fix="Add a PodDisruptionBudget with maxUnavailable 1 whose selector matches the pods.",
    settings=FROM,
)
def budget_exists(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A workload with several replicas has a disruption budget."""
    pod = item.pod
    if pod is None or not _may_be_several(item, cluster, settings):
        return
    budgets = cluster.policies_for(item, "PodDisruptionBudget")
    if not some(lambda budget: selects(get(budget.body, "spec", "selector"), pod.labels), budgets):
        yield "no PodDisruptionBudget selects its pods, so a node drain may take them all"


@object_policy(
    "disruption-budget-valid",
    kinds=("PodDisruptionBudget",),
    severity=Severity.MEDIUM,
    fix="Write maxUnavailable 1 and nothing else: it fits any number of replicas.",
)
def budget_valid(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A disruption budget sets one of its two bounds."""
    stated = [field for field in BOUNDS if get(item.body, "spec", field) is not None]
    if not stated:
        yield "sets neither maxUnavailable nor minAvailable, so it protects nothing"
    if len(stated) > 1:
        yield "sets both maxUnavailable and minAvailable, which the API refuses"


@cluster_policy(
    "disruption-budget-permits-eviction",
    kinds=("PodDisruptionBudget",),
    severity=Severity.HIGH,
    fix="Write maxUnavailable 1: a budget that permits no eviction stops the update of a node.",
)
def budget_permits_eviction(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A disruption budget lets a node be drained."""
    unavailable, available = (get(item.body, "spec", field) for field in BOUNDS)
    if unavailable is not None and count_or_percent(unavailable, 100) == 0:
        yield f"spec.maxUnavailable {_shown(unavailable)} permits no eviction; write 1"
    if available == "100%":
        yield "spec.minAvailable 100% permits no eviction; write maxUnavailable 1"
    else:
        yield from _too_high(item, cluster, scaled=False)


@cluster_policy(
    "disruption-budget-below-autoscaler",
    kinds=("PodDisruptionBudget",),
    severity=Severity.HIGH,
    fix="Write maxUnavailable 1, or a minAvailable below the autoscaler's minimum.",
)
def budget_below_autoscaler(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A disruption budget lets a node be drained at the autoscaler's minimum too."""
    yield from _too_high(item, cluster, scaled=True)


def _too_high(budget: KubernetesObject, cluster: Cluster, *, scaled: bool) -> Iterator[str]:
    """Workloads, with an autoscaler or without, that may never have more than minAvailable."""
    available = get(budget.body, "spec", "minAvailable")
    if available is None or available == "100%":
        return
    for workload in cluster.selected_by(get(budget.body, "spec", "selector"), budget.namespace):
        replicas = cluster.replicas_of(workload)
        if replicas is None or not replicas.stated or replicas.scaled is not scaled:
            continue
        needed = count_or_percent(available, replicas.minimum)
        if needed is not None and needed >= replicas.minimum:
            yield (
                f"spec.minAvailable {_shown(available)} of {workload.title} permits no eviction "
                f"while {replicas.source} is {replicas.minimum}"
            )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@cluster_policy(
    "topology-spread",
    kinds=WITH_REPLICAS,
    severity=Severity.MEDIUM,
    fix="Add a topologySpreadConstraint over kubernetes.io/hostname (and over zones) whose "
    "labelSelector matches the pod's own labels.",
    settings=FROM,
)
def topology_spread(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """The replicas of a workload are spread over nodes."""
    pod = item.pod
    if pod is None or not _may_be_several(item, cluster, settings):
        return
    constraints = items(pod.spec, "topologySpreadConstraints")
    for place, constraint in enumerate(constraints):
        if not _selects_itself(constraint, pod):
            yield (
                f"topologySpreadConstraints[{place}] does not select the pod's own labels, so it "
                "spreads nothing"
            )
    terms = list(_anti_affinity(pod))
    for where, term in terms:
        namespaces = texts(term, "namespaces")
        elsewhere = namespaces and item.namespace not in namespaces
        if elsewhere or not _selects_itself(term, pod):
            yield f"{where} does not select the workload's own pods, so it spreads nothing"
    if not constraints and not terms:
        yield "has neither topologySpreadConstraints nor podAntiAffinity"


def _anti_affinity(pod: Pod) -> Iterator[tuple[str, Any]]:
    """The terms of a pod's anti-affinity, with their places."""
    rules = entries(pod.spec, "affinity", "podAntiAffinity")
    for kind in ("required", "preferred"):
        field = f"{kind}DuringSchedulingIgnoredDuringExecution"
        for place, term in enumerate(items(rules, field)):
            weighted = entries(term, "podAffinityTerm") if kind == "preferred" else term
            yield f"podAntiAffinity.{field}[{place}]", weighted


def _selects_itself(term: Any, pod: Pod) -> bool:
    """Whether the label selector of a term selects the pod it is part of; none selects nothing."""
    selector = get(term, "labelSelector")
    return selector is not None and selects(selector, pod.labels)


@cluster_policy(
    "autoscaler-bounds",
    kinds=AUTOSCALERS,
    severity=Severity.MEDIUM,
    fix="Set a minimum that survives a node and a maximum above it.",
    settings={
        "minimum": integer("Replicas that an autoscaler keeps at least.", 2, minimum=0),
    },
)
def autoscaler_bounds(
    item: KubernetesObject, cluster: Cluster, settings: Settings
) -> Iterator[str]:
    """An autoscaler has a minimum, or none and a cold-start budget, and a maximum above it."""
    minimum, field = bounds(item)
    if minimum < settings.integer("minimum") and not may_rest(item, cluster.target_of(item)):
        yield f"its minimum is {minimum}; keep at least {settings.integer('minimum')}"
    maximum = number(item.body, "spec", field)
    if not present(item.body, "spec", field):
        yield f"spec.{field} is missing"
    elif maximum <= minimum:
        yield f"spec.{field} is {maximum:g}, not above the minimum of {minimum}"


@cluster_policy(
    "autoscaler-owns-replicas",
    kinds=AUTOSCALERS,
    severity=Severity.HIGH,
    fix="Leave spec.replicas out of a workload that is scaled, or have the program ignore its "
    "changes (ignoreChanges), and keep one autoscaler for it.",
    settings={
        "requests": flag(
            "Whether a utilization target needs the request it is a share of.", default=True
        )
    },
)
def autoscaler_owns_replicas(
    item: KubernetesObject, cluster: Cluster, settings: Settings
) -> Iterator[str]:
    """One autoscaler, and nothing else, decides the number of replicas."""
    reference = get(item.body, "spec", "scaleTargetRef", default={})
    kind = get(reference, "kind", default="Deployment")
    target = cluster.find(str(kind), item.namespace, str(get(reference, "name", default="")))
    if target is None:
        return
    if target.declares("spec", "replicas"):
        yield f"{target.title} also sets spec.replicas, and each deployment resets the number"
    autoscalers = cluster.autoscalers_of(target)
    if len(autoscalers) > 1 and autoscalers[0] != item:
        yield f"{autoscalers[0].title} already scales {target.title}"
    if settings.flag("requests"):
        yield from _missing_requests(item, target)


def _missing_requests(item: KubernetesObject, target: KubernetesObject) -> Iterator[str]:
    """Utilization is a share of the request: without one the autoscaler computes nothing."""
    for metric in items(item.body, "spec", "metrics"):
        if get(metric, "resource", "target", "type") != "Utilization":
            continue
        resource = str(get(metric, "resource", "name"))
        for container in target.pod.main if target.pod else ():
            if not present(container.body, "resources", "requests", resource):
                yield f"scales on {resource} utilization, but {container.title} requests none"
