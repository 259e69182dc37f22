"""How a workload changes, ends and ranks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from stanchion_policies.kubernetes import (
    LONG_RUNNING,
    WORKLOADS,
    Container,
    KubernetesObject,
)
from stanchion_policies.reading import (
    count_or_percent,
    entries,
    filled,
    get,
    items,
    number,
    present,
    text,
)
from stanchion_policies.rules import Settings, Severity, object_policy, strings


@object_policy(
    "workload-rolling-update",
    kinds=("Deployment", "StatefulSet", "DaemonSet", "Rollout"),
    severity=Severity.MEDIUM,
    fix="Use a rolling update with maxUnavailable below the number of replicas. Recreate is for a "
    "single replica that owns a volume.",
)
def rolling_update(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An update never takes every replica at once."""
    field = "strategy" if item.kind in {"Deployment", "Rollout"} else "updateStrategy"
    strategy = entries(item.body, "spec", field)
    if item.kind == "Rollout":
        if not strategy:
            yield "spec.strategy is missing; write canary or blueGreen"
        rolling, where = entries(strategy, "canary"), f"{field}.canary"
    else:
        rolling, where = entries(strategy, "rollingUpdate"), f"{field}.rollingUpdate"
    chosen = text(strategy, "type", default="RollingUpdate")
    if chosen == "OnDelete":
        yield f"spec.{field}.type is OnDelete, so an update waits for someone to delete pods"
    if chosen == "Recreate" and not _owns_its_volume(item):
        yield (
            f"spec.{field}.type is Recreate, which stops every replica first; use RollingUpdate, "
            "or one replica with a persistentVolumeClaim that cannot be shared"
        )
    unavailable = get(rolling, "maxUnavailable")
    if unavailable is not None and _is_all(unavailable, item):
        yield f"spec.{where}.maxUnavailable is {unavailable}, every replica; lower it"


def _is_all(unavailable: Any, item: KubernetesObject) -> bool:
    if unavailable == "100%":
        return True
    replicas = int(number(item.body, "spec", "replicas"))
    return replicas > 1 and (count_or_percent(unavailable, replicas) or 0) >= replicas


def _owns_its_volume(item: KubernetesObject) -> bool:
    claims = item.pod is not None and any(
        present(volume, "persistentVolumeClaim") for volume in items(item.pod.spec, "volumes")
    )
    return claims and get(item.body, "spec", "replicas") == 1


@object_policy(
    "workload-graceful-end",
    kinds=("Deployment", "StatefulSet", "Rollout"),
    severity=Severity.MEDIUM,
    fix="Set terminationGracePeriodSeconds above the longest request and the preStop hook.",
)
def graceful_end(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod that serves is given the time to finish what it accepted."""
    pod = item.pod
    if pod is None or not any(present(container.body, "ports") for container in pod.main):
        return
    if not present(pod.spec, "terminationGracePeriodSeconds"):
        yield "the pod has no terminationGracePeriodSeconds; state how long it may take to finish"
        return
    grace = number(pod.spec, "terminationGracePeriodSeconds", default=30)
    if grace < 1:
        yield "terminationGracePeriodSeconds is 0, which kills the pod with requests in flight"
    for container in pod.main:
        sleep = pre_stop_seconds(container)
        if sleep and grace <= sleep:
            yield (
                f"{container.title} sleeps {sleep:g} s in preStop, and the pod is killed after "
                f"{grace:g} s; raise terminationGracePeriodSeconds above both"
            )


def pre_stop_seconds(container: Container) -> float:
    """Seconds that a container's preStop hook sleeps; 0 where it has none."""
    hook = entries(container.body, "lifecycle", "preStop")
    command = " ".join(str(word) for word in items(hook, "exec", "command"))
    spoken = re.search(r"\bsleep\s+(\d+(?:\.\d+)?)", command)
    return number(hook, "sleep", "seconds", default=float(spoken[1]) if spoken else 0)


@object_policy(
    "workload-priority-class",
    kinds=WORKLOADS,
    severity=Severity.LOW,
    fix="Name a PriorityClass in priorityClassName, so that a full node gives up what can wait.",
    settings={"allowed": strings("PriorityClasses that may be named; none means any.")},
)
def priority_class(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A pod says how important it is."""
    allowed = settings.strings("allowed")
    if item.pod is None:
        return
    if not filled(item.pod.spec, "priorityClassName"):
        yield "the pod has no priorityClassName; name a PriorityClass"
    elif allowed and text(item.pod.spec, "priorityClassName") not in allowed:
        yield f"the pod's priorityClassName is none of {', '.join(allowed)}"


@object_policy(
    "workload-env-unique",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Remove all but one: the last one wins, and a later apply may drop the wrong one.",
)
def env_unique(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A container sets each environment variable once."""
    for container in item.pod.containers() if item.pod else ():
        count = Counter(name for name, _entry in container.env)
        for name in count:
            if count[name] > 1:
                yield f"{container.title} sets env {name} {count[name]} times; keep one"


@object_policy(
    "workload-restarts",
    kinds=LONG_RUNNING - {"Pod"},
    severity=Severity.HIGH,
    fix="Leave restartPolicy out, or write Always: the API refuses anything else here.",
)
def restarts(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Containers that are to run for ever are started again."""
    if item.pod is not None:
        policy = text(item.pod.spec, "restartPolicy", default="Always")
        if policy != "Always":
            yield f"the pod's restartPolicy is {policy}; write Always, or use a Job"
