"""How a new model or version takes over, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from stanchion_policies.cluster import Cluster
from stanchion_policies.inference import serves_llm
from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject
from stanchion_policies.placement import devices_of, homes
from stanchion_policies.pools import GPU
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
from stanchion_policies.rules import Settings, Severity, cluster_policy, integer, object_policy
from stanchion_policies.tracking import option, words_of

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
"""A model of a public hub, as owner/name; paths and addresses are something else."""

TRACKS = {"canary", "stable", "baseline", "champion", "challenger", "blue", "green"}
"""Label values that tell two variants of one service apart."""


@object_policy(
    "llm-model-pinned",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Serve the model from an address of your own, or name its commit with --revision and 40 "
    "hexadecimal digits: a branch means other weights tomorrow.",
)
def llm_model_pinned(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A language model that is fetched from a hub is pinned to a commit."""
    for container in item.pod.main if item.pod else ():
        if not serves_llm(container):
            continue
        words = words_of(container)
        model = _model(container, words)
        if not HUB_NAME.fullmatch(model):
            continue
        revision = option(words, "--revision") or _value(container, "REVISION")
        if not COMMIT.fullmatch(revision):
            named = "a --revision that is no commit" if revision else "no --revision"
            yield f"{container.title} serves a hub's model with {named}; pin it to a commit"


def _model(container: Container, words: Sequence[str]) -> str:
    for name in ("--model", "--model-id", "--model-path"):
        if found := option(words, name):
            return found
    served = next((after for word, after in pairwise(words) if word == "serve"), "")
    return served or _value(container, "MODEL_ID")


def _value(container: Container, name: str) -> str:
    return text(dict(container.env).get(name, {}), "value")


