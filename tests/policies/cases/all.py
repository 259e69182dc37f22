"""All cases of all policies."""

from policies.cases import platform, pods, workloads

ALL = [*workloads.CASES, *pods.CASES, *platform.CASES]
