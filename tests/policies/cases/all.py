"""All cases of all policies."""

from policies.cases import availability, images, platform, pods, workloads

ALL = [
    *workloads.CASES,
    *availability.CASES,
    *pods.CASES,
    *images.CASES,
    *platform.CASES,
]