@cluster_policy(
    "rollout-analysed",
    kinds=("Rollout",),
    severity=Severity.HIGH,
    fix="Add an analysis step after each setWeight, or strategy.canary.analysis (blue-green: "
    "prePromotionAnalysis), with templates that exist.",
)
def rollout_analysed(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A rollout that moves traffic by weight looks at metrics before it goes on."""
    canary, blue_green = (
        get(item.body, "spec", "strategy", kind) for kind in ("canary", "blueGreen")
    )
    analyses: list[Any] = []
    if canary is not None:
        steps = items(canary, "steps")
        analyses = [get(step, "analysis") for step in steps if present(step, "analysis")]
        analyses += [get(canary, "analysis")] if present(canary, "analysis") else []
        weighted = any(present(step, "setWeight") for step in steps)
        if weighted and not analyses:
            yield "spec.strategy.canary.steps set weights and no analysis watches them"
    elif blue_green is not None:
        analyses = [
            get(blue_green, field)
            for field in ("prePromotionAnalysis", "postPromotionAnalysis")
            if present(blue_green, field)
        ]
        manual = get(blue_green, "autoPromotionEnabled", default=True) is False
        if not analyses and not manual:
            yield "spec.strategy.blueGreen promotes by itself and no analysis watches it"
    yield from _missing_templates(item, analyses, cluster)


def _missing_templates(
    item: KubernetesObject, analyses: list[Any], cluster: Cluster
) -> Iterator[str]:
    for analysis in analyses:
        for template in items(analysis, "templates"):
            name = text(template, "templateName")
            clusterwide = get(template, "clusterScope", default=False)
            kind = "ClusterAnalysisTemplate" if clusterwide else "AnalysisTemplate"
            if cluster.of(kind) and not any(
                each.name == name and (clusterwide or each.namespace == item.namespace)
                for each in cluster.of(kind)
            ):
                yield f"names {kind} {name}, which is not in the stack"


@object_policy(
    "release-can-go-back",
    kinds=("Deployment", "StatefulSet", "DaemonSet", "Rollout"),
    severity=Severity.MEDIUM,
    fix="Leave spec.revisionHistoryLimit out, or keep at least the setting's number.",
    settings={"revisions": integer("Former revisions to keep at least.", 1, minimum=1)},
)
def can_go_back(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A workload keeps a revision to go back to."""
    limit = number(item.body, "spec", "revisionHistoryLimit", default=10)
    if limit < settings.integer("revisions"):
        yield f"spec.revisionHistoryLimit is {limit:g}, so there is nothing to roll back to"


@cluster_policy(
    "canary-differs",
    kinds=("Rollout", "HTTPRoute", *sorted({"Deployment", "StatefulSet"})),
    severity=Severity.HIGH,
    fix="Give canary and stable Services, and image or model versions, of their own: a comparison "
    "of one thing with itself always passes.",
)
def canary_differs(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """A canary is not what it is compared with."""
    if item.kind == "Rollout":
        for kind, new, old in (
            ("canary", "canaryService", "stableService"),
            ("blueGreen", "previewService", "activeService"),
        ):
            strategy = entries(item.body, "spec", "strategy", kind)
            if filled(strategy, new) and get(strategy, new) == get(strategy, old):
                yield f"spec.strategy.{kind}.{new} and {old} are one Service"
    elif item.kind == "HTTPRoute":
        yield from _split_to_one(item)
    else:
        yield from _same_variant(item, cluster)


def _split_to_one(item: KubernetesObject) -> Iterator[str]:
    for place, rule in enumerate(items(item.body, "spec", "rules")):
        backends = [
            (text(each, "namespace"), text(each, "name"), get(each, "port"))
            for each in items(rule, "backendRefs")
        ]
        for backend in sorted({each[1] for each in backends if backends.count(each) > 1}):
            yield f"spec.rules[{place}] splits traffic between {backend} and itself"


def _same_variant(item: KubernetesObject, cluster: Cluster) -> Iterator[str]:
    own = _track(item)
    if own is None or own[1] not in {"canary", "challenger", "green"}:
        return
    label = own[0]
    for other in cluster.workloads_in(item.namespace):
        theirs = _track(other)
        if other == item or theirs is None or theirs[1] == own[1] or theirs[0] != label:
            continue
        if _without(item, label) == _without(other, label) and _runs(item) == _runs(other):
            yield f"runs the same image and model version as {other.title}; they tell nothing apart"


def _track(item: KubernetesObject) -> tuple[str, str] | None:
    """The label, and its value, that says which variant of a service it is."""
    labels = item.pod.labels if item.pod else {}
    return next(((key, text(labels, key)) for key in labels if text(labels, key) in TRACKS), None)


def _without(item: KubernetesObject, label: str) -> dict[str, Any]:
    labels: Mapping[str, Any] = item.pod.labels if item.pod else {}
    return {key: labels[key] for key in labels if key != label}


def _runs(item: KubernetesObject) -> list[tuple[Any, ...]]:
    """Images, arguments and plain environment of a workload, to compare with another's."""
    return [
        (
            text(container.body, "image"),
            tuple(container.words()),
            tuple((name, text(entry, "value")) for name, entry in container.env),
        )
        for container in (item.pod.main if item.pod else ())
    ]


@cluster_policy(
    "surge-fits-pool",
    kinds=("Deployment", "Rollout"),
    severity=Severity.HIGH,
    fix="Raise the pool's maximum, lower the autoscaler's, or update with maxSurge 0 and "
    "maxUnavailable 1.",
)
def surge_fits_pool(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """An update at full size finds GPUs for its extra pods."""
    pod = item.pod
    each = devices_of(pod).get(GPU, 0) if pod else 0
    if pod is None or not each:
        return
    fitting = homes(pod, [pool for pool in cluster.pools if pool.has_gpus])
    rooms = [pool.most_devices for pool in fitting]
    room = sum(most for most in rooms if most is not None)
    if not rooms or None in rooms:
        return
    most = _most_replicas(item, cluster)
    surge = _surge(item, most)
    if most * each > room:
        yield f"{most} replicas of {each} {GPU} are more than the {room} of its pools"
    elif (most + surge) * each > room:
        yield (
            f"an update adds {surge} to {most} replicas of {each} {GPU}, and its pools have "
            f"{room} at most, so it never ends"
        )


def _most_replicas(item: KubernetesObject, cluster: Cluster) -> int:
    for autoscaler in cluster.autoscalers_of(item):
        field = "maxReplicaCount" if autoscaler.kind == "ScaledObject" else "maxReplicas"
        return int(number(autoscaler.body, "spec", field, default=100))
    return int(number(item.body, "spec", "replicas", default=1))


def _surge(item: KubernetesObject, replicas: int) -> int:
    """How many pods an update adds."""
    if present(item.body, "spec", "strategy", "blueGreen"):
        return replicas
    if get(item.body, "spec", "strategy", "type") == "Recreate":
        return 0
    canary = entries(item.body, "spec", "strategy", "canary")
    if filled(canary, "trafficRouting") and get(canary, "dynamicStableScale") is not True:
        return replicas
    kind = "canary" if item.kind == "Rollout" else "rollingUpdate"
    stated = get(item.body, "spec", "strategy", kind, "maxSurge", default="25%")
    return count_or_percent(stated, replicas) or 0
