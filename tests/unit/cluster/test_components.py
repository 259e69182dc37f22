"""What the node is started with: everything inside its folder, nothing left to chance."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from stanchion_cli.cluster import addons, certificates, components, configuration, toolchain
from stanchion_cli.cluster.health import COMPONENTS
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.ranges import Ranges

PLAN = Ranges(5)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    for module in (components, configuration):
        monkeypatch.setattr(module, "program", lambda name: Path("/usr/bin") / name)
    made = Layout("local", tmp_path)
    certificates.ensure(made, PLAN)
    configuration.write_kubeconfigs(made, PLAN)
    configuration.write_configuration(made, PLAN, "stanchion.local/node:1")
    return made


def test_status_looks_at_exactly_the_components_that_are_started(layout: Layout) -> None:
    assert [part.name for part in components.components(layout, PLAN)] == list(COMPONENTS)


def test_every_file_that_a_component_is_pointed_at_exists(layout: Layout) -> None:
    made_by_themselves = {"etcd", "kubelet", "data-dir", "root-dir"}
    for part in components.components(layout, PLAN):
        for argument in part.args[1:]:
            path = Path(argument.rpartition("=")[2])
            if path.is_relative_to(layout.root) and path.name not in made_by_themselves:
                assert path.exists(), f"{part.name} {argument}"


def test_a_changed_file_means_a_new_start_of_those_that_read_it_and_of_no_other(
    layout: Layout,
) -> None:
    def revisions() -> dict[str, str]:
        return {p.name: p.listed()["revision"] for p in components.components(layout, PLAN)}

    before = revisions()
    (layout.configuration / "kubelet.yaml").write_text("changed")
    changed = {name for name, revision in revisions().items() if before[name] != revision}
    assert changed == {"kubelet"}


def test_the_same_cluster_is_listed_the_same_twice(layout: Layout) -> None:
    def listed() -> list[object]:
        return [part.listed() for part in components.components(layout, PLAN)]

    before = listed()
    configuration.write_kubeconfigs(layout, PLAN)
    configuration.write_configuration(layout, PLAN, "stanchion.local/node:1")
    assert listed() == before


def test_containerd_keeps_to_the_clusters_folder(layout: Layout) -> None:
    config = tomllib.loads((layout.configuration / "containerd.toml").read_text())
    assert Path(config["root"]).is_relative_to(layout.root)
    assert Path(config["grpc"]["address"]).is_relative_to(layout.root)
    opt = config["plugins"]["io.containerd.internal.v1.opt"]["path"]
    assert Path(opt).is_relative_to(layout.root)
    # Private to the node's mount namespace, like all of /run there.
    assert config["state"] == "/run/containerd"


def test_a_folder_with_quotes_in_its_name_is_still_one_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration, "program", lambda name: Path("/usr/bin") / name)
    odd = Layout("local", tmp_path / 'a "b" \\c')
    config = tomllib.loads(configuration.containerd_toml(odd, "image"))
    assert config["root"] == str(odd.root / "containerd")


def test_nobody_speaks_to_the_api_server_or_kubelet_without_a_certificate(layout: Layout) -> None:
    arguments = {part.name: part.args for part in components.components(layout, PLAN)}
    assert "--anonymous-auth=false" in arguments["kube-apiserver"]
    assert "--authorization-mode=Node,RBAC" in arguments["kube-apiserver"]
    assert "--client-cert-auth=true" in arguments["etcd"]
    kubelet = configuration.kubelet_configuration(layout, PLAN)
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}


def test_pods_get_addresses_of_the_plan_and_are_not_masqueraded() -> None:
    (plugin,) = configuration.cni_list(PLAN)["plugins"]
    assert plugin["ipMasq"] is False
    assert plugin["ipam"]["ranges"] == [[{"subnet": str(PLAN.pods)}]]


def test_requests_from_the_machine_reach_pods_under_its_own_address(layout: Layout) -> None:
    # kube-proxy masquerades what comes from outside these ranges, and nothing where none is stated.
    proxy = configuration.proxy_configuration(layout, PLAN)
    assert "clusterCIDR" not in proxy
    assert "detectLocalMode" not in proxy


def test_manifests_name_only_images_that_the_node_is_given(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {addons.node_image().reference}
    given |= {image.reference for image in addons.controller_images().values()}
    objects = list(yaml.safe_load_all(addons.manifests(layout, PLAN)))
    pods = [item["spec"]["template"]["spec"] for item in objects if item["kind"] == "Deployment"]
    config = next(i for i in objects if i["kind"] == "ConfigMap" and "helperPod.yaml" in i["data"])
    pods.append(yaml.safe_load(config["data"]["helperPod.yaml"])["spec"])
    containers = [container for pod in pods for container in pod["containers"]]
    assert {container["image"] for container in containers} <= given
    # Nothing can be pulled: any other policy would leave the pod waiting.
    assert {container["imagePullPolicy"] for container in containers} == {"IfNotPresent"}
    assert {i["metadata"]["name"] for i in objects if i["kind"] == "Deployment"} == set(
        addons.DEPLOYMENTS
    )


def test_the_manifests_certificate_is_trusted_by_the_aggregated_api(layout: Layout) -> None:
    objects = list(yaml.safe_load_all(addons.manifests(layout, PLAN)))
    api = next(item for item in objects if item["kind"] == "APIService")
    assert "insecureSkipTLSVerify" not in api["spec"]
    assert api["spec"]["caBundle"]


def test_a_changed_node_program_changes_the_tag_of_its_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = addons.node_image().reference
    monkeypatch.setattr(addons, "NODE", replace(toolchain.NODE, modules=tmp_path))
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "main.go").write_text("package main")
    assert addons.node_image().reference != before
