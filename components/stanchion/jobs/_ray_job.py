"""The RayJob of a `TrainingJob`: a head that runs the command, workers that do the work."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion import kuberay, network
from stanchion.jobs.ray_arguments import RayCluster

_CORE = k8s.core.v1
_LINGER_SECONDS = 60
"""How long pods stay once the training is over, so that the last of their logs is collected."""
_PORTS = {
    "gcs-server": 6379,
    "dashboard": kuberay.DASHBOARD_PORT,
    "metrics": kuberay.METRICS_PORT,
}
"""Of a head, by the names that KubeRay looks for."""
_SPOT = {
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
    "cloud.google.com/gke-spot": "true",
}
"""How nodes of each kind say that they may be taken back at any time."""
_VARIABLE = re.compile(r"(?<!\$)\$\((\w+)\)")
# Ray keeps what a command writes in a file of the head; this shows it to `kubectl logs` as well.
# The command takes the shell's place, so that Ray has its process and its exit status.
_IN_BOTH = 'exec "$@" > >(trap "" TERM; exec tee /proc/1/fd/1) 2>&1'


def entrypoint(command: Sequence[str], folder: str | None) -> str:
    """A command as Ray runs it, by a shell: words as they are, `$(NAME)` from the environment.

    Args:
        command: The command.
        folder: Where it starts; None: where Ray did.
    """
    words = " ".join(map(_quoted, command))
    there = f"cd {shlex.quote(folder)} && " if folder is not None else ""
    return f"{there}exec /bin/bash -c {shlex.quote(_IN_BOTH)} train {words}"


def _quoted(word: str) -> str:
    """A word that means to a shell what it means to Kubernetes in a container's command."""
    parts = _VARIABLE.split(word)
    quoted = [
        f'"${{{part}}}"' if at % 2 else shlex.quote(part.replace("$$", "$"))
        for at, part in enumerate(parts)
        if part or len(parts) == 1
    ]
    return "".join(quoted)


def head_ports() -> list[k8s.core.v1.ContainerPortArgs]:
    """The ports of a head that KubeRay puts into its Service."""
    return [
        _CORE.ContainerPortArgs(name=name, container_port=port) for name, port in _PORTS.items()
    ]


def not_on_spot() -> k8s.core.v1.AffinityArgs:
    """Nodes that are not taken back: with its head a cluster loses all that it was doing."""
    term = _CORE.NodeSelectorTermArgs(
        match_expressions=[
            _CORE.NodeSelectorRequirementArgs(key=label, operator="NotIn", values=[value])
            for label, value in _SPOT.items()
        ]
    )
    return _CORE.AffinityArgs(
        node_affinity=_CORE.NodeAffinityArgs(
            required_during_scheduling_ignored_during_execution=_CORE.NodeSelectorArgs(
                node_selector_terms=[term]
            )
        )
    )


def operator_walls(
    name: str,
    called: k8s.meta.v1.ObjectMetaArgs,
    selected: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> k8s.networking.v1.NetworkPolicy:
    """KubeRay's operator comes in to the head alone, where it hands in the command.

    Args:
        name: Resource name.
        called: Metadata of the policy.
        selected: Labels of all pods of the training.
        opts: Its options.
    """
    asks = network.ingress([network.peer(kuberay.NAMESPACE)], kuberay.DASHBOARD_PORT)
    return k8s.networking.v1.NetworkPolicy(
        name,
        metadata=called,
        spec=network.policy_spec({**selected, **kuberay.HEAD_PODS}, admit=[asks], allow=[]),
        opts=opts,
    )


def spec(
    ray: RayCluster,
    entrypoint: str,
    head: k8s.core.v1.PodTemplateSpecArgs,
    worker: k8s.core.v1.PodTemplateSpecArgs,
    *,
    retries: int,
    deadline_seconds: int,
    queued: bool,
) -> dict[str, Any]:
    """A cluster made for one command, and gone with it.

    Args:
        ray: The cluster.
        entrypoint: What the head runs, as `entrypoint` gives it.
        head: Its pod.
        worker: Each worker's.
        retries: How often a command that fails is begun again, in another cluster.
        deadline_seconds: Longest time of each try.
        queued: Whether Kueue starts it.
    """
    workers = ray["workers"]
    return {
        # The operator hands the command in itself: its other ways make pods that nobody hardens.
        "submissionMode": "HTTPMode",
        "entrypoint": entrypoint,
        "backoffLimit": retries,
        "activeDeadlineSeconds": deadline_seconds,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": _LINGER_SECONDS,
        **({"suspend": True} if queued else {}),
        "rayClusterSpec": {
            "rayVersion": ray["version"],
            "authOptions": {"mode": "token"},
            # Without cores of its own, Ray gives the head no work, and it stays alive.
            "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": head},
            "workerGroupSpecs": [
                {
                    "groupName": "worker",
                    "replicas": workers,
                    "minReplicas": workers,
                    "maxReplicas": workers,
                    "template": worker,
                }
            ],
        },
    }
