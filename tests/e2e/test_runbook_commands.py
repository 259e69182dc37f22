"""What runbooks tell somebody to type is what the programs take, about things that are there.

kubectl itself judges its verbs and flags, with no cluster to reach. Kinds and labels are held to
what the components make; those that third parties make stand here with their makers.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from e2e.runbooks import PAGES, SHELL, Command, commands, fences, unread
from stanchion.monitoring import ALERTMANAGER_PODS, PROMETHEUS_PODS
from stanchion.operators.plans import PLANS
from stanchion_cli import commands as cli_commands
from stanchion_cli.cluster import packages, toolchain
from stanchion_cli.cluster.toolchain import KUBERNETES
from typer.testing import CliRunner
from unit.components.programs import llm_gateway, platform
from unit.components.test_batch_inference import batch
from unit.components.test_drift_monitor import monitor
from unit.components.test_feature_store import features
from unit.components.test_llm_service import llm
from unit.components.test_model_rest import resting
from unit.components.test_monitoring_stack import stack
from unit.components.test_operators import AWS, operators
from unit.components.test_retraining_trigger import trigger
from unit.components.test_tracking_backup import backup
from unit.components.test_training_job import training
from unit.components.world import World

COMMANDS = list(commands())
OF_KUBECTL = [command for command in COMMANDS if command.program == "kubectl"]
# Made by Kubernetes and by controllers of what the components declare.
MADE_BY_OTHERS = {
    "Alertmanager": "kube-prometheus-stack",
    "Endpoints": "Kubernetes, of Services",
    "Event": "Kubernetes",
    "EndpointSlice": "Kubernetes, of Services",
    "HorizontalPodAutoscaler": "KEDA, of ScaledObjects",
    "Job": "Kubernetes, of CronJobs",
    "Node": "the cloud",
    "NodeClaim": "Karpenter, of NodePools",
    "PersistentVolumeClaim": "Kubernetes, of StatefulSets",
    "Pod": "Kubernetes, of workloads",
    "Prometheus": "kube-prometheus-stack",
    "ReplicaSet": "Kubernetes, of Deployments",
    "Secret": "External Secrets",
    "StatefulSet": "Prometheus Operator",
}
LABELS_OF_OTHERS: list[Mapping[str, str]] = [
    PROMETHEUS_PODS,
    ALERTMANAGER_PODS,
    # Kubernetes' own, on EndpointSlices.
    {"kubernetes.io/service-name": "wine"},
    # CoreDNS, in every cluster.
    {"k8s-app": "kube-dns"},
    # assets/state-dcgm-exporter/0900_daemonset.yaml of the GPU operator.
    {"app": "nvidia-dcgm-exporter"},
    # cloud.google.com/kubernetes-engine/docs/how-to/dcgm-metrics.
    {"app.kubernetes.io/name": "gke-managed-dcgm-exporter"},
    # charts.jetstack.io, external-secrets.io, kedacore/charts and argo-helm name theirs so.
    *({"app.kubernetes.io/name": str(operator)} for operator in PLANS),
]
NAMESPACES = {
    *("demo", "tracking", "kube-system", "gke-managed-system"),
    *(plan.namespace for plan in PLANS.values()),
}
SHORT = {"pvc": "persistentvolumeclaims", "quota": "resourcequotas"}
PLACEHOLDERS = {"wine", "wine-1", "wine-0", "wine-training", "node"}


@cache
def worlds() -> tuple[World, ...]:
    """What the components make, each kind of service among it."""
    return (
        platform(),
        resting(),
        llm(),
        llm_gateway(monitoring=True),
        batch(),
        training(),
        training(nodes=2),
        backup(),
        trigger(),
        monitor(),
        features(),
        stack(gpu_metrics="gke"),
        operators(AWS),
    )


def carried() -> Iterator[Mapping[str, str]]:
    """Labels of every object and of every pod that one stands for."""

    def within(value: Any) -> Iterator[Mapping[str, str]]:
        if isinstance(value, Mapping):
            metadata = value.get("metadata")
            if isinstance(metadata, Mapping) and isinstance(metadata.get("labels"), Mapping):
                yield metadata["labels"]
            for part in value.values():
                yield from within(part)
        elif isinstance(value, list):
            for part in value:
                yield from within(part)

    for world in worlds():
        for item in world.objects.values():
            yield from within(item)


def kinds() -> dict[str, str]:
    """Kinds by every name that kubectl takes for them."""
    known = {kind for world in worlds() for kind, _ in world.objects} | set(MADE_BY_OTHERS)
    names: dict[str, str] = {}
    for kind in known:
        one = kind.lower()
        many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}{'es' if one[-1] in 's' else 's'}"
        names |= {one: kind, many: kind}
    return names


def shown(command: Command) -> str:
    return f"{command.page}: {command.text[:60]}"


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """kubectl of the bundled node's version."""
    packages.ensure_packages()
    toolchain.build_missing([KUBERNETES])
    return KUBERNETES.path("kubectl")


