"""Who watches a model service: metrics, alerts, runbooks, dashboards, drift."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from stanchion_policies import promql
from stanchion_policies.cluster import Cluster
from stanchion_policies.inference import is_serving, model_servers, serves_llm
from stanchion_policies.jobs import JOBS
from stanchion_policies.kubernetes import REPLICATED, KubernetesObject
from stanchion_policies.reading import entries, filled, get, items, present, selects, text, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cluster_policy,
    flag,
    object_policy,
    strings,
)

INSTANCE, COMPONENT = "app.kubernetes.io/instance", "app.kubernetes.io/component"
NAME = "app.kubernetes.io/name"
WATCHED = "SERVICE"
"""Variable by which the job of a `DriftMonitor`, an instance of its own, is told its service."""
WORD = re.compile(r"[\w-]+")
"""The names in a label's value, in a pattern too."""
ANSWERS_NOBODY = frozenset({"shadow", "mirror"})
"""Components that get copies of requests, and whose answers are dropped: there is no promise."""
SPAN = re.compile(r"\d+[smhdw]$")
"""The time at the end of a recording rule's name, as in errors:rate5m."""


@cluster_policy(
    "serving-scraped",
    kinds=REPLICATED,
    severity=Severity.HIGH,
    fix="Add a ServiceMonitor that selects its Service, or a PodMonitor that selects its pods.",
)
def serving_scraped(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """Metrics of a model service are collected."""
    pod = item.pod
    if pod is None or not is_serving(item):
        return
    annotations = entries(pod.template, "metadata", "annotations")
    if text(annotations, "prometheus.io/scrape") == "true":
        return
    for monitor in _monitors(cluster, item.namespace, "PodMonitor", "PodMonitoring"):
        if selects(_selector(monitor), pod.labels):
            return
    services = list(_services_of(item, cluster))
    for monitor in _monitors(cluster, item.namespace, "ServiceMonitor"):
        if any(selects(_selector(monitor), service.labels) for service in services):
            return
    yield "no ServiceMonitor or PodMonitor selects it, so nobody sees its metrics"


def _selector(monitor: KubernetesObject) -> Any:
    return get(monitor.body, "spec", "selector", default={})


def _monitors(cluster: Cluster, namespace: str, *kinds: str) -> Iterator[KubernetesObject]:
    """The monitors that look into a namespace: its own, and those of others that name it."""
    for kind in kinds:
        for monitor in cluster.possibly_in(namespace, kind):
            if not present(monitor.body, "spec", "namespaceSelector"):
                yield monitor
        for monitor in _far_sighted(cluster, kind):
            chosen = entries(monitor.body, "spec", "namespaceSelector")
            if get(chosen, "any") or namespace in (
                texts(chosen, "matchNames") or [monitor.namespace]
            ):
                yield monitor


@lru_cache(maxsize=4)
def _far_sighted(cluster: Cluster, kind: str) -> Sequence[KubernetesObject]:
    """The monitors that say which namespaces they look into; collected once for all workloads."""
    return cluster.of(kind).where(lambda each: present(each.body, "spec", "namespaceSelector"))


def _services_of(item: KubernetesObject, cluster: Cluster) -> Iterator[KubernetesObject]:
    labels = item.pod.labels if item.pod else {}
    for service in cluster.possibly_in(item.namespace, "Service"):
        selector = entries(service.body, "spec", "selector")
        if selector and selects({"matchLabels": selector}, labels):
            yield service


@object_policy(
    "alert-runbook",
    kinds=("PrometheusRule",),
    severity=Severity.MEDIUM,
    fix="Set annotations.runbook_url to a page that says what to do, and write the page.",
    settings={
        "prefixes": strings(
            "Beginnings of addresses that stand for the repository's root; what follows must be a "
            "file."
        )
    },
)
def alert_runbook(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """An alert leads to a runbook that exists."""
    for group in items(item.body, "spec", "groups"):
        for rule in items(group, "rules"):
            name = text(rule, "alert")
            if not name:
                continue
            runbook = text(rule, "annotations", "runbook_url")
            if not runbook:
                yield f"alert {name} has no annotations.runbook_url"
                continue
            page = _page(runbook, settings)
            if page and not any((root / page).is_file() for root in _roots()):
                yield f"alert {name} names a runbook that is no file of the repository"


def _page(runbook: str, settings: Settings) -> str:
    """The runbook's file in the repository; empty where it is somewhere else."""
    address = runbook.partition("#")[0]
    for prefix in settings.strings("prefixes"):
        if address.startswith(prefix):
            return address.removeprefix(prefix).lstrip("/")
    return "" if "://" in address or "{{" in address else address.lstrip("/")


def _roots() -> Iterator[Path]:
    """The working folder and those around it: the engine runs a pack in the pack's own."""
    here = Path.cwd()
    return iter((here, *here.parents))


@cluster_policy(
    "serving-burn-rate",
    kinds=REPLICATED,
    severity=Severity.MEDIUM,
    fix="Add a PrometheusRule for the service whose alerts compare its error rate over a short and "
    "a long time with its objective.",
    settings={
        "languageModels": flag("Whether servers of language models must have one.", default=True)
    },
)
def burn_rate(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A model service has an alert on how fast it uses up its error budget."""
    servers = [
        each
        for each in model_servers(item)
        if settings.flag("languageModels") or not serves_llm(each)
    ]
    if not servers or _answers_nobody(item):
        return
    names = {item.name, *(service.name for service in _services_of(item, cluster))}
    if names.isdisjoint(_watched_closely(cluster)):
        yield "no alert compares its errors over a short and a long time with an objective"


def _answers_nobody(item: KubernetesObject) -> bool:
    return item.pod is not None and text(item.pod.labels, COMPONENT) in ANSWERS_NOBODY


@lru_cache(maxsize=1)
def _watched_closely(cluster: Cluster) -> frozenset[str]:
    """The words by which alerts over several times say what they are about."""
    words: set[str] = set()
    for each in cluster.of("PrometheusRule"):
        for group in items(each.body, "spec", "groups"):
            for rule in items(group, "rules"):
                words.update(_about(rule) if filled(rule, "alert") else ())
    return frozenset(words)


def _about(rule: Any) -> Iterator[str]:
    try:
        query = promql.read(str(get(rule, "expr", default="")))
    except ValueError:
        return
    recorded = (SPAN.search(selector.metric) for selector in query.selectors)
    if len({*query.ranges, *(span[0] for span in recorded if span)}) > 1:
        labels = entries(rule, "labels")
        for value in (*query.values, *(text(labels, key) for key in labels)):
            yield from (word.rstrip("-") for word in WORD.findall(value))


@cluster_policy(
    "drift-monitored",
    kinds=REPLICATED,
    severity=Severity.LOW,
    fix="Add a DriftMonitor of the service, or another job that compares what the model sees with "
    "what it was trained on, labelled with the service's app.kubernetes.io/instance or told it as "
    "SERVICE.",
    settings={
        "components": strings(
            "Values of app.kubernetes.io/component that a monitor of drift has, or of "
            "app.kubernetes.io/name that its job has.",
            "drift",
            "drift-monitor",
        )
    },
)
def drift_monitored(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """Somebody watches whether a model still fits what it sees."""
    if item.pod is None or not is_serving(item) or _answers_nobody(item):
        return
    instance = text(item.pod.labels, INSTANCE, default=item.name)
    watching = _watching(cluster)
    if not any(
        (item.namespace, instance, part) in watching for part in settings.strings("components")
    ):
        yield f"no job watches for drift of {instance}"


@lru_cache(maxsize=1)
def _watching(cluster: Cluster) -> frozenset[tuple[str, str, str]]:
    """Namespace, what it is about, and what it is, of every workload."""
    return frozenset(
        (each.namespace, about, part)
        for each in cluster.workloads
        for about in _subjects(each)
        for part in _parts(each)
    )


def _subjects(item: KubernetesObject) -> Iterator[str]:
    yield text(item.labels, INSTANCE)
    for container in item.pod.main if item.pod else ():
        yield from (text(entry, "value") for name, entry in container.env if name == WATCHED)


def _parts(item: KubernetesObject) -> Iterator[str]:
    yield text(item.labels, COMPONENT)
    # What only shows a report has the name as well.
    if item.is_a(*JOBS):
        yield text(item.labels, NAME)


@cluster_policy(
    "serving-dashboard",
    kinds=REPLICATED,
    severity=Severity.LOW,
    fix="Add a ConfigMap with the label grafana_dashboard that shows the service, or one that "
    "shows every service by a variable.",
    settings={"label": strings("Labels that mark a dashboard.", "grafana_dashboard")},
)
def dashboard(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A model service has a dashboard."""
    if not is_serving(item):
        return
    if not cluster.of("GrafanaDashboard") and _marks(cluster).isdisjoint(settings.strings("label")):
        yield "no dashboard is in the stack"


@lru_cache(maxsize=1)
def _marks(cluster: Cluster) -> frozenset[str]:
    """The labels that ConfigMaps have."""
    return frozenset(label for each in cluster.of("ConfigMap") for label in each.labels)
