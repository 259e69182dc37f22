"""Who may talk to whom, and what can be reached from outside."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.cluster import Cluster, directions
from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import entries, get, items, some, text, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis,
    cluster_policy,
    flag,
    object_policy,
    strings,
)

EGRESS = {"egress": flag("Whether outgoing traffic is to be restricted too.", default=True)}


def _directions(settings: Settings) -> list[str]:
    return ["Ingress", "Egress"] if settings.flag("egress") else ["Ingress"]


@object_policy(
    "service-exposure",
    kinds=("Service",),
    severity=Severity.MEDIUM,
    fix="Use a ClusterIP Service behind the platform's gateway.",
    settings={"types": strings("Service types that are allowed.", "ClusterIP", "ExternalName")},
)
def service_exposure(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A Service is reached inside the cluster only."""
    kind = text(item.body, "spec", "type", default="ClusterIP")
    if kind not in settings.strings("types"):
        yield f"spec.type is {kind}; allowed: {', '.join(settings.strings('types'))}"
    if items(item.body, "spec", "externalIPs"):
        yield "spec.externalIPs takes over addresses outside the cluster; remove it"


@object_policy(
    "ingress-tls",
    kinds=("Ingress",),
    severity=Severity.HIGH,
    fix="Name a host in every rule and list it in spec.tls with its certificate.",
)
def ingress_tls(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An Ingress names its hosts and has a certificate for each."""
    secured = {host for entry in items(item.body, "spec", "tls") for host in texts(entry, "hosts")}
    if get(item.body, "spec", "defaultBackend") is not None:
        yield "spec.defaultBackend answers for every host; name hosts in rules"
    for rule in items(item.body, "spec", "rules"):
        host = text(rule, "host", default="*")
        if host == "*":
            yield "a rule without host answers for every host; name one"
        elif host not in secured and f"*.{host.partition('.')[2]}" not in secured:
            yield f"the host {host} is in no spec.tls entry; add one with its certificate"


@cluster_policy(
    "network-policy-selects-pod",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Add a NetworkPolicy in the pod's namespace whose podSelector matches its labels and that "
    "allows what it needs.",
    framework=cis("5.3.2"),
    settings=EGRESS,
)
def selects_pod(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A NetworkPolicy selects every pod, in both directions."""
    if item.pod is None or get(item.pod.spec, "hostNetwork"):
        return
    for direction in _directions(settings):
        if not cluster.is_covered(item, direction):
            yield f"no NetworkPolicy restricts {direction.lower()} of its pods"


@cluster_policy(
    "network-default-deny",
    kinds={*WORKLOADS, "Namespace"},
    severity=Severity.HIGH,
    fix="Add a NetworkPolicy with an empty podSelector, policyTypes [Ingress, Egress] and no rule.",
    framework=cis("5.3.2"),
    settings=EGRESS,
)
def default_deny(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """A namespace refuses all traffic that no other policy allows."""
    if item.kind == "Namespace":
        namespace = item.name
    elif _speaks_for_its_namespace(item, cluster):
        namespace = item.namespace
    else:
        return
    for direction in _directions(settings):
        if not _denied(namespace, direction, cluster):
            yield f"no NetworkPolicy in {namespace} denies all {direction.lower()}"


def _speaks_for_its_namespace(item: KubernetesObject, cluster: Cluster) -> bool:
    """Whether it is the first workload of a namespace that another stack declares."""
    namespace = item.namespace
    first = cluster.workloads_in(namespace)[0]
    return namespace not in cluster.namespaces and first is item


def _denied(namespace: str, direction: str, cluster: Cluster) -> bool:
    return some(
        lambda policy: (
            policy.namespace == namespace
            and direction in directions(policy)
            and not entries(policy.body, "spec", "podSelector", "matchLabels")
            and not items(policy.body, "spec", "podSelector", "matchExpressions")
            and not items(policy.body, "spec", direction.lower())
        ),
        cluster.possibly_in(namespace, "NetworkPolicy"),
    )
