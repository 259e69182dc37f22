"""Objects that a team makes by hand, beside what the platform declares."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import yaml
from e2e.platform import Platform

Object = dict[str, Any]


def apply(platform: Platform, namespace: str, objects: Sequence[Object]) -> None:
    """Make them, or bring those that are there to this."""
    _with_file(platform, namespace, objects, "apply")


def delete(platform: Platform, namespace: str, objects: Sequence[Object]) -> None:
    """Take them away, without waiting until they are gone."""
    _with_file(platform, namespace, objects, "delete", "--wait=false", "--ignore-not-found")


def conditions(live: Object) -> set[str]:
    """The conditions that hold of an object, by type."""
    found = live["status"].get("conditions", [])
    return {each["type"] for each in found if each["status"] == "True"}


def secret(name: str, **values: str) -> Object:
    """A Secret with these keys."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }


def pod(
    name: str, image: str, command: Sequence[str], *, volume: Object, at: str, **container: Any
) -> Object:
    """A pod of one container, as the restricted level allows it.

    Args:
        name: Of the pod, its container and its label.
        image: That it runs.
        command: That it runs.
        volume: Its one volume, without a name.
        at: Where it is mounted.
        container: Further fields of the container.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "command": list(command),
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "20m"},
                        "limits": {"cpu": "1", "memory": "512Mi"},
                    },
                    "volumeMounts": [{"name": "files", "mountPath": at}],
                    **container,
                }
            ],
            "volumes": [{"name": "files", **volume}],
        },
    }


def _with_file(
    platform: Platform, namespace: str, objects: Sequence[Object], *command: str
) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all(objects, file)
        file.flush()
        platform.kubectl("-n", namespace, *command, "-f", file.name)
