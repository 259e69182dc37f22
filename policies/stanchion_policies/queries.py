"""Queries of autoscalers, alerts and analyses: for what somebody exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from stanchion_policies import promql
from stanchion_policies.cluster import Cluster, bounds
from stanchion_policies.facts import Metric, exporter_of, metric
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import entries, get, items, present, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cluster_policy,
    object_policy,
    strings,
)

QUERYING = ("ScaledObject", "PrometheusRule", "AnalysisTemplate", "ClusterAnalysisTemplate")
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True)
class Written:
    """A query where it stands.

    Attributes:
        place: The field, for messages.
        text: The query.
    """

    place: str
    text: str


def queries_of(item: KubernetesObject) -> Iterator[Written]:
    """The PromQL queries of an object, in order."""
    if item.kind == "ScaledObject":
        for place, trigger in enumerate(items(item.body, "spec", "triggers")):
            if get(trigger, "type") == "prometheus":
                yield Written(f"spec.triggers[{place}]", text(trigger, "metadata", "query"))
    elif item.kind == "PrometheusRule":
        for group in items(item.body, "spec", "groups"):
            for rule in items(group, "rules"):
                name = text(rule, "alert") or text(rule, "record")
                yield Written(f"rule {name}", str(get(rule, "expr", default="")))
    else:
        for place, measured in enumerate(items(item.body, "spec", "metrics")):
            if present(measured, "provider", "prometheus"):
                query = text(measured, "provider", "prometheus", "query")
                yield Written(f"spec.metrics[{place}]", query)


@cluster_policy(
    "query-exported",
    kinds=QUERYING,
    severity=Severity.HIGH,
    fix="Correct the name or the label. What an exporter of your own exports is added to the "
    "setting; a counter that is off by default needs a counters ConfigMap.",
    settings={
        "exported": strings("Further metrics that are exported; `*` stands for any characters.")
    },
)
def query_exported(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A query asks for metrics and labels that somebody exports."""
    known = _Known(cluster, settings, item.namespace)
    for written in queries_of(item):
        try:
            query = promql.read(written.text)
        except ValueError:
            yield f"{written.place} is no PromQL, so it never answers"
            continue
        for complaint in dict.fromkeys(known.complaints(query)):
            yield f"{written.place} {complaint}"


class _Known:
    """What is exported in a cluster: the tables, the stack's recording rules, the setting's."""

    def __init__(self, cluster: Cluster, settings: Settings, namespace: str) -> None:
        self._cluster = cluster
        # Where the namespace is another stack's, the exporter and its list may be so too.
        self._sees_exporters = not cluster.namespaces or namespace in cluster.namespaces
        self._further = settings.strings("exported")

    def complaints(self, query: promql.Query) -> Iterator[str]:
        """What the query asks for and nobody exports."""
        for selector in query.selectors:
            found = self._metric(selector.metric)
            if found is None:
                yield self._unknown(selector.metric)
                continue
            if found.off and self._sees_exporters and not self._enabled(selector.metric):
                yield (
                    f"asks for {selector.metric}, which its exporter leaves out by default, so it "
                    "never fires"
                )
            for label in sorted(label for label in selector.labels if not self._has(found, label)):
                yield f"asks for {selector.metric} with label {label}, which it has not"
        yield from self._grouped(query)

    def _grouped(self, query: promql.Query) -> Iterator[str]:
        for grouping in query.groupings:
            found = [self._metric(name) for name in grouping.metrics]
            for label in sorted(grouping.labels):
                if found and not any(each is None or self._has(each, label) for each in found):
                    names = ", ".join(sorted(grouping.metrics))
                    yield f"groups {names} by label {label}, which it has not"

    def _has(self, found: Metric, label: str) -> bool:
        return found.has(label) or label in _taken_along(self._cluster)

    def _metric(self, name: str) -> Metric | None:
        if (
            not name
            or name in _recorded(self._cluster)
            or any(fnmatchcase(name, pattern) for pattern in self._further)
        ):
            return Metric(None)
        return metric(name)

    @staticmethod
    def _unknown(name: str) -> str:
        exporter = exporter_of(name)
        source = f"{exporter} does not export" if exporter else "nobody is known to export"
        return f"asks for {name}, which {source}"

    def _enabled(self, name: str) -> bool:
        """Whether a ConfigMap of the stack lists the counter, as DCGM's exporter reads it."""
        for each in self._cluster.of("ConfigMap"):
            data = entries(each.body, "data")
            for key in data:
                lines = (line.strip() for line in text(data, key).splitlines())
                if any(line.startswith((f"{name},", f"{name} ")) for line in lines):
                    return True
        return False


@lru_cache(maxsize=1)
def _taken_along(cluster: Cluster) -> frozenset[str]:
    """What the cluster's monitors add to metrics: labels of the pods or Services they scrape."""
    return frozenset(
        _NOT_IN_A_LABEL.sub("_", str(label))
        for kind in ("ServiceMonitor", "PodMonitor")
        for each in cluster.of(kind)
        for field in ("podTargetLabels", "targetLabels")
        for label in items(each.body, "spec", field)
    )


@lru_cache(maxsize=1)
def _recorded(cluster: Cluster) -> frozenset[str]:
    """What the cluster's recording rules make; collected once for all its queries."""
    return frozenset(
        text(rule, "record")
        for each in cluster.of("PrometheusRule")
        for group in items(each.body, "spec", "groups")
        for rule in items(group, "rules")
    )


@object_policy(
    "scale-from-zero-signal",
    kinds=("ScaledObject",),
    severity=Severity.HIGH,
    fix="Wake it by a signal that is there without replicas: a queue's length, the gateway's "
    "requests, a schedule.",
)
def scale_from_zero_signal(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """What scales to zero is woken by something that runs without it."""
    minimum, _ = bounds(item)
    triggers = items(item.body, "spec", "triggers")
    if minimum > 0 or not triggers:
        return
    if all(_sleeps_too(trigger) for trigger in triggers):
        yield "keeps no replica and is woken by what its own replicas report: at zero none do"


def _sleeps_too(trigger: Any) -> bool:
    """Whether a trigger is silent without replicas: their use, or what model servers export."""
    if text(trigger, "type") in {"cpu", "memory"}:
        return True
    if get(trigger, "type") != "prometheus":
        return False
    try:
        selectors = promql.read(text(trigger, "metadata", "query")).selectors
    except ValueError:
        return False
    return bool(selectors) and all(
        exporter_of(each.metric) in {"vllm", "vllm-http", "model-server"} for each in selectors
    )
