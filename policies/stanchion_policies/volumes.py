"""What of a pod's files outlives it."""

from __future__ import annotations

from stanchion_policies.kubernetes import Pod
from stanchion_policies.reading import items, present, text

LASTING = ("persistentVolumeClaim", "csi", "nfs")
"""Kinds of volumes that are still there when the pod and its node are gone."""


def persists(pod: Pod, path: str) -> bool:
    """Whether a path in the pod's containers lies on a volume that outlives the pod."""
    volumes = {text(volume, "name"): volume for volume in items(pod.spec, "volumes")}
    return any(
        _lies_in(path, text(mount, "mountPath"))
        and any(present(volumes.get(text(mount, "name"), {}), kind) for kind in LASTING)
        for container in pod.main
        for mount in items(container.body, "volumeMounts")
    )


def _lies_in(path: str, folder: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")
