"""Whether a workload outlives a node, an update and a quiet night: it takes two objects to see."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.cluster import Cluster, bounds
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import count_or_percent, get, items, number, present, selects, some
from stanchion_policies.rules import Settings, Severity, cluster_policy, flag, integer

REPLICATED = ("Deployment", "StatefulSet", "Rollout")
AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


@cluster_policy(
    "workload-replicas",
    kinds=REPLICATED,
    severity=Severity.HIGH,
    fix="Raise the autoscaler's minimum, or spec.replicas where there is none.",
    settings={"minimum": integer("Replicas that a workload keeps at least.", 2, minimum=1)},
)
def enough_replicas(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A workload keeps enough replicas to lose one."""
    replicas, minimum = cluster.replicas_of(item), settings.integer("minimum")
    if replicas is not None and replicas.minimum < minimum:
        yield f"{replicas.source} is {replicas.minimum}; keep at least {minimum}"


@cluster_policy(
    "disruption-budget-exists",
    kinds=REPLICATED,
    severity=Severity.HIGH,
    fix="Add a PodDisruptionBudget with maxUnavailable 1 whose selector matches the pods.",
)
def budget_exists(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A workload with several replicas has a disruption budget."""
    replicas, pod = cluster.replicas_of(item), item.pod
    if pod is None or replicas is None or replicas.minimum < 2:
        return
    budgets = cluster.policies_for(item, "PodDisruptionBudget")
    if not some(lambda budget: selects(get(budget.body, "spec", "selector"), pod.labels), budgets):
        yield "no PodDisruptionBudget selects its pods, so a node drain may take them all"


@cluster_policy(
    "disruption-budget-permits-eviction",
    kinds=("PodDisruptionBudget",),
    severity=Severity.HIGH,
    fix="Write maxUnavailable 1, or a minAvailable below the autoscaler's minimum.",
)
def budget_permits_eviction(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A disruption budget lets a node be drained, at the autoscaler's minimum too."""
    unavailable = get(item.body, "spec", "maxUnavailable")
    available = get(item.body, "spec", "minAvailable")
    if unavailable is None and available is None:
        yield "sets neither maxUnavailable nor minAvailable"
    if unavailable is not None and available is not None:
        yield "sets both maxUnavailable and minAvailable, which the API refuses"
    if unavailable is not None and count_or_percent(unavailable, 100) == 0:
        yield f"spec.maxUnavailable {unavailable} permits no eviction; write 1"
    if available is None:
        return
    if available == "100%":
        yield "spec.minAvailable 100% permits no eviction; write maxUnavailable 1"
        return
    for workload in cluster.selected_by(get(item.body, "spec", "selector"), item.namespace):
        replicas = cluster.replicas_of(workload)
        if replicas is None:
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
    kinds=REPLICATED,
    severity=Severity.MEDIUM,
    fix="Add a topologySpreadConstraint over kubernetes.io/hostname (and over zones) whose "
    "labelSelector matches the pod's own labels.",
)
def topology_spread(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """The replicas of a workload are spread over nodes."""
    replicas, pod = cluster.replicas_of(item), item.pod
    if pod is None or replicas is None or replicas.minimum < 2:
        return
    constraints = items(pod.spec, "topologySpreadConstraints")
    for place, constraint in enumerate(constraints):
        if not selects(
            get(constraint, "labelSelector", default={"matchLabels": {"": ""}}), pod.labels
        ):
            yield (
                f"topologySpreadConstraints[{place}] does not select the pod's own labels, so it "
                "spreads nothing"
            )
    anti_affinity = get(pod.spec, "affinity", "podAntiAffinity", default={})
    terms = [
        kind
        for kind in ("required", "preferred")
        if items(anti_affinity, f"{kind}DuringSchedulingIgnoredDuringExecution")
    ]
    if not constraints and not terms:
        yield "has neither topologySpreadConstraints nor podAntiAffinity"


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
    item: KubernetesObject, _cluster: Cluster, settings: Settings
) -> Iterator[str]:
    """An autoscaler has a minimum, and a maximum above it."""
    minimum, field = bounds(item)
    if minimum < settings.integer("minimum"):
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
    fix="Leave spec.replicas out of a workload that is scaled, and keep one autoscaler for it.",
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
    if len(autoscalers) > 1 and autoscalers[0] is not item:
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