def test_kubectl_knows_every_verb_and_flag(kubectl: Path, tmp_path: Path) -> None:
    """A cluster that nobody can reach: what is left to fail is the reaching."""
    assert len(OF_KUBECTL) > 40
    nowhere = tmp_path / "nowhere"
    nowhere.write_text("")
    refused = []
    for command in OF_KUBECTL:
        call = [str(kubectl), f"--kubeconfig={nowhere}", "--server=http://127.0.0.1:1"]
        done = subprocess.run(
            [*call, *command.words[1:], "--request-timeout=2s"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        told = done.stderr
        reached = "127.0.0.1:1" in told
        if not reached:
            refused.append(f"{command.page}: {command.text}: {told.strip()[-200:]}")
    assert refused == []


def test_a_flag_that_kubectl_has_not_is_noticed(kubectl: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.write_text("")
    done = subprocess.run(
        [kubectl, f"--kubeconfig={nowhere}", "--server=http://127.0.0.1:1", "get", "pods", "--wid"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "127.0.0.1:1" not in done.stderr


@pytest.mark.parametrize("command", OF_KUBECTL, ids=shown)
def test_kubectl_is_asked_for_kinds_that_are_there(command: Command) -> None:
    known = kinds()
    for kind in command.kubectl.kinds:
        name = kind.split(".")[0].lower()
        assert SHORT.get(name, name) in known, f"{kind} is made by nobody"


@pytest.mark.parametrize("command", OF_KUBECTL, ids=shown)
def test_kubectl_looks_where_something_is(command: Command) -> None:
    assert command.kubectl.namespace in {"", *NAMESPACES}


@pytest.mark.parametrize("command", [each for each in OF_KUBECTL if each.kubectl.labels], ids=shown)
def test_labels_are_those_that_objects_carry(command: Command) -> None:
    wanted = command.kubectl.labels
    # A service's or a training's own name is anybody's.
    free = {key for key, value in wanted.items() if value in PLACEHOLDERS}

    def fits(labels: Mapping[str, str]) -> bool:
        return all(key in labels and (key in free or labels[key] == wanted[key]) for key in wanted)

    assert any(fits(labels) for labels in (*carried(), *LABELS_OF_OTHERS)), command.text


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each.program == "stanchion"], ids=shown
)
def test_stanchion_takes_its_commands_options(command: Command) -> None:
    app = typer.Typer()
    cli_commands.register(app)
    options = [word.split("=")[0] for word in command.words[1:] if word.startswith("--")]
    path = []
    for word in command.words[1:]:
        if word.startswith("-") or not word.islower():
            break
        path.append(word)
    runner = CliRunner(env={"COLUMNS": "300", "NO_COLOR": "1"})
    for depth in range(min(2, len(path)), 0, -1):
        told = runner.invoke(app, [*path[:depth], "--help"])
        if told.exit_code == 0:
            assert all(option in told.output for option in options), told.output
            return
    pytest.fail(f"no such command: {command.text}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_whatever_a_page_lets_somebody_type_is_read(page: Path) -> None:
    found = fences(page.read_text("utf-8"))
    assert page.read_text("utf-8").count("```") == 2 * len(found)
    assert {language for language, _ in found} <= {SHELL, "promql"}
    assert [unread(block) for language, block in found if language == SHELL and unread(block)] == []


def test_what_would_escape_is_noticed() -> None:
    fenced = "1. Look:\n\n   ```bash\n   kubectl get pods\n   ```\n"
    assert fences(fenced) == [("bash", "   kubectl get pods\n")]
    assert unread("$ kubectl get pods \\\n    -o wide\n") == ""
    assert unread("$ kubectl get pods\nkubectl get jobs\n") == "kubectl get jobs"


def test_every_page_but_the_first_has_something_to_look_at() -> None:
    queried = {page.stem for page in PAGES if "```promql" in page.read_text("utf-8")}
    assert {page.stem for page in PAGES} <= {each.page for each in COMMANDS} | queried
