"""The Jobs that stand for what controllers make of kinds of their own: JobSets and RayJobs.

Policies know Jobs. A JobSet's controller makes them; KubeRay makes pods itself, which are judged as
those of a Job with the same pods, deadline and tries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stanchion_policies.reading import entries, get, items, number, present, text
from stanchion_policies.unknown import UnknownValueError

if TYPE_CHECKING:
    from stanchion_policies.kubernetes import KubernetesObject

MAKERS = {"JobSet": "jobset.x-k8s.io", "RayJob": "ray.io"}
"""API groups of the kinds, by kind."""


def jobs_of(item: KubernetesObject) -> Iterator[KubernetesObject]:
    """The Jobs of an object; none of what is no JobSet or RayJob."""
    if MAKERS.get(item.kind) != item.group:
        return
    specs = _of_job_set(item.body) if item.kind == "JobSet" else _of_ray_job(item.body)
    try:
        name = item.name
    except UnknownValueError:
        name = item.resource_name
    owner = {"apiVersion": text(item.body, "apiVersion"), "kind": item.kind, "name": name}
    for part, spec in specs:
        metadata = {
            "name": f"{name}-{part}",
            "namespace": item.namespace,
            "labels": item.labels,
            "ownerReferences": [owner],
        }
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
        yield replace(item, group="batch", kind="Job", body=body)


def _of_job_set(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """One for each replicated job."""
    for each in items(body, "spec", "replicatedJobs"):
        yield text(each, "name"), entries(each, "template", "spec")


def _of_ray_job(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """One for the head, one for each group of workers, one for what hands the command in."""
    cluster = entries(body, "spec", "rayClusterSpec")
    shared = _bounds(body)
    head = entries(cluster, "headGroupSpec", "template")
    if head:
        yield "head", {**shared, "parallelism": 1, "template": _template(head)}
    for group in items(cluster, "workerGroupSpecs"):
        pods = int(number(group, "replicas", default=1) * number(group, "numOfHosts", default=1))
        template = _template(entries(group, "template"))
        yield text(group, "groupName"), {**shared, "parallelism": pods, "template": template}
    submitter = entries(body, "spec", "submitterPodTemplate")
    if submitter:
        yield "submitter", {**shared, "parallelism": 1, "template": _template(submitter)}


def _bounds(body: Mapping[str, Any]) -> dict[str, Any]:
    """What ends it, as a Job says it: KubeRay gives each try the whole of the deadline."""
    spec = entries(body, "spec")
    bounds: dict[str, Any] = {}
    if present(spec, "backoffLimit"):
        bounds["backoffLimit"] = get(spec, "backoffLimit")
    if present(spec, "activeDeadlineSeconds"):
        tries = 1 + number(spec, "backoffLimit")
        bounds["activeDeadlineSeconds"] = int(number(spec, "activeDeadlineSeconds") * tries)
    return bounds


def _template(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """With a Job's restart policy: KubeRay takes any, and minds its pods itself."""
    return {**template, "spec": {**entries(template, "spec"), "restartPolicy": "Never"}}
