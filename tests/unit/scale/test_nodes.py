"""Simulated nodes are those that a NodePool would be given, no more and no better."""

from __future__ import annotations

from typing import Any

import pytest
from stanchion_cli.render import KubernetesObject

from benchmarks.scale.nodes import GPU, simulated


def pool(limits: dict[str, str], machines: list[str], **labels: str) -> list[KubernetesObject]:
    requirements = {
        "node.kubernetes.io/instance-type": machines,
        "karpenter.sh/capacity-type": ["spot", "on-demand"],
        "topology.kubernetes.io/zone": ["us-east-1a", "us-east-1b"],
    }
    node_class = {
        "kind": "EC2NodeClass",
        "metadata": {"name": "class"},
        "spec": {"blockDeviceMappings": [{"ebs": {"volumeSize": "200Gi"}}]},
    }
    made = {
        "kind": "NodePool",
        "metadata": {"name": "fast"},
        "spec": {
            "limits": limits,
            "template": {
                "metadata": {"labels": {"stanchion.dev/pool": "fast", **labels}},
                "spec": {
                    "nodeClassRef": {"name": "class"},
                    "taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}],
                    "requirements": [
                        {"key": key, "operator": "In", "values": values}
                        for key, values in requirements.items()
                    ],
                },
            },
        },
    }
    return [KubernetesObject("urn:class", node_class), KubernetesObject("urn:pool", made)]


def allocatable(node: dict[str, Any]) -> dict[str, str]:
    amounts: dict[str, str] = node["status"]["allocatable"]
    return amounts


def test_there_are_as_many_as_the_limit_of_gpus_allows() -> None:
    nodes = simulated(pool({GPU: "12"}, ["g6.12xlarge"]))
    assert [allocatable(node)[GPU] for node in nodes] == ["4", "4", "4"]


def test_there_are_as_many_as_the_limit_of_cores_allows() -> None:
    nodes = simulated(pool({"cpu": "16"}, ["m7i.2xlarge"]))
    assert len(nodes) == 2
    assert all(GPU not in allocatable(node) for node in nodes)


def test_each_machine_is_in_each_zone() -> None:
    nodes = simulated(pool({GPU: "4"}, ["g6.xlarge", "g6.2xlarge"]))
    found = {
        (labels["node.kubernetes.io/instance-type"], labels["topology.kubernetes.io/zone"])
        for labels in (node["metadata"]["labels"] for node in nodes)
    }
    assert len(found) == 4


def test_labels_and_taints_are_those_of_the_pool() -> None:
    (node,) = simulated(pool({GPU: "1"}, ["g6.xlarge"]))
    assert node["metadata"]["labels"]["stanchion.dev/pool"] == "fast"
    assert node["spec"]["taints"] == [{"key": GPU, "value": "present", "effect": "NoSchedule"}]


@pytest.mark.parametrize(
    ("label", "value", "devices"),
    [
        ("nvidia.com/mig.config", "all-1g.5gb", "56"),
        ("nvidia.com/device-plugin.config", "time-slices-4", "32"),
    ],
)
def test_shared_gpus_are_as_many_devices_as_the_operator_makes(
    label: str, value: str, devices: str
) -> None:
    (node,) = simulated(pool({GPU: "8"}, ["p4d.24xlarge"], **{label: value}))
    assert allocatable(node)[GPU] == devices


def test_a_node_has_less_than_its_machine() -> None:
    (node,) = simulated(pool({GPU: "1"}, ["g6.xlarge"]))
    assert allocatable(node)["cpu"] == "3920m"
    assert int(allocatable(node)["memory"].removesuffix("Mi")) < 16 * 1024
