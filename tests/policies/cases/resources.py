"""Cases of the policies about requests and limits."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, workload


def sized(kind: str = "Deployment", /, **bounds: Any) -> Manifest:
    """A workload whose container has changed resources."""
    return workload(kind, server={"resources": bounds})


def required(policy: str, bound: str, resource: str) -> list[Case]:
    """Cases of a policy that wants a request or a limit."""
    without, empty = {bound: {resource: DROP}}, {bound: {resource: ""}}
    return [
        passes(policy, "stated", workload(init={})),
        passes(policy, "unknown is there", sized(**{bound: {resource: UNKNOWN}})),
        passes(policy, "another kind of object", workload("Rollout")),
        fails(policy, "missing", sized(**without)),
        fails(policy, "empty", sized(**empty)),
        fails(policy, "no resources at all", workload("CronJob", server={"resources": DROP})),
        fails(policy, "init container", workload(init={"resources": DROP})),
    ]


def of_the_pod(policy: str, bound: str, resource: str) -> Case:
    """A pod that says it for all its containers together."""
    pod = {"resources": {bound: {resource: "1"}}}
    return passes(policy, "of the pod", workload(server={"resources": DROP}, pod=pod))


CASES: list[Case] = [
    *required("workload-cpu-request", "requests", "cpu"),
    of_the_pod("workload-cpu-request", "requests", "cpu"),
    *required("workload-memory-request", "requests", "memory"),
    of_the_pod("workload-memory-request", "requests", "memory"),
    *required("workload-memory-limit", "limits", "memory"),
    of_the_pod("workload-memory-limit", "limits", "memory"),
    *required("workload-ephemeral-storage-limit", "limits", "ephemeral-storage"),
    *required("workload-cpu-limit", "limits", "cpu"),
    of_the_pod("workload-cpu-limit", "limits", "cpu"),
    passes(
        "workload-cpu-limit",
        "none where forbidden",
        sized(limits={"cpu": DROP}),
        demand="forbidden",
    ),
    fails("workload-cpu-limit", "forbidden", workload(), demand="forbidden"),
    passes("workload-requests-within-limits", "below", workload(init={})),
    passes(
        "workload-requests-within-limits",
        "quantities compare as quantities",
        sized(requests={"cpu": 1, "memory": "1024Mi"}, limits={"cpu": "1000m", "memory": "1Gi"}),
    ),
    passes("workload-requests-within-limits", "no limit", sized(limits=DROP)),
    undecided("workload-requests-within-limits", "unknown", sized(requests={"memory": UNKNOWN})),
    fails("workload-requests-within-limits", "above", sized(requests={"memory": "1.5Gi"})),
    fails("workload-requests-within-limits", "millibytes", sized(requests={"memory": "400m"})),
    fails("workload-requests-within-limits", "no quantity", sized(requests={"cpu": "half"})),
    fails(
        "workload-requests-within-limits",
        "extended resource",
        sized("Job", requests={"nvidia.com/gpu": 2}, limits={"nvidia.com/gpu": 1}),
    ),
]
