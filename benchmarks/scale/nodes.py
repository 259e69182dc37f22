"""Simulated nodes, made of what the program declares of its pools and of nothing else.

A pool whose workloads do not fit the nodes that it would be given shows as pods without a node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from stanchion.catalog.machines import Machine, accelerator, machine
from stanchion_cli.render import KubernetesObject

from benchmarks.scale.kwok import SIMULATED

POOL: Final = "stanchion.dev/simulated-pool"
"""Annotation with the NodePool that a node was made of. No pod can ask for it."""
GPU: Final = "nvidia.com/gpu"
_ZONE: Final = "topology.kubernetes.io/zone"
_MACHINE: Final = "node.kubernetes.io/instance-type"
_PODS: Final = 110
_VM_SHARE: Final = 0.075
"""Memory that a machine lacks of what is sold, as Karpenter assumes by default."""
_KUBELET_MEBIBYTES: Final = 255 + 11 * _PODS + 100
"""What EKS keeps for the kubelet, by the most pods of a node, and for evictions."""


def simulated(objects: Sequence[KubernetesObject]) -> list[dict[str, Any]]:
    """Every node that the NodePools among the objects may have at their largest.

    Machines, zones and kinds of capacity take turns, so that each that a pool allows is there.
    """
    classes = {item.name: item.manifest for item in objects if item.kind == "EC2NodeClass"}
    pools = (item.manifest for item in objects if item.kind == "NodePool")
    return [
        node
        for pool in pools
        for node in _nodes(pool, classes[pool["spec"]["template"]["spec"]["nodeClassRef"]["name"]])
    ]


def _nodes(pool: Mapping[str, Any], node_class: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    template, name = pool["spec"]["template"], pool["metadata"]["name"]
    choices = {each["key"]: each["values"] for each in template["spec"]["requirements"]}
    machines = [machine("aws", each) for each in choices[_MACHINE]]
    labels = template["metadata"]["labels"]
    for index in range(_most(pool["spec"]["limits"], machines)):
        # Beside the machines, not with them: else some machine would be in one zone alone.
        turns = {
            key: values[index // len(machines) % len(values)] for key, values in choices.items()
        }
        chosen = machines[index % len(machines)]
        called = f"{name}-{index:04}"
        amounts = _amounts(chosen, labels, node_class)
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": called,
                "annotations": {POOL: name},
                "labels": {
                    **labels,
                    **turns,
                    _MACHINE: chosen.name,
                    "kubernetes.io/hostname": called,
                    "kubernetes.io/os": "linux",
                    "topology.kubernetes.io/region": turns[_ZONE][:-1],
                    SIMULATED: "true",
                },
            },
            "spec": {"taints": template["spec"].get("taints", [])},
            "status": {"capacity": amounts, "allocatable": amounts},
        }


def _most(limits: Mapping[str, str], machines: Sequence[Machine]) -> int:
    """How many nodes a NodePool may have."""
    if GPU in limits:
        return int(limits[GPU]) // machines[0].gpus
    return int(limits["cpu"]) // max(each.vcpus for each in machines)


def _amounts(
    each: Machine, labels: Mapping[str, str], node_class: Mapping[str, Any]
) -> dict[str, str]:
    """What pods can have of a machine."""
    spec = node_class["spec"]
    disk = spec["blockDeviceMappings"][0]["ebs"]["volumeSize"]
    memory = int(each.memory * 1024 * (1 - _VM_SHARE)) - _KUBELET_MEBIBYTES
    amounts = {
        "cpu": f"{each.vcpus * 1000 - _kubelet_millicores(each.vcpus)}m",
        "memory": f"{memory}Mi",
        "ephemeral-storage": f"{each.nvme}G" if "instanceStorePolicy" in spec else disk,
        "pods": str(_PODS),
    }
    if each.gpus:
        amounts[GPU] = str(each.gpus * _slices(each, labels))
    return amounts


def _kubelet_millicores(vcpus: int) -> int:
    """What EKS keeps for the kubelet: 6 % of the first core, 1 %, 0.5 % twice, then 0.25 %."""
    shares = [60.0, 10.0, 5.0, 5.0, *[2.5] * max(0, vcpus - 4)]
    return round(sum(shares[:vcpus]))


def _slices(each: Machine, labels: Mapping[str, str]) -> int:
    """Devices that the GPU operator makes of one GPU, by the labels that it reads."""
    if config := labels.get("nvidia.com/mig.config"):
        return accelerator(each.accelerator or "").mig[config.removeprefix("all-")]
    shared = re.fullmatch(r"time-slices-(\d+)", labels.get("nvidia.com/device-plugin.config", ""))
    return int(shared[1]) if shared else 1
