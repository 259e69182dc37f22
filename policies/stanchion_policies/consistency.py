"""References between objects that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import REPLICATED, WORKLOADS, KubernetesObject
from stanchion_policies.reading import entries, get, items, present, selects, text
from stanchion_policies.rules import Settings, Severity, cluster_policy

LEADS_NOWHERE = (
    "Correct the name or the labels, or remove the object. Where the other side belongs to another "
    "stack, disable the policy for this environment."
)


ROLLOUT_HASH = "rollouts-pod-template-hash"
"""What Argo Rollouts adds to the selector of a live Service to tell canary from stable."""
GATEWAY_PLUGIN = "argoproj-labs/gatewayAPI"
"""Argo Rollouts' plugin that writes the weights of HTTPRoutes."""


@cluster_policy(
    "service-selects-pods",
    kinds=("Service",),
    severity=Severity.HIGH,
    fix=LEADS_NOWHERE,
)
def service_selects_pods(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A Service selects pods, and its ports are theirs."""
    selector = {
        key: value
        for key, value in entries(item.body, "spec", "selector").items()
        if key != ROLLOUT_HASH
    }
    if not selector or get(item.body, "spec", "type") == "ExternalName":
        return
    selected = cluster.selected_by({"matchLabels": selector}, item.namespace)
    if not selected and not cluster.is_charted(item.namespace):
        yield f"spec.selector selects no pod in the namespace {item.namespace}"
    for port in items(item.body, "spec", "ports"):
        target = get(port, "targetPort")
        if isinstance(target, str) and not target.isdigit():
            for workload in selected:
                if target not in _port_names(workload):
                    yield f"targetPort {target} is no port of {workload.title}"


def _port_names(workload: KubernetesObject) -> set[str]:
    return {
        str(get(port, "name", default=""))
        for container in (workload.pod.main if workload.pod else ())
        for port in items(container.body, "ports")
    }


@cluster_policy(
    "autoscaler-target-exists",
    kinds=("HorizontalPodAutoscaler", "ScaledObject"),
    severity=Severity.HIGH,
    fix=LEADS_NOWHERE,
)
def autoscaler_target_exists(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """An autoscaler's target exists; one of a kind of somebody's own is taken on trust."""
    reference = entries(item.body, "spec", "scaleTargetRef")
    kind, name = text(reference, "kind", default="Deployment"), text(reference, "name")
    if kind in REPLICATED and cluster.find(kind, item.namespace, name) is None:
        yield f"scaleTargetRef names {kind} {item.namespace}/{name}, which is not in the stack"


@cluster_policy(
    "disruption-budget-selects-pods",
    kinds=("PodDisruptionBudget",),
    severity=Severity.HIGH,
    fix=LEADS_NOWHERE,
)
def budget_selects_pods(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A disruption budget protects something."""
    if _selects_nothing(get(item.body, "spec", "selector"), item.namespace, cluster):
        yield f"spec.selector selects no pod in the namespace {item.namespace}"


@cluster_policy(
    "ingress-backend-exists",
    kinds=("Ingress",),
    severity=Severity.HIGH,
    fix=LEADS_NOWHERE,
)
def ingress_backend_exists(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """An Ingress leads to a Service that exists, at a port that it has."""
    for name, port in _backends(item):
        if not name:
            yield "a backend names no service; write backend.service.name and port"
            continue
        yield from _lost_at(cluster, item.namespace, name, port)


def _lost_at(
    cluster: Cluster, namespace: str, name: str, port: str | float | None
) -> Iterator[str]:
    """Why what leads to a port of a Service leads nowhere; nothing where it does not."""
    service = cluster.find("Service", namespace, name)
    if service is None:
        if not cluster.is_charted(namespace):
            yield f"leads to Service {namespace}/{name}, which is not in the stack"
        return
    ports = items(service.body, "spec", "ports")
    field = "name" if isinstance(port, str) else "port"
    if port is not None and port not in [get(entry, field) for entry in ports]:
        shown = f"{port:g}" if isinstance(port, float) else port
        yield f"leads to port {shown}, which {service.title} has not"


@cluster_policy(
    "route-backend-exists",
    kinds=("HTTPRoute", "Rollout"),
    severity=Severity.HIGH,
    fix=LEADS_NOWHERE,
)
def route_backend_exists(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """An HTTPRoute leads and mirrors to Services that exist; a Rollout's route to both of its."""
    if item.kind == "Rollout":
        yield from _without_route(item, cluster)
        return
    for namespace, name, port in _route_backends(item):
        yield from _lost_at(cluster, namespace or item.namespace, name, port)


def _without_route(item: KubernetesObject, cluster: Cluster) -> Iterator[str]:
    canary = entries(item.body, "spec", "strategy", "canary")
    plugin = entries(canary, "trafficRouting", "plugins", GATEWAY_PLUGIN)
    name = text(plugin, "httpRoute")
    namespace = text(plugin, "namespace", default=item.namespace)
    if not name:
        return
    route = cluster.find("HTTPRoute", namespace, name)
    if route is None:
        if not cluster.is_charted(namespace):
            yield f"weighs requests at HTTPRoute {namespace}/{name}, which is not in the stack"
        return
    led_to = {backend for _, backend, _ in _route_backends(route)}
    for field in ("stableService", "canaryService"):
        if text(canary, field) not in led_to:
            yield f"weighs requests at {route.title}, which does not lead to its {field}"


def _route_backends(item: KubernetesObject) -> Iterator[tuple[str, str, float | None]]:
    """Namespace, name and port of each Service that an HTTPRoute leads or mirrors to."""
    for rule in items(item.body, "spec", "rules"):
        backends = items(rule, "backendRefs")
        mirrors = [
            get(each, "requestMirror", "backendRef")
            for each in items(rule, "filters")
            if present(each, "requestMirror", "backendRef")
        ]
        for backend in (*backends, *mirrors):
            if text(backend, "kind", default="Service") == "Service":
                yield text(backend, "namespace"), text(backend, "name"), get(backend, "port")


@cluster_policy(
    "network-policy-selects-something",
    kinds=("NetworkPolicy",),
    severity=Severity.MEDIUM,
    fix=LEADS_NOWHERE,
)
def network_policy_selects_something(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A NetworkPolicy restricts some pods; an empty selector means all."""
    selector = entries(item.body, "spec", "podSelector")
    if _narrow(selector) and _selects_nothing(selector, item.namespace, cluster):
        yield f"spec.podSelector selects no pod in the namespace {item.namespace}"


@cluster_policy(
    "network-policy-peer-exists",
    kinds=("NetworkPolicy",),
    severity=Severity.MEDIUM,
    fix=LEADS_NOWHERE,
)
def network_policy_peer_exists(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """Peers of a NetworkPolicy in its own namespace exist."""
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for place, rule in enumerate(items(item.body, "spec", direction)):
            for peer in items(rule, side):
                selector = entries(peer, "podSelector")
                own = get(peer, "namespaceSelector") is None and _narrow(selector)
                if own and _selects_nothing(selector, item.namespace, cluster):
                    where = f"spec.{direction}[{place}].{side} podSelector"
                    yield f"{where} selects no pod in the namespace {item.namespace}"


def _selects_nothing(selector: Any, namespace: str, cluster: Cluster) -> bool:
    """Whether a selector selects no pod, as far as the stack alone fills the namespace."""
    return not cluster.selected_by(selector, namespace) and not cluster.is_charted(namespace)


def _narrow(selector: Mapping[str, Any]) -> bool:
    """Whether it selects by something, not everything."""
    return bool(entries(selector, "matchLabels") or items(selector, "matchExpressions"))


@cluster_policy(
    "service-account-exists",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix=LEADS_NOWHERE,
)
def service_account_exists(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A pod's service account exists, without which no pod starts."""
    account = item.pod.service_account if item.pod is not None else "default"
    if account != "default" and cluster.find("ServiceAccount", item.namespace, account) is None:
        yield f"names ServiceAccount {item.namespace}/{account}, which is not in the stack"


@cluster_policy(
    "stateful-set-service",
    kinds=("StatefulSet",),
    severity=Severity.HIGH,
    fix="Name a Service with clusterIP None that selects the pods in spec.serviceName: it gives "
    "each pod the name that its volume stays with.",
)
def stateful_set_service(
    item: KubernetesObject, cluster: Cluster, _settings: Settings
) -> Iterator[str]:
    """A StatefulSet has the headless Service that gives its pods their names."""
    name = text(item.body, "spec", "serviceName")
    service = cluster.find("Service", item.namespace, name) if name else None
    if not name:
        yield "spec.serviceName is missing; name its headless Service"
    elif service is None:
        yield f"spec.serviceName is {name}, which is no Service of the stack"
    elif get(service.body, "spec", "clusterIP") != "None":
        yield f"spec.serviceName is {name}, which is not headless; write clusterIP: None there"
    elif item.pod is not None and not selects(_selector(service), item.pod.labels):
        yield f"spec.serviceName is {name}, which does not select its pods"


def _selector(service: KubernetesObject) -> Mapping[str, Any]:
    return {"matchLabels": entries(service.body, "spec", "selector")}


def _backends(item: KubernetesObject) -> Iterator[tuple[str, str | float | None]]:
    """Name and port, a number or a name, of each Service that an Ingress leads to.

    The name is empty where a backend names none, nor any other resource.
    """
    spec = entries(item.body, "spec")
    paths = [path for rule in items(spec, "rules") for path in items(rule, "http", "paths")]
    backends = [get(path, "backend") for path in paths]
    old = text(item.body, "apiVersion").endswith("beta1")
    for backend in [get(spec, "defaultBackend"), get(spec, "backend"), *backends]:
        if backend is None or get(backend, "resource") is not None:
            continue
        if old:
            yield text(backend, "serviceName"), get(backend, "servicePort")
        else:
            port = entries(backend, "service", "port")
            yield text(backend, "service", "name"), get(port, "number") or get(port, "name")
