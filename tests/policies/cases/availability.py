"""Cases of the policies about replicas, budgets, spread and autoscalers."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import (
    DROP,
    SELECTOR,
    UNKNOWN,
    Manifest,
    autoscaler,
    budget,
    manifest,
    resource,
    scaled_object,
    workload,
)

ONE, THREE = {"replicas": 1}, {"replicas": 3}
ROLLOUT = {"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1", "name": "churn"}


def live(operation: str) -> Manifest:
    """A Deployment as it is after a deployment, its replicas set by somebody."""
    fields: Manifest = {"f:spec": {"f:replicas": {}}}
    manager = {"manager": "somebody", "operation": operation, "fieldsV1": fields}
    return workload(spec=THREE, metadata={"uid": "1", "managedFields": [manager]})


def at_least(available: int | str) -> Manifest:
    """The spec of a budget by what has to be available."""
    return {"maxUnavailable": DROP, "minAvailable": available}


def apart(**term: Any) -> Manifest:
    """A workload whose pods would rather not share a node with those of a term."""
    weighted = {"weight": 100, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", **term}}
    rules = {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}
    return workload(
        spec=THREE,
        pod={"topologySpreadConstraints": DROP, "affinity": {"podAntiAffinity": rules}},
    )


NONE = {"minReplicaCount": 0}
BUDGETED = {"annotations": {"stanchion.dev/cold-start-seconds": "300"}}
AT_REST = scaled_object(metadata=BUDGETED, spec=NONE)

CASES: list[Case] = [
    passes("workload-replicas", "autoscaled", workload(), autoscaler()),
    passes("workload-replicas", "fixed", workload(spec=THREE)),
    passes("workload-replicas", "one is enough by setting", workload(), minimum=1),
    passes("workload-replicas", "a job", workload("Job")),
    passes("workload-replicas", "by KEDA", workload(), scaled_object()),
    passes("workload-replicas", "to zero with a budget", workload(), AT_REST),
    passes(
        "workload-replicas", "its own budget", workload(metadata=BUDGETED), scaled_object(spec=NONE)
    ),
    undecided("workload-replicas", "unknown", workload(spec={"replicas": UNKNOWN})),
    fails("workload-replicas", "none stated", workload()),
    fails("workload-replicas", "one", workload("StatefulSet", spec=ONE)),
    fails("workload-replicas", "low minimum", workload(), autoscaler(spec={"minReplicas": 1})),
    fails(
        "workload-replicas", "to zero", workload(), scaled_object(spec={"minReplicaCount": DROP})
    ),
    fails(
        "workload-replicas",
        "the autoscaler of another namespace",
        workload(),
        autoscaler(metadata={"namespace": "other"}),
    ),
    passes("disruption-budget-exists", "budget", workload(spec=THREE), budget()),
    passes("disruption-budget-exists", "one replica", workload(spec=ONE)),
    passes(
        "disruption-budget-exists",
        "one of two budgets is unknown",
        workload(spec=THREE),
        budget(spec={"selector": {"matchLabels": {"app.kubernetes.io/name": UNKNOWN}}}),
        budget(metadata={"name": "second"}),
    ),
    undecided(
        "disruption-budget-exists",
        "the only one is unknown",
        workload(spec=THREE),
        budget(spec={"selector": UNKNOWN}),
    ),
    fails("disruption-budget-exists", "none", workload(spec=THREE)),
    fails("disruption-budget-exists", "any number", workload()),
    fails("disruption-budget-exists", "one, by setting", workload(spec=ONE), replicas=1),
    fails(
        "disruption-budget-exists",
        "other pods",
        workload("Rollout"),
        autoscaler(spec={"scaleTargetRef": ROLLOUT}),
        budget(spec={"selector": {"matchLabels": {"app.kubernetes.io/name": "other"}}}),
    ),
    fails(
        "disruption-budget-exists",
        "other namespace",
        workload("StatefulSet", spec=THREE),
        budget(metadata={"namespace": "other"}),
    ),
    passes("disruption-budget-permits-eviction", "one", workload(spec=THREE), budget()),
    passes(
        "disruption-budget-permits-eviction",
        "below the minimum",
        workload(),
        autoscaler(spec={"minReplicas": 3}),
        budget(spec={"maxUnavailable": DROP, "minAvailable": "50%"}),
    ),
    passes(
        "disruption-budget-permits-eviction",
        "every pod may go",
        workload(spec=THREE),
        budget(spec={"maxUnavailable": "100%"}),
    ),
    fails("disruption-budget-permits-eviction", "zero", budget(spec={"maxUnavailable": 0})),
    fails("disruption-budget-permits-eviction", "0%", budget(spec={"maxUnavailable": "0%"})),
    fails(
        "disruption-budget-permits-eviction",
        "all available",
        budget(spec={"maxUnavailable": DROP, "minAvailable": "100%"}),
    ),
    fails(
        "disruption-budget-permits-eviction",
        "a percentage that rounds up to all",
        workload(spec=ONE),
        budget(spec=at_least("50%")),
    ),
    passes("disruption-budget-below-autoscaler", "unavailable", workload(), autoscaler(), budget()),
    passes(
        "disruption-budget-below-autoscaler",
        "below it",
        workload(),
        autoscaler(spec={"minReplicas": 3}),
        budget(spec=at_least(2)),
    ),
    passes(
        "disruption-budget-below-autoscaler",
        "of other pods",
        workload(),
        autoscaler(),
        budget(spec={**at_least(9), "selector": {"matchLabels": {"app": "other"}}}),
    ),
    fails(
        "disruption-budget-below-autoscaler",
        "as many",
        workload(),
        autoscaler(),
        budget(spec=at_least(2)),
    ),
    fails(
        "disruption-budget-below-autoscaler",
        "more, by a percentage",
        workload(),
        autoscaler(),
        budget(spec=at_least("51%")),
    ),
    fails(
        "disruption-budget-below-autoscaler",
        "KEDA, which begins at none",
        workload(),
        scaled_object(spec={"minReplicaCount": DROP}),
        budget(spec=at_least(1)),
    ),
    passes("disruption-budget-valid", "unavailable", budget()),
    passes("disruption-budget-valid", "available", budget(spec=at_least(1))),
    passes("disruption-budget-valid", "null is none", budget(spec={"minAvailable": None})),
    fails("disruption-budget-valid", "both", budget(spec={"minAvailable": 1})),
    fails("disruption-budget-valid", "nothing", budget(spec={"maxUnavailable": DROP})),
    fails("disruption-budget-valid", "no spec", manifest("PodDisruptionBudget", spec=None)),
    passes("topology-spread", "constraint", workload(spec=THREE)),
    passes("topology-spread", "one", workload(spec=ONE, pod={"topologySpreadConstraints": DROP})),
    passes(
        "topology-spread",
        "anti-affinity",
        apart(labelSelector={"matchLabels": SELECTOR}),
    ),
    fails("topology-spread", "apart from others", apart(labelSelector={"matchLabels": {"a": "b"}})),
    fails("topology-spread", "apart from none", apart()),
    fails(
        "topology-spread",
        "apart in another namespace",
        apart(labelSelector={"matchLabels": SELECTOR}, namespaces=["other"]),
    ),
    fails(
        "topology-spread", "neither", workload(spec=THREE, pod={"topologySpreadConstraints": []})
    ),
    fails(
        "topology-spread",
        "other pods",
        workload(
            "StatefulSet",
            spec=THREE,
            pod={
                "topologySpreadConstraints": [
                    {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "x"}}}
                ]
            },
        ),
    ),
    fails(
        "topology-spread",
        "no selector",
        workload(spec=THREE, pod={"topologySpreadConstraints": [{"topologyKey": "zone"}]}),
    ),
    passes("autoscaler-bounds", "two to six", autoscaler()),
    passes("autoscaler-bounds", "KEDA", scaled_object()),
    passes("autoscaler-bounds", "to zero with a budget", AT_REST),
    passes(
        "autoscaler-bounds",
        "the workload's budget",
        scaled_object(spec=NONE),
        workload(metadata=BUDGETED),
    ),
    fails(
        "autoscaler-bounds",
        "a budget and one replica",
        scaled_object(metadata=BUDGETED, spec={"minReplicaCount": 1}),
    ),
    passes(
        "autoscaler-bounds", "from one by setting", autoscaler(spec={"minReplicas": 1}), minimum=1
    ),
    fails("autoscaler-bounds", "no minimum", autoscaler(spec={"minReplicas": DROP})),
    fails("autoscaler-bounds", "no maximum", autoscaler(spec={"maxReplicas": DROP})),
    fails("autoscaler-bounds", "no room", autoscaler(spec={"maxReplicas": 2})),
    fails("autoscaler-bounds", "KEDA to zero", scaled_object(spec={"minReplicaCount": 0})),
    passes("autoscaler-owns-replicas", "one", workload(), autoscaler()),
    passes("autoscaler-owns-replicas", "target elsewhere", autoscaler()),
    passes(
        "autoscaler-owns-replicas",
        "an absolute target needs no request",
        workload(server={"resources": {"requests": {"cpu": DROP}}}),
        autoscaler(
            spec={"metrics": [{"resource": {"name": "cpu", "target": {"type": "AverageValue"}}}]}
        ),
    ),
    passes("autoscaler-owns-replicas", "live, set by the autoscaler", live("Update"), autoscaler()),
    fails("autoscaler-owns-replicas", "live, set by the program", live("Apply"), autoscaler()),
    passes(
        "autoscaler-owns-replicas",
        "a number to begin with",
        resource(workload(spec=THREE), ignores=("spec.replicas",)),
        autoscaler(),
    ),
    passes(
        "autoscaler-owns-replicas",
        "live, the number that it began with",
        resource(live("Apply"), ignores=("spec",)),
        autoscaler(),
    ),
    fails(
        "autoscaler-owns-replicas",
        "another field is ignored",
        resource(workload(spec=THREE), ignores=("spec.replicasOfAnother", "metadata")),
        autoscaler(),
    ),
    fails("autoscaler-owns-replicas", "fixed number too", workload(spec=THREE), autoscaler()),
    fails("autoscaler-owns-replicas", "two", workload(), autoscaler(), scaled_object()),
    fails(
        "autoscaler-owns-replicas",
        "a share of nothing",
        workload(server={"resources": {"requests": {"cpu": DROP}}}),
        autoscaler(),
    ),
]
