"""Who may talk to whom, and what can be reached from outside."""

from __future__ import annotations

import re
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

SNIPPET = re.compile(r"[\w.-]*ingress[\w.-]*/[\w-]*snippets?")
EGRESS = {"egress": flag("Whether outgoing traffic is to be restricted too.", default=True)}


def _directions(settings: Settings) -> list[str]:
    return ["Ingress", "Egress"] if settings.flag("egress") else ["Ingress"]


@object_policy(
    "service-type",
    kinds=("Service",),
    severity=Severity.MEDIUM,
    fix="Use a ClusterIP Service behind the platform's gateway.",
    settings={"types": strings("Service types that are allowed.", "ClusterIP", "ExternalName")},
)
def service_type(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A Service is reached inside the cluster only."""
    kind = text(item.body, "spec", "type", default="ClusterIP")
    if kind not in settings.strings("types"):
        yield f"spec.type is {kind}; allowed: {', '.join(settings.strings('types'))}"


@object_policy(
    "service-external-ips",
    kinds=("Service",),
    severity=Severity.HIGH,
    fix="Remove externalIPs: whoever may write them receives what others send to the address.",
    settings={"allowed": strings("Addresses that a Service may take.")},
)
def service_external_ips(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A Service takes over no address outside the cluster."""
    for address in texts(item.body, "spec", "externalIPs"):
        if address not in settings.strings("allowed"):
            yield f"spec.externalIPs takes over {address}; remove it"


@object_policy(
    "ingress-tls",
    kinds=("Ingress",),
    severity=Severity.HIGH,
    fix="List each host in spec.tls with the Secret of its certificate.",
)
def ingress_tls(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An Ingress has a certificate for each of its hosts."""
    certificates = items(item.body, "spec", "tls")
    if not certificates:
        yield "spec.tls is missing, so it answers in the clear; add the hosts' certificates"
        return
    secured = {host for entry in certificates for host in texts(entry, "hosts")}
    for rule in items(item.body, "spec", "rules"):
        host = text(rule, "host")
        if host and host not in secured and f"*.{host.partition('.')[2]}" not in secured:
            yield f"the host {host} is in no spec.tls entry; add one with its certificate"


@object_policy(
    "ingress-host",
    kinds=("Ingress",),
    severity=Severity.MEDIUM,
    fix="Name a host in every rule and leave spec.defaultBackend out.",
)
def ingress_host(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An Ingress answers for the hosts it names, and for no other."""
    for field in ("defaultBackend", "backend"):
        if get(item.body, "spec", field) is not None:
            yield f"spec.{field} answers for every host; name hosts in rules"
    for rule in items(item.body, "spec", "rules"):
        if text(rule, "host", default="*") in ("", "*"):
            yield "a rule without host answers for every host; name one"


@object_policy(
    "ingress-no-snippets",
    kinds=("Ingress",),
    severity=Severity.HIGH,
    fix="Remove the annotation: it is code in the gateway's own configuration, and reads the "
    "secrets of every namespace (CVE-2021-25742).",
)
def ingress_no_snippets(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An Ingress brings no code into the gateway."""
    for annotation in entries(item.body, "metadata", "annotations"):
        if SNIPPET.fullmatch(annotation):
            yield f"the annotation {annotation} is code in the gateway; remove it"


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
        if item.kind != "Namespace" and _all_covered(namespace, direction, cluster):
            continue
        if not _denied(namespace, direction, cluster):
            yield f"no NetworkPolicy in {namespace} denies all {direction.lower()}"


def _speaks_for_its_namespace(item: KubernetesObject, cluster: Cluster) -> bool:
    """Whether it is the first workload of a namespace that another stack declares."""
    namespace = item.namespace
    first = cluster.workloads_in(namespace)[0]
    return namespace not in cluster.namespaces and first == item


def _all_covered(namespace: str, direction: str, cluster: Cluster) -> bool:
    """Whether what this stack runs in another's namespace is restricted without a denial there."""
    workloads = cluster.workloads_in(namespace)
    return all(each.pod is not None and cluster.is_covered(each, direction) for each in workloads)


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
