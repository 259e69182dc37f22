"""What a pod shares with the node it runs on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.kubernetes import WORKLOADS, KubernetesObject
from stanchion_policies.reading import get, items, number, present, text
from stanchion_policies.rules import BASELINE, RESTRICTED, Settings, Severity, cis, object_policy

SOCKETS = (
    "/run/docker.sock",
    "/run/docker/",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
    "/run/dockershim.sock",
    "/run/podman/podman.sock",
    "/run/frakti.sock",
)
"""Sockets of container runtimes, and a folder of them; /var/run is the same place as /run."""
SOCKET_NAMES = tuple(f"/{path.rpartition('/')[2]}" for path in SOCKETS if path.endswith(".sock"))
VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"}
    | {"projected", "secret"}
)
"""Volume types that leave the node alone."""


def _shared(item: KubernetesObject, field: str) -> Iterator[str]:
    if item.pod is not None and get(item.pod.spec, field):
        yield f"the pod sets {field}; remove it"


@object_policy(
    "pod-no-host-network",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove hostNetwork; reach the pod through a Service.",
    tags=[BASELINE],
    framework=cis("5.2.5"),
)
def no_host_network(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod has a network of its own, where network policies hold."""
    yield from _shared(item, "hostNetwork")


@object_policy(
    "pod-no-host-pid",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove hostPID: every process of the node is visible, with its environment.",
    tags=[BASELINE],
    framework=cis("5.2.3"),
)
def no_host_pid(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod does not see the processes of its node."""
    yield from _shared(item, "hostPID")


@object_policy(
    "pod-no-host-ipc",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove hostIPC: it opens the shared memory of the node's processes.",
    tags=[BASELINE],
    framework=cis("5.2.4"),
)
def no_host_ipc(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod does not share memory with the processes of its node."""
    yield from _shared(item, "hostIPC")


@object_policy(
    "pod-no-host-port",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove hostPort; reach the pod through a Service.",
    tags=[BASELINE],
    framework=cis("5.2.13"),
)
def no_host_port(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod takes no port of its node."""
    for container in item.containers():
        for port in items(container.body, "ports"):
            if taken := number(port, "hostPort"):
                yield f"{container.title} has hostPort {taken:g}, which is the node's; remove it"


def _host_paths(item: KubernetesObject) -> Iterator[tuple[str, str]]:
    """Name and path of each volume that is a path of the node."""
    for volume in items(item.pod.spec, "volumes") if item.pod else ():
        if present(volume, "hostPath"):
            path = text(volume, "hostPath", "path", default="a path of the node")
            yield str(get(volume, "name", default="?")), path


@object_policy(
    "pod-no-host-path",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Use an emptyDir, a persistentVolumeClaim or a configMap instead of the node's files.",
    tags=[BASELINE],
    framework=cis("5.2.12"),
)
def no_host_path(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod mounts nothing of its node's file system."""
    for name, path in _host_paths(item):
        yield f"volume {name!r} mounts hostPath {path} of the node; use another kind"


@object_policy(
    "pod-no-runtime-socket",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Remove the volume: who may talk to the container runtime is root on the node.",
    tags=[BASELINE],
    framework=cis("5.2.12"),
)
def no_runtime_socket(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A pod does not mount the socket of the container runtime, nor a folder that holds it."""
    for name, path in _host_paths(item):
        if _reaches_socket(path.rstrip("/")):
            yield f"volume {name!r} mounts {path}, where the container runtime's socket is"


def _reaches_socket(path: str) -> bool:
    """Whether a path is a runtime's socket, wherever it is, or a folder that holds one."""
    place = f"{path.removeprefix('/var')}/" if path.startswith("/var/run") else f"{path}/"
    return path.endswith(SOCKET_NAMES) or any(f"{each}/".startswith(place) for each in SOCKETS)


@object_policy(
    "pod-volume-types",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Use a persistentVolumeClaim whose StorageClass names the driver.",
    tags=[RESTRICTED],
)
def volume_types(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Volumes are of the types that leave storage to the cluster."""
    for volume in items(item.pod.spec, "volumes") if item.pod else ():
        for kind in _kinds(volume):
            if kind not in VOLUMES:
                name = get(volume, "name", default="?")
                yield f"volume {name!r} is of the type {kind}; use a persistentVolumeClaim"


def _kinds(volume: Any) -> list[str]:
    """What a volume is: the one field beside its name."""
    named = isinstance(volume, Mapping)
    return [kind for kind in volume if kind != "name" and present(volume, kind)] if named else []


@object_policy(
    "pod-probes-itself",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Leave host out of probes and lifecycle hooks: the kubelet then asks the pod itself.",
    tags=[BASELINE],
)
def probes_itself(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """Probes and lifecycle hooks go to the pod, not from the node to any other host."""
    hooks = [("lifecycle", "postStart"), ("lifecycle", "preStop")]
    probes = [("livenessProbe",), ("readinessProbe",), ("startupProbe",)]
    for container in item.containers():
        for path in (*probes, *hooks):
            for way in ("httpGet", "tcpSocket"):
                if text(container.body, *path, way, "host"):
                    yield f"{container.title} {path[-1]}.{way}.host is set; leave it out"
