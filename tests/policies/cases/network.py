"""Cases of the network policies."""

from __future__ import annotations

from policies.cases.case import Case, fails, passes
from policies.manifests import (
    DROP,
    Manifest,
    default_deny,
    ingress,
    manifest,
    namespace,
    network_policy,
    service,
    workload,
)


def annotated(name: str) -> Manifest:
    """An Ingress with an annotation."""
    return ingress(metadata={"annotations": {name: "more_set_headers;"}})


CASES: list[Case] = [
    passes("service-type", "inside", service()),
    passes("service-type", "no type", manifest("Service")),
    passes("service-type", "by setting", service(spec={"type": "NodePort"}), types=["NodePort"]),
    fails("service-type", "load balancer", service(spec={"type": "LoadBalancer"})),
    fails("service-type", "node port", service(spec={"type": "NodePort"})),
    fails("service-type", "not the type allowed", service(), types=["NodePort"]),
    passes("service-external-ips", "none", service()),
    passes("service-external-ips", "an empty list", service(spec={"externalIPs": []})),
    passes(
        "service-external-ips",
        "by setting",
        service(spec={"externalIPs": ["203.0.113.7"]}),
        allowed=["203.0.113.7"],
    ),
    fails("service-external-ips", "one", service(spec={"externalIPs": ["203.0.113.7"]})),
    fails(
        "service-external-ips",
        "of a load balancer",
        service(spec={"type": "LoadBalancer", "externalIPs": ["203.0.113.7", "203.0.113.8"]}),
    ),
    fails(
        "service-external-ips",
        "one of two allowed",
        service(spec={"externalIPs": ["203.0.113.7", "203.0.113.8"]}),
        allowed=["203.0.113.7"],
    ),
    passes("ingress-tls", "certificate", ingress()),
    passes("ingress-tls", "wildcard", ingress(spec={"tls": [{"hosts": ["*.example"]}]})),
    passes("ingress-tls", "no rule yet", ingress(spec={"rules": []})),
    fails("ingress-tls", "none", ingress(spec={"tls": DROP})),
    fails("ingress-tls", "an empty list", ingress(spec={"tls": []})),
    fails("ingress-tls", "another host's", ingress(spec={"tls": [{"hosts": ["other.example"]}]})),
    passes("ingress-host", "named", ingress()),
    passes("ingress-host", "a subdomain of any name", ingress(spec={"rules": [{"host": "*.a.b"}]})),
    passes("ingress-host", "another kind", service()),
    fails("ingress-host", "any host", ingress(spec={"rules": [{"http": {}}]})),
    fails("ingress-host", "empty", ingress(spec={"rules": [{"host": ""}]})),
    fails("ingress-host", "default", ingress(spec={"defaultBackend": {"service": {"name": "a"}}})),
    passes("ingress-no-snippets", "no annotation", ingress()),
    passes("ingress-no-snippets", "another", annotated("nginx.ingress.kubernetes.io/rewrite")),
    passes("ingress-no-snippets", "of something else", annotated("docs.example/config-snippet")),
    fails("ingress-no-snippets", "server", annotated("nginx.ingress.kubernetes.io/server-snippet")),
    fails(
        "ingress-no-snippets",
        "configuration",
        annotated("nginx.ingress.kubernetes.io/configuration-snippet"),
    ),
    fails(
        "ingress-no-snippets",
        "of another gateway",
        annotated("haproxy-ingress.github.io/config-snippet"),
    ),
    passes("network-policy-selects-pod", "selected", workload(), network_policy()),
    passes("network-policy-selects-pod", "by the denial", workload("CronJob"), default_deny()),
    passes(
        "network-policy-selects-pod", "on the node's network", workload(pod={"hostNetwork": True})
    ),
    passes(
        "network-policy-selects-pod",
        "ingress only by setting",
        workload(),
        network_policy(spec={"policyTypes": ["Ingress"]}),
        egress=False,
    ),
    fails("network-policy-selects-pod", "none", workload()),
    fails(
        "network-policy-selects-pod",
        "one direction",
        workload(),
        network_policy(spec={"policyTypes": DROP, "egress": DROP}),
    ),
    fails(
        "network-policy-selects-pod",
        "other pods",
        workload("Rollout"),
        network_policy(spec={"podSelector": {"matchLabels": {"app": "x"}}}),
    ),
    fails(
        "network-policy-selects-pod",
        "other namespace",
        workload("Job"),
        default_deny(metadata={"namespace": "other"}),
    ),
    passes("network-default-deny", "denied", namespace(), default_deny(), workload()),
    passes(
        "network-default-deny",
        "by two policies",
        namespace(),
        default_deny(spec={"policyTypes": ["Ingress"]}),
        default_deny(spec={"policyTypes": ["Egress"]}, metadata={"name": "egress"}),
    ),
    passes(
        "network-default-deny",
        "ingress only by setting",
        namespace(),
        default_deny(spec={"policyTypes": ["Ingress"]}),
        egress=False,
    ),
    passes(
        "network-default-deny",
        "pods restricted in a namespace of another stack",
        workload(),
        network_policy(),
    ),
    fails("network-default-deny", "some pods only", namespace(), network_policy()),
    fails(
        "network-default-deny",
        "one of two pods restricted in a namespace of another stack",
        workload(),
        network_policy(),
        workload("CronJob", "report", template={"metadata": {"labels": DROP}}),
    ),
    fails("network-default-deny", "a namespace of another stack", workload()),
    fails(
        "network-default-deny",
        "rules that allow all",
        namespace(),
        default_deny(spec={"ingress": [{}], "egress": [{}]}),
    ),
]
