"""What is right and wrong about where pods are, by what the cluster says of itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from stanchion_policies.reading import quantity

from benchmarks.scale.environment import Workload
from benchmarks.scale.nodes import GPU, POOL
from benchmarks.scale.placing import SERVICE, UNSCHEDULABLE, Object, Outcome, condition

_COUNTED: Final = ("cpu", "memory", "ephemeral-storage", GPU)


@dataclass(frozen=True)
class Findings:
    """Where pods are, and everything that should not be."""

    placed: Mapping[str, int]
    """Pods with a node, by the pool that they asked for; "" for those that asked for none."""
    without_node: Mapping[str, int]
    """Pods that the scheduler said no node can take, by the pool that they asked for."""
    not_made: Mapping[str, int]
    """Pods that quota refused, by service."""
    words: Mapping[str, str]
    """What was said to one pod of each such pool and of each such tenant."""
    misplaced: Sequence[str]
    """Pods on a node of another pool, and pods without GPUs on a node that has some."""
    overfull: Sequence[str]
    """Nodes whose pods ask for more than there is."""
    unexplained: Sequence[str]
    """Pods that have neither a node nor a reason."""
    gpus: Mapping[str, tuple[int, int]]
    """By tenant: GPUs that its pods ask for, and its quota."""
    quota_wrong: Sequence[str]
    """Tenants above their quota, and those whose quota counts other than their pods do."""
    seconds_to_make: float
    """From the first creation of a placed pod to the last one."""
    seconds_to_place: float
    """From the first pod's creation to the last binding."""
    latencies: Sequence[float]
    """Seconds from creation to binding of each placed pod, ascending; stamps are whole seconds."""


def judge(workloads: Sequence[Workload], outcome: Outcome) -> Findings:
    """Hold what became of the pods to what the service files asked for."""
    asked = {(each.tenant, each.name): each for each in workloads}
    nodes = {node["metadata"]["name"]: node for node in outcome.nodes}
    placed, without_node, made = Counter[str](), Counter[str](), Counter[str]()
    words: dict[str, str] = {}
    misplaced, unexplained = [], []
    for pod in outcome.pods:
        workload = asked[pod["metadata"]["namespace"], pod["metadata"]["labels"][SERVICE]]
        made[workload.name] += 1
        pool, scheduled = workload.pool or "", condition(pod, "PodScheduled")
        if node := pod["spec"].get("nodeName"):
            placed[pool] += 1
            if node not in nodes or not _belongs(workload, nodes[node]):
                misplaced.append(f"{_named(pod)} of {pool or 'no pool'} is on {node}")
        elif scheduled.get("reason") == UNSCHEDULABLE and scheduled.get("message"):
            without_node[pool] += 1
            words[pool] = scheduled["message"]
        else:
            unexplained.append(f"{_named(pod)} has neither a node nor a reason")
    not_made: Counter[str] = Counter()
    for each in workloads:
        if (missing := each.pods - made[each.name]) <= 0:
            continue
        if each.name in outcome.refusals:
            not_made[each.name] = missing
            words[each.tenant] = outcome.refusals[each.name]
        else:
            unexplained.append(f"{missing} pods of {each.name} were not made, without a reason")
    gpus, quota_wrong = _quotas(outcome)
    stamps = [_stamps(pod) for pod in outcome.pods if pod["spec"].get("nodeName")]
    return Findings(
        placed=placed,
        without_node=without_node,
        not_made=not_made,
        words=words,
        misplaced=misplaced,
        overfull=[*_overfull(nodes, outcome.pods)],
        unexplained=unexplained,
        gpus=gpus,
        quota_wrong=quota_wrong,
        seconds_to_make=max(made for made, _ in stamps) - min(made for made, _ in stamps),
        seconds_to_place=max(bound for _, bound in stamps) - min(made for made, _ in stamps),
        latencies=sorted(bound - made for made, bound in stamps),
    )


def _belongs(workload: Workload, node: Object) -> bool:
    if workload.pool is None:
        return GPU not in node["status"]["allocatable"]
    return bool(node["metadata"]["annotations"][POOL] == workload.pool)


def _named(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _requests(pod: Object) -> dict[str, Decimal]:
    """What the scheduler counts: all containers, or the largest of those that go first."""
    spec = pod["spec"]

    def of(container: Object, name: str) -> Decimal:
        asked = container.get("resources", {}).get("requests", {}).get(name, "0")
        return quantity(asked) or Decimal(0)

    return {
        name: max(
            sum((of(each, name) for each in spec["containers"]), Decimal(0)),
            *(of(each, name) for each in spec.get("initContainers", [])),
            Decimal(0),
        )
        for name in _COUNTED
    }


def _overfull(nodes: Mapping[str, Object], pods: Sequence[Object]) -> Iterator[str]:
    used: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for pod in pods:
        if (node := pod["spec"].get("nodeName")) in nodes:
            for name, amount in _requests(pod).items():
                used[node][name] += amount
    for node, amounts in used.items():
        there = nodes[node]["status"]["allocatable"]
        for name, amount in amounts.items():
            if amount > (quantity(there.get(name, "0")) or 0):
                yield f"{node}: pods ask for {amount} of {there.get(name, '0')} {name}"


def _quotas(outcome: Outcome) -> tuple[dict[str, tuple[int, int]], list[str]]:
    asked: Counter[str] = Counter()
    for pod in outcome.pods:
        asked[pod["metadata"]["namespace"]] += int(_requests(pod)[GPU])
    gpus, wrong = {}, []
    for quota in outcome.quotas:
        tenant, name = quota["metadata"]["namespace"], f"requests.{GPU}"
        # Kubernetes writes 2,000 as 2k.
        hard, used = quota["spec"]["hard"][name], quota["status"]["used"][name]
        most, counted = int(quantity(hard) or 0), int(quantity(used) or 0)
        gpus[tenant] = asked[tenant], most
        if asked[tenant] > most:
            wrong.append(f"{tenant}: pods ask for {asked[tenant]} GPUs of {most}")
        if asked[tenant] != counted:
            wrong.append(f"{tenant}: quota counts {counted} GPUs, pods ask for {asked[tenant]}")
    return gpus, wrong


def _stamps(pod: Object) -> tuple[float, float]:
    """Creation and binding."""
    stamps = (
        pod["metadata"]["creationTimestamp"],
        condition(pod, "PodScheduled")["lastTransitionTime"],
    )
    made, bound = (datetime.fromisoformat(stamp).timestamp() for stamp in stamps)
    return made, bound
