"""All cases of all policies."""

from policies.cases import (
    access,
    availability,
    images,
    jobs,
    network,
    nodes,
    platform,
    pods,
    probes,
    references,
    resources,
    workloads,
)

ALL = [
    *probes.CASES,
    *resources.CASES,
    *workloads.CASES,
    *jobs.CASES,
    *availability.CASES,
    *pods.CASES,
    *nodes.CASES,
    *images.CASES,
    *network.CASES,
    *access.CASES,
    *references.CASES,
    *platform.CASES,
]
