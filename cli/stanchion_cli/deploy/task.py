"""Run one container to its end inside the cluster, and bring back what it printed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stanchion_cli.deploy import readiness
from stanchion_cli.deploy.api import Api, Manifest, Ref
from stanchion_cli.deploy.apply import HOPELESS_SECONDS, delete
from stanchion_cli.deploy.patience import patiently
from stanchion_cli.deploy.readiness import Live, conditions, container_statuses
from stanchion_cli.errors import StanchionError

_POLL_SECONDS = 0.5
_ITS_OWN_END = frozenset({"Error", "OOMKilled"})
"""Why a container ended, where that was by what it did: an exit status of its own, its memory."""
_STAYS = {
    "karpenter.sh/do-not-disrupt": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}
_DNS = {
    "to": [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
    ],
    "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
}


@dataclass(frozen=True)
class Task:
    """A container that runs once, beside MLflow and with its network reach.

    `secrets` and `files` are mounted read-only: mount path to Secret name, and mount path to
    file name and content.
    """

    name: str
    namespace: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    memory: str = "1Gi"
    timeout_seconds: int = 600
    """How long it may run; until it runs, which takes a node and its image, it may be as long."""


class EndedError(StanchionError):
    """A task ended badly by what its container did: its exit status, its memory, disk or time.

    Whatever befell it from outside, as an eviction, an image that is not pulled or an API server
    that does not answer, is another `StanchionError`: it says nothing of the container.
    """


def run(api: Api, task: Task) -> str:
    """Run the task and return its output; its objects are gone afterwards, whatever happened.

    Raises:
        EndedError: when its container fails or does not end in time, with its last lines.
        StanchionError: when it could not run to its end for another reason.
    """
    return run_manifests(api, _manifests(task), timeout_seconds=task.timeout_seconds)


def run_manifests(api: Api, manifests: Sequence[Manifest], *, timeout_seconds: int) -> str:
    """Run a Job, the last of `manifests`, with what it needs, and return its output.

    All of them are gone afterwards, whatever happened.

    Args:
        api: The cluster.
        manifests: What to apply, in this order.
        timeout_seconds: How long the container may run, and as long again until it runs.

    Raises:
        EndedError: when its container fails or does not end in time, with its last lines.
        StanchionError: when it could not run to its end for another reason.
    """
    refs = [Ref.of(manifest) for manifest in manifests]
    job = refs[-1]
    delete(api, refs)
    try:
        for manifest in manifests:
            api.apply(manifest)
        _wait(api, job, timeout_seconds)
        return _output(api, manifests[-1])
    finally:
        delete(api, refs)


def result(printed: str, where: str) -> dict[str, Any]:
    """The last JSON object that a task printed on a line of its own.

    Raises:
        StanchionError: when it printed none.
    """
    for line in reversed(printed.splitlines()):
        if line.startswith("{"):
            try:
                return dict(json.loads(line))
            except ValueError:
                continue
    raise StanchionError(
        f"printed no result, but:\n{printed[-2000:]}",
        where=where,
        fix="run the same command again",
    )


def _wait(api: Api, job: Ref, seconds: int) -> None:
    """Until the Job is complete; see `run_manifests`."""

    def look() -> tuple[Live | None, list[Live], str]:
        live = api.get(job)
        return live, _pods(api, job), "" if live is None else readiness.failed(api, live)

    hoped_at = time.monotonic()
    limit, runs, taken = hoped_at + seconds, False, ""
    while True:
        live, pods, failure = patiently(look)
        if live is None:
            raise StanchionError(
                "does not exist any more", where=str(job), fix="run the same command again"
            )
        if not readiness.pending(live):
            return
        now = time.monotonic()
        if not runs and any(_runs(pod) for pod in pods):
            runs, limit = True, now + seconds
        taken = next(filter(None, map(_taken, pods)), taken)  # it may be gone by the next look
        if not failure:
            hoped_at = now
        over = any(c["type"] == "Failed" and c["status"] == "True" for c in conditions(live))
        if over or now > min(limit, hoped_at + HOPELESS_SECONDS):
            itself = any(map(_failed_itself, pods)) if over else runs and now > limit
            error = EndedError if itself and not taken else StanchionError
            reason = failure or f"did not {'end' if runs else 'start'} within {seconds} s"
            if taken:
                reason += f", as its pod was taken from its node ({taken})"
            found = patiently(partial(readiness.diagnosis, api, live))
            raise error(
                "\n".join(filter(None, (reason, found))),
                where=str(job),
                fix=readiness.remedy(live),
            )
        time.sleep(_POLL_SECONDS)


def _pods(api: Api, job: Ref) -> list[Live]:
    selector = f"batch.kubernetes.io/job-name={job.name}"
    return list(api.list("v1", "Pod", namespace=job.namespace, selector=selector))


def _runs(pod: Live) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any("running" in (status.get("state") or {}) for status in statuses)


def _taken(pod: Live) -> str:
    """What took the pod from its node, as a drain or a lost node; empty: nothing did."""
    for condition in conditions(pod):
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return "it was deleted" if pod["metadata"].get("deletionTimestamp") else ""


def _failed_itself(pod: Live) -> bool:
    """Whether a pod that nothing took from its node failed by what its container did."""
    ended = [status.get("state", {}).get("terminated") or {} for status in container_statuses(pod)]
    # For the sake of its node it is evicted as a target of disruption: this is its own disk.
    evicted = (pod.get("status") or {}).get("reason") == "Evicted"
    return evicted or any(each.get("reason") in _ITS_OWN_END for each in ended)


def _output(api: Api, manifest: Manifest) -> str:
    job = Ref.of(manifest)
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    for pod in _pods(api, job):
        if pod["status"].get("phase") == "Succeeded":
            return api.logs(
                job.namespace,
                pod["metadata"]["name"],
                container["name"],
                lines=10_000,
                previous=False,
            )
    return ""


def _manifests(task: Task) -> list[dict[str, Any]]:
    labels = {"app.kubernetes.io/name": task.name, "app.kubernetes.io/managed-by": "stanchion"}
    metadata = {"name": task.name, "namespace": task.namespace, "labels": labels}
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}}]
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    for index, (path, secret) in enumerate(task.secrets.items()):
        volumes.append({"name": f"secret-{index}", "secret": {"secretName": secret}})
        mounts.append({"name": f"secret-{index}", "mountPath": path, "readOnly": True})
    manifests: list[dict[str, Any]] = []
    for index, (path, files) in enumerate(task.files.items()):
        name = f"{task.name}-{index}"
        manifests.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {**metadata, "name": name},
                "data": dict(files),
            }
        )
        volumes.append({"name": f"files-{index}", "configMap": {"name": name}})
        mounts.append({"name": f"files-{index}", "mountPath": path, "readOnly": True})
    container = {
        "name": "task",
        "image": task.image,
        "command": list(task.command),
        "env": [{"name": key, "value": value} for key, value in task.environment.items()],
        "volumeMounts": mounts,
        "resources": {
            "requests": {"cpu": "100m", "memory": task.memory, "ephemeral-storage": "2Gi"},
            "limits": {"cpu": "2", "memory": task.memory, "ephemeral-storage": "2Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": task.name}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {}}]}, _DNS],
        },
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 2 * task.timeout_seconds,  # should nobody wait any more
            "ttlSecondsAfterFinished": 3600,
            "template": {"metadata": {"labels": labels, "annotations": _STAYS}, "spec": pod},
        },
    }
    return [*manifests, policy, job]
