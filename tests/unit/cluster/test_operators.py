"""Third-party controllers of the bundled node: pinned, whole, and brought or taken as told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from stanchion_cli.cluster import operators
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.cluster.operator_list import ARGO_ROLLOUTS, OPERATORS, BundledOperator


class Recorder:
    """Stands for a cluster: keeps what kubectl was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def kubectl(self, *arguments: str, stdin: str) -> None:
        self.told.append((arguments[0], stdin))


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(BundledOperator, "brought", lambda _: "kind: ClusterRole\n")
    monkeypatch.setattr(operators, "_kinds", lambda _: "kind: CustomResourceDefinition\n")
    return Layout("local", tmp_path)


def objects(operator: BundledOperator) -> list[Mapping[str, Any]]:
    return [*yaml.safe_load_all(operator.objects())]


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda each: each.name)
def test_every_module_is_pinned_and_checksummed(operator: BundledOperator) -> None:
    for tool in operator.tools:
        assert re.fullmatch(r"v\d+\.\d+\.\d+", tool.version)
        assert (tool.folder / "go.sum").exists()
    assert any("crd" in file for tool in operator.tools for file in tool.files)


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda each: each.name)
def test_what_runs_it_is_in_its_namespace_with_the_images_that_are_loaded(
    operator: BundledOperator,
) -> None:
    found = objects(operator)
    namespaces = {
        each["metadata"].get("namespace", operator.namespace)
        for each in found
        # The one role that every aggregated API server reads is Kubernetes' own.
        if each.get("roleRef", {}).get("name") != "extension-apiserver-authentication-reader"
    }
    assert namespaces == {operator.namespace}
    named = {
        f"deployments.apps/{each['metadata']['name']}"
        for each in found
        if each["kind"] == "Deployment"
    }
    named |= {
        f"statefulsets.apps/{each['kind'].lower()}-{each['metadata']['name']}"
        for each in found
        if each["kind"] in {"Alertmanager", "Prometheus"}
    }
    assert named == set(operator.workloads)
    assert all(image.reference in operator.objects() for image in operator.images())


def test_kinds_come_before_what_runs_them(layout: Layout) -> None:
    cluster: Any = Recorder()
    operators.bring(cluster, layout, [ARGO_ROLLOUTS])
    assert [verb for verb, _ in cluster.told] == ["apply", "wait", "apply"]
    assert "kind: Namespace" in cluster.told[0][1]
    assert "kind: Deployment" in cluster.told[2][1]
    assert operators.installed(layout) == [ARGO_ROLLOUTS]


def test_what_was_brought_as_it_is_now_is_not_brought_again(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Any = Recorder()
    operators.bring(cluster, layout, [ARGO_ROLLOUTS])
    operators.bring(cluster, layout, [ARGO_ROLLOUTS])
    assert len(cluster.told) == 3
    monkeypatch.setattr(BundledOperator, "brought", lambda _: "kind: ClusterRole # changed\n")
    operators.bring(cluster, layout, [ARGO_ROLLOUTS])
    assert len(cluster.told) == 6


def test_an_operator_that_is_no_longer_wanted_goes_with_its_kinds(layout: Layout) -> None:
    cluster: Any = Recorder()
    operators.bring(cluster, layout, [ARGO_ROLLOUTS])
    cluster.told.clear()
    assert operators.take_away(cluster, layout, []) == ["argo-rollouts"]
    assert [verb for verb, _ in cluster.told] == ["delete", "delete"]
    assert operators.installed(layout) == []


def test_an_unknown_operator_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ClusterError, match=r"has no operator istio.*argo-rollouts"):
        operators.named(["istio"])
