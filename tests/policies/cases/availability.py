"""Cases of the policies about replicas, budgets, spread and autoscalers."""

from __future__ import annotations

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import (
    DROP,
    UNKNOWN,
    Manifest,
    autoscaler,
    budget,
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


CASES: list[Case] = [
    passes("workload-replicas", "autoscaled", workload(), autoscaler()),
    passes("workload-replicas", "fixed", workload(spec=THREE)),
    passes("workload-replicas", "one is enough by setting", workload(), minimum=1),
    passes("workload-replicas", "a job", workload("Job")),
    passes("workload-replicas", "by KEDA", workload(), scaled_object()),
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
        "as many as the autoscaler's minimum",
        workload(),
        autoscaler(),
        budget(spec={"maxUnavailable": DROP, "minAvailable": 2}),
    ),
    fails(
        "disruption-budget-permits-eviction",
        "a percentage that rounds up to all",
        workload(spec=ONE),
        budget(spec={"maxUnavailable": DROP, "minAvailable": "50%"}),
    ),
    fails("disruption-budget-permits-eviction", "both", budget(spec={"minAvailable": 1})),
    fails("disruption-budget-permits-eviction", "nothing", budget(spec={"maxUnavailable": DROP})),
    passes("topology-spread", "constraint", workload(spec=THREE)),
    passes("topology-spread", "one replica", workload(pod={"topologySpreadConstraints": DROP})),
    passes(
        "topology-spread",
        "anti-affinity",
        workload(
            spec=THREE,
            pod={
                "topologySpreadConstraints": DROP,
                "affinity": {
                    "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{}]}
                },
            },
        ),
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
    fails("autoscaler-owns-replicas", "fixed number too", workload(spec=THREE), autoscaler()),
    fails("autoscaler-owns-replicas", "two", workload(), autoscaler(), scaled_object()),
    fails(
        "autoscaler-owns-replicas",
        "a share of nothing",
        workload(server={"resources": {"requests": {"cpu": DROP}}}),
        autoscaler(),
    ),
]
