"""Runbooks' commands that only read, typed at the real platform.

Named to come late: it needs the platform that the chapters before it brought up.
"""

from __future__ import annotations

import pytest
from e2e.platform import Platform
from e2e.runbooks import Command, commands
from stanchion_cli import cluster

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]

READING = {"get", "describe", "top", "logs"}
NOT_HERE = {
    "gke-managed-system": "GKE alone",
    "nodeclaims": "Karpenter's",
    "scaledobject": "KEDA's, which the node has only where it is enabled",
    "externalsecret": "External Secrets', in a cloud",
    "nvidia-dcgm-exporter": "the GPU operator's",
    "vllm": "needs a GPU",
    "llm-gateway": "no such service by default",
    "alertmanagerconfig": "where somebody made one",
    "rollout": "Argo Rollouts', where enabled",
}
"""What a command names that one machine has not, and whose it is."""
ABSENT = ("NotFound", "not found", "No resources found")
"""Answers about a thing that is not there just now; the command was understood."""


def runnable() -> list[Command]:
    """Commands that read and name nothing that the node has not."""
    return [
        command
        for command in commands()
        if command.program == "kubectl"
        and command.kubectl.verb in READING
        and not any(absent in command.text for absent in NOT_HERE)
    ]


def test_what_only_reads_is_answered_by_the_node(platform: Platform) -> None:
    platform.enable(["kube-prometheus-stack"])
    platform.stanchion("up", "local", "--sample")
    asked, node = runnable(), cluster.find(platform.cluster)
    assert node is not None
    assert len(asked) > 20
    refused = []
    for command in asked:
        done = node.kubectl(*command.words[1:], "--request-timeout=20s", check=False)
        told = done.stderr.strip()
        print(f"$ {command.text}\n{done.stdout[:500]}{told}")
        if done.returncode and not any(word in told for word in ABSENT):
            refused.append(f"{command.page}: {command.text}: {told[-200:]}")
    assert refused == []
