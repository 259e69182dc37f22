"""Cases of references between objects that lead nowhere."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import (
    DROP,
    NAMESPACE,
    SELECTOR,
    UNKNOWN,
    Manifest,
    autoscaler,
    budget,
    default_deny,
    ingress,
    manifest,
    network_policy,
    scaled_object,
    service,
    workload,
)

ROLLOUT = {"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1", "name": "churn"}
CHART = {**manifest("Release"), "namespace": NAMESPACE}


def peer(selector: dict[str, Any]) -> Manifest:
    """A NetworkPolicy that lets in the pods of its own namespace that are selected."""
    return network_policy(spec={"ingress": [{"from": [{"podSelector": selector}]}]})


def stateful() -> Manifest:
    """A StatefulSet that names its Service."""
    return workload("StatefulSet", spec={"serviceName": "churn"})


def route(*backends: Manifest, mirror: str | None = None, **changes: Any) -> Manifest:
    """An HTTPRoute to some backends, and to a mirror."""
    rule: dict[str, Any] = {"backendRefs": list(backends)}
    if mirror is not None:
        to = {"name": mirror, "port": 80}
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": {"backendRef": to}}]
    return manifest(
        "HTTPRoute", apiVersion="gateway.networking.k8s.io/v1", spec={"rules": [rule]}, **changes
    )


def weighed(**canary: Any) -> Manifest:
    """A Rollout whose shares are weights of the HTTPRoute churn."""
    return workload("Rollout", spec={"strategy": {"canary": {**WEIGHED, **canary}}})


LIVE, NEW = {"name": "churn", "port": 80}, {"name": "churn-canary", "port": 80}
WEIGHED = {
    "stableService": "churn",
    "canaryService": "churn-canary",
    "trafficRouting": {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "churn"}}},
}
CASES: list[Case] = [
    passes("service-selects-pods", "selects", service(), workload()),
    passes("service-selects-pods", "no selector", service(spec={"selector": DROP})),
    passes(
        "service-selects-pods",
        "a port by number",
        service(spec={"ports": [{"port": 80, "targetPort": 8080}]}),
        workload("Rollout"),
    ),
    passes(
        "service-selects-pods",
        "a rollout's live service",
        service(spec={"selector": {"rollouts-pod-template-hash": "6f9d"}}),
        workload("Rollout"),
    ),
    undecided(
        "service-selects-pods",
        "unknown",
        service(spec={"selector": {"app.kubernetes.io/name": UNKNOWN}}),
        workload(),
    ),
    passes("service-selects-pods", "a chart's", service(), CHART),
    fails("service-selects-pods", "none there", service()),
    fails(
        "service-selects-pods", "a typo", service(spec={"selector": {"app": "chrun"}}), workload()
    ),
    fails(
        "service-selects-pods",
        "no such port",
        service(spec={"ports": [{"port": 80, "targetPort": "grpc"}]}),
        workload(),
    ),
    fails(
        "service-selects-pods", "other namespace", service(metadata={"namespace": "x"}), workload()
    ),
    passes("autoscaler-target-exists", "there", autoscaler(), workload()),
    passes("autoscaler-target-exists", "KEDA's default kind", scaled_object(), workload()),
    passes(
        "autoscaler-target-exists",
        "rollout",
        autoscaler(spec={"scaleTargetRef": ROLLOUT}),
        workload("Rollout"),
    ),
    passes(
        "autoscaler-target-exists",
        "a kind of somebody's own",
        autoscaler(spec={"scaleTargetRef": {**ROLLOUT, "kind": "Widget"}}),
    ),
    fails("autoscaler-target-exists", "nothing", autoscaler()),
    fails("autoscaler-target-exists", "another kind", autoscaler(), workload("StatefulSet")),
    fails("autoscaler-target-exists", "another name", scaled_object(), workload(name="other")),
    passes("disruption-budget-selects-pods", "pods", budget(), workload()),
    passes("disruption-budget-selects-pods", "all", budget(spec={"selector": {}}), workload("Job")),
    passes("disruption-budget-selects-pods", "rollout", budget(), workload("Rollout")),
    fails("disruption-budget-selects-pods", "nothing", budget()),
    fails(
        "disruption-budget-selects-pods",
        "a typo",
        budget(spec={"selector": {"matchLabels": {"app.kubernetes.io/name": "chrun"}}}),
        workload(),
    ),
    fails(
        "disruption-budget-selects-pods",
        "other namespace",
        budget(metadata={"namespace": "other"}),
        workload(),
    ),
    passes("ingress-backend-exists", "there", ingress(), service()),
    passes("ingress-backend-exists", "no rules", ingress(spec={"rules": []})),
    passes(
        "ingress-backend-exists",
        "by port name",
        ingress(
            spec={
                "rules": DROP,
                "defaultBackend": {"service": {"name": "churn", "port": {"name": "http"}}},
            }
        ),
        service(),
    ),
    fails("ingress-backend-exists", "no service", ingress()),
    fails(
        "ingress-backend-exists", "no port", ingress(), service(spec={"ports": [{"port": 8000}]})
    ),
    fails(
        "ingress-backend-exists",
        "other namespace",
        ingress(),
        service(metadata={"namespace": NAMESPACE + "-2"}),
    ),
    passes("route-backend-exists", "there", route(LIVE), service()),
    passes("route-backend-exists", "no rules", route()),
    passes(
        "route-backend-exists",
        "a pool of inference",
        route({"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "churn"}),
    ),
    passes("route-backend-exists", "a chart's", route(LIVE), CHART),
    passes(
        "route-backend-exists",
        "weighs at its route",
        weighed(),
        route(LIVE, NEW),
        service(),
        service(metadata={"name": "churn-canary"}),
    ),
    passes("route-backend-exists", "weighs nothing", workload("Rollout")),
    fails("route-backend-exists", "no service", route(LIVE)),
    fails("route-backend-exists", "no port", route({**LIVE, "port": 8000}), service()),
    fails("route-backend-exists", "a mirror to nobody", route(LIVE, mirror="shadow"), service()),
    fails(
        "route-backend-exists",
        "other namespace",
        route({**LIVE, "namespace": NAMESPACE + "-2"}),
        service(),
    ),
    fails("route-backend-exists", "no route", weighed()),
    fails("route-backend-exists", "a route to one of two", weighed(), route(LIVE), service()),
    passes("network-policy-selects-something", "pods", network_policy(), workload()),
    passes("network-policy-selects-something", "everything", default_deny()),
    passes(
        "network-policy-selects-something", "a cron job's", network_policy(), workload("CronJob")
    ),
    passes("network-policy-selects-something", "a chart's", network_policy(), CHART),
    fails("network-policy-selects-something", "nothing there", network_policy()),
    fails(
        "network-policy-selects-something",
        "a typo",
        network_policy(spec={"podSelector": {"matchLabels": {"app.kubernetes.io/name": "chrun"}}}),
        workload(),
    ),
    fails(
        "network-policy-selects-something",
        "other namespace",
        network_policy(metadata={"namespace": "other"}),
        workload(),
    ),
    passes("network-policy-peer-exists", "another namespace's", network_policy()),
    passes("network-policy-peer-exists", "there", peer({"matchLabels": SELECTOR}), workload()),
    passes("network-policy-peer-exists", "all pods", peer({})),
    fails("network-policy-peer-exists", "nothing there", peer({"matchLabels": SELECTOR})),
    fails("network-policy-peer-exists", "a typo", peer({"matchLabels": {"app": "a"}}), workload()),
    fails(
        "network-policy-peer-exists",
        "egress",
        network_policy(spec={"egress": [{"to": [{"podSelector": {"matchLabels": SELECTOR}}]}]}),
    ),
    passes("service-account-exists", "there", workload(), manifest("ServiceAccount")),
    passes("service-account-exists", "default", workload(pod={"serviceAccountName": DROP})),
    passes("service-account-exists", "a job's", workload("Job"), manifest("ServiceAccount")),
    undecided("service-account-exists", "unknown", workload(pod={"serviceAccountName": UNKNOWN})),
    fails("service-account-exists", "nothing there", workload()),
    fails(
        "service-account-exists",
        "by the field's older name",
        workload("CronJob", pod={"serviceAccountName": DROP, "serviceAccount": "report"}),
        manifest("ServiceAccount"),
    ),
    fails(
        "service-account-exists",
        "other namespace",
        workload("DaemonSet"),
        manifest("ServiceAccount", metadata={"namespace": "other"}),
    ),
    passes("stateful-set-service", "headless", stateful(), service(spec={"clusterIP": "None"})),
    passes("stateful-set-service", "another kind", workload()),
    passes(
        "stateful-set-service",
        "selects by fewer labels",
        stateful(),
        service(spec={"clusterIP": "None", "selector": {"stanchion.dev/owner": "team-growth"}}),
    ),
    fails("stateful-set-service", "not named", workload("StatefulSet")),
    fails("stateful-set-service", "not there", stateful()),
    fails("stateful-set-service", "not headless", stateful(), service()),
    fails(
        "stateful-set-service",
        "selects others",
        stateful(),
        service(spec={"clusterIP": "None", "selector": {"app.kubernetes.io/name": "other"}}),
    ),
]
