"""Run one container to its end inside the cluster, and bring back what it printed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stanchion_cli.deploy import readiness
from stanchion_cli.deploy.api import Api, Manifest, Ref
from stanchion_cli.deploy.apply import delete
from stanchion_cli.errors import StanchionError

_POLL_SECONDS = 0.5
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


def run(api: Api, task: Task) -> str:
    """Run the task and return its output; its objects are gone afterwards, whatever happened.

    Raises:
        StanchionError: when it fails or does not end in time, with its last lines.
    """
    return run_manifests(api, _manifests(task), timeout_seconds=task.timeout_seconds)


def run_manifests(api: Api, manifests: Sequence[Manifest], *, timeout_seconds: int) -> str:
    """Run a Job, the last of `manifests`, with what it needs, and return its output.

    All of them are gone afterwards, whatever happened.

    Raises:
        StanchionError: when it fails or does not end in time, with its last lines.
    """
    refs = [Ref.of(manifest) for manifest in manifests]
    job = refs[-1]
    delete(api, refs)
    try:
        for manifest in manifests:
            api.apply(manifest)
        deadline = time.monotonic() + timeout_seconds
        while True:
            live = api.get(job)
            if live is not None and not readiness.pending(live):
                return _output(api, manifests[-1])
            failure = "" if live is None else readiness.failed(api, live)
            if failure or time.monotonic() > deadline:
                reason = failure or f"did not end within {timeout_seconds} s"
                found = "" if live is None else readiness.diagnosis(api, live)
                raise StanchionError(f"{reason}\n{found}", where=str(job))
            time.sleep(_POLL_SECONDS)
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
    raise StanchionError(f"printed no result, but:\n{printed[-2000:]}", where=where)


def _output(api: Api, manifest: Manifest) -> str:
    job = Ref.of(manifest)
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    selector = f"batch.kubernetes.io/job-name={job.name}"
    for pod in api.list("v1", "Pod", namespace=job.namespace, selector=selector):
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
            "activeDeadlineSeconds": task.timeout_seconds,
            "ttlSecondsAfterFinished": 3600,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    return [*manifests, policy, job]
