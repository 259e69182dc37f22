"""Rules of `Operators` on both clouds: charts, their values and their order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import stanchion
import yaml
from stanchion import labels
from stanchion.operators.lock import Crds, charts
from stanchion.operators.plans import PLANS, SYSTEM_NAMESPACE
from stanchion.operators.releases import located
from stanchion_cli.preview import typecheck
from unit.components.test_cluster import AWS as AWS_CLUSTER
from unit.components.test_cluster import GCP as GCP_CLUSTER
from unit.components.test_cluster import cluster, the
from unit.components.world import SECRET_MARK, Registered, World, deploy, generated

RELEASE = "kubernetes:helm.sh/v3:Release"
DOCS = Path(__file__).parents[3] / "docs/operators.md"
AWS: dict[str, Any] = {
    "location": AWS_CLUSTER["location"],
    "environment": "prod-aws",
    "owner": "platform",
    "cost_center": "cc-417",
    "cluster": {
        "name": "prod-aws",
        "version": "1.35",
        "endpoint": "https://eks.example.com",
        "certificate_authority": "Q0E=",
        "node_role": "arn:aws:iam::123456789012:role/prod-aws-nodes",
        "node_security_group_id": "sg-1",
        "identity_provider": "arn:aws:iam::123456789012:oidc-provider/oidc.example.com",
    },
}
GCP: dict[str, Any] = {
    **AWS,
    "location": GCP_CLUSTER["location"],
    "environment": "prod-gcp",
    "cluster": {
        **AWS["cluster"],
        "name": "prod-gcp",
        "node_security_group_id": "",
        "identity_provider": "acme-prod.svc.id.goog",
    },
}
EVERYTHING = [str(operator) for operator in stanchion.Operator]
METRICS: dict[str, Any] = {
    "retention_days": 90,
    "disk_gb": 200,
    "remote_write": [
        {"url": "https://metrics.example.com/write"},
        {
            "url": "https://metrics.example.com/basic",
            "login": "basic",
            "external_name": "prod-aws/metrics-writer",
        },
        {"url": "https://metrics.example.com/token", "login": "bearer", "secret_name": "writer"},
    ],
}
HIGH: dict[str, Any] = {"high_availability": True, "metrics": {**METRICS, "managed": {}}}
BOTH = pytest.mark.parametrize("base", [AWS, GCP], ids=["aws", "gcp"])
FILLED_IN: dict[str, dict[str, Any]] = {
    "aws:amp/workspace:Workspace": {
        "arn": "arn:aws:aps:eu-west-1:123456789012:workspace/ws-1",
        "prometheusEndpoint": "https://aps-workspaces.eu-west-1.example.com/workspaces/ws-1/",
    },
    "aws:kms/key:Key": {
        "arn": "arn:aws:kms:eu-west-1:123456789012:key/made",
        "keyId": "made",
    },
    "aws:iam/role:Role": {"arn": "arn:aws:iam::123456789012:role/made"},
    "aws:sqs/queue:Queue": {"arn": "arn:aws:sqs:eu-west-1:123456789012:prod-aws-karpenter"},
    "gcp:serviceaccount/account:Account": {
        "email": "secrets@acme-prod.iam.example.com",
        "name": "projects/acme-prod/serviceAccounts/secrets",
    },
}


def operators(base: Mapping[str, Any], *, preview: bool = False, **more: Any) -> World:
    """What the arguments make; nobody changes it, so that equal arguments share it."""
    return _made(json.dumps({**base, **more}), preview)


@cache
def _made(arguments: str, preview: bool) -> World:
    def program() -> dict[str, Any]:
        made = stanchion.Operators("operators", json.loads(arguments))
        return {
            "ready": made.ready,
            "installed": made.installed,
            "metrics": made.managed_metrics_url,
        }

    return deploy(program, preview=preview, computed=None if preview else FILLED_IN)


def releases(world: World) -> dict[str, Registered]:
    """Releases by the names of their charts in the lock file."""
    return {r.inputs["name"]: r for r in world.resources if r.type == RELEASE}


def values(world: World, chart: str) -> Any:
    return releases(world)[chart].inputs["values"]


def named(world: World, type_: str, name: str = "") -> Registered:
    """The one resource of a type whose name ends so."""
    (found,) = [r for r in world.resources if r.type.endswith(type_) and r.name.endswith(name)]
    return found


def problems(base: Mapping[str, Any], **more: Any) -> str:
    with pytest.raises(stanchion.ArgumentsError) as raised:
        operators(base, **more)
    return str(raised.value)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of the values: every key of a mapping, down to what is none."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif path:
        yield ".".join(path)


def every_set_of_values() -> dict[str, set[str]]:
    """All paths that some environment sets, by chart."""
    found: dict[str, set[str]] = {}
    for base in (AWS, GCP):
        for more in ({}, {**HIGH, "gateway_weights": True}):
            enabled: dict[str, Any] = {"enabled": EVERYTHING} if base is AWS else {}
            world = operators(base, **more, **enabled)
            for name, release in releases(world).items():
                found.setdefault(name, set()).update(leaves(release.inputs.get("values") or {}))
    return found


def documented() -> dict[str, set[str]]:
    """Paths by chart, as the page lists what was looked up in the charts."""
    listed = DOCS.read_text(encoding="utf-8").split("## Values that we set")[1]
    return {
        part.splitlines()[0].strip(): set(re.findall(r"`([^`]+)`", part.split("\n\n")[2]))
        for part in listed.split("\n### ")[1:]
    }


@BOTH
def test_the_page_on_alerts_is_about_the_pinned_chart_and_what_is_off_in_it(
    base: Mapping[str, Any],
) -> None:
    page = (DOCS.parent / "monitoring.md").read_text(encoding="utf-8")
    section = page.split("## The chart's own alerts")[1].split("\n## ")[0]
    world, chart = operators(base), "kube-prometheus-stack"
    assert f"{chart}-{releases(world)[chart].inputs['version']}/" in section
    rules = values(world, chart)["defaultRules"]
    assert not any(rules["rules"].values())
    off = {*rules["rules"], *rules["disabled"]}
    assert {name for name in off if name not in section} == set()
    unscraped = {part for part in values(world, chart) if part.startswith("kube")}
    assert unscraped - {"kube-state-metrics"} == {
        *("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler"),
    }


@BOTH
@pytest.mark.parametrize("more", [{}, {**HIGH, "keep": True, "mirror": "oci://r.example.com/c"}])
@pytest.mark.parametrize("preview", [True, False])
def test_every_input_is_one_that_the_provider_has(
    base: Mapping[str, Any], more: Mapping[str, Any], preview: bool
) -> None:
    world = operators(base, preview=preview, **more)
    assert len(world.resources) > 20
    assert not typecheck.check(
        [
            {"urn": r.urn, "type": r.type, "inputs": r.wire}
            for r in world.resources
            if not r.type.startswith("stanchion:")
        ]
    )


@BOTH
def test_every_child_belongs_to_the_component(base: Mapping[str, Any]) -> None:
    component, *children = operators(base).resources
    assert component.type == "stanchion:index:Operators"
    assert {child.parent for child in children} == {component.urn}


@BOTH
@pytest.mark.parametrize("preview", [True, False])
def test_what_is_installed_is_known_before_it_is_there(
    base: Mapping[str, Any], preview: bool
) -> None:
    exports = operators(base, preview=preview).exports
    assert exports["ready"] == base["environment"]
    assert "cert-manager" in exports["installed"]


def test_only_what_the_cloud_lacks_is_installed() -> None:
    on_aws = set(operators(AWS).exports["installed"])
    on_gcp = set(operators(GCP).exports["installed"])
    assert set(EVERYTHING) - on_aws == {"aws-efa-k8s-device-plugin", "kuberay-operator"}
    assert on_aws - on_gcp == {
        "aws-load-balancer-controller",
        "envoy-gateway",
        "gpu-operator",
        "karpenter",
    }
    assert on_gcp < on_aws


@BOTH
def test_every_release_is_the_pinned_one(base: Mapping[str, Any]) -> None:
    for name, release in releases(operators(base)).items():
        chart = charts()[name]
        assert release.inputs["version"] == chart.version
        if chart.repository.startswith("oci://"):
            assert release.inputs["chart"] == f"{chart.repository}/{name}"
            assert "repositoryOpts" not in release.inputs
        else:
            assert release.inputs["chart"] == name
            assert release.inputs["repositoryOpts"] == {"repo": chart.repository}


@BOTH
def test_a_release_that_does_not_come_up_is_taken_back(base: Mapping[str, Any]) -> None:
    for release in releases(operators(base)).values():
        assert release.inputs["atomic"] is True
        assert release.inputs["cleanupOnFail"] is True
        assert release.inputs["skipAwait"] is False
        assert 0 < release.inputs["timeout"] <= 900


@BOTH
@pytest.mark.parametrize("mirror", ["oci://r.example.com/c", "https://charts.example.com/m/"])
def test_a_mirror_stands_in_place_of_every_repository(base: Mapping[str, Any], mirror: str) -> None:
    for name, release in releases(operators(base, mirror=mirror)).items():
        if mirror.startswith("oci:"):
            assert release.inputs["chart"] == f"oci://r.example.com/c/{name}"
            assert "repositoryOpts" not in release.inputs
        else:
            assert release.inputs["chart"] == name
            assert release.inputs["repositoryOpts"] == {"repo": "https://charts.example.com/m"}
        assert release.inputs["version"] == charts()[name].version


def test_every_chart_of_the_lock_file_can_be_located() -> None:
    for chart in charts().values():
        reference, repository = located(chart, None)
        assert reference.endswith(chart.name)
        assert (repository is None) == chart.repository.startswith("oci://")


def test_every_chart_of_the_lock_file_is_used_and_none_is_missing() -> None:
    used = set(releases(operators(AWS, enabled=EVERYTHING)))
    assert used == set(charts())


@BOTH
def test_definitions_come_before_every_release(base: Mapping[str, Any]) -> None:
    world = operators(base)
    made = releases(world)
    own = {chart.crd_chart for chart in charts().values() if chart.crd_chart} & set(made)
    assert "prometheus-operator-crds" in own
    for name, release in made.items():
        assert release.inputs["skipCrds"] is (charts()[name].crds is not Crds.BUNDLED)
        if name not in own:
            assert all(world.waits_for(release, made[definitions]) for definitions in own), name


@BOTH
def test_every_release_waits_for_its_namespace(base: Mapping[str, Any]) -> None:
    world = operators(base)
    for name, release in releases(world).items():
        place = release.inputs["namespace"]
        if place == SYSTEM_NAMESPACE:
            assert name in {"karpenter", "karpenter-crd", "gpu-operator"}
        else:
            assert world.waits_for(release, world.registered("Namespace", place)), name
    assert ("Namespace", SYSTEM_NAMESPACE) not in world.objects


def test_objects_come_after_the_release_that_knows_them() -> None:
    world = operators(AWS)
    made = releases(world)
    store = world.registered("ClusterSecretStore", "cloud")
    assert world.waits_for(store, made["external-secrets"])
    assert world.waits_for(world.registered("GatewayClass", "envoy"), made["gateway-helm"])
    assert world.waits_for(made["opencost"], made["kube-prometheus-stack"])
    assert world.waits_for(made["kueue"], made["jobset"])


def test_nothing_with_a_service_comes_before_the_webhook_that_is_asked_about_services() -> None:
    world = operators(AWS)
    made = releases(world)
    first = made["aws-load-balancer-controller"]
    definitions = {chart.crd_chart for chart in charts().values()}
    for name, release in made.items():
        if name not in definitions and release is not first:
            assert world.waits_for(release, first), name


def test_a_controller_starts_with_its_rights_in_place() -> None:
    world = operators(AWS)
    made = releases(world)
    for operator in ("karpenter", "aws-load-balancer-controller", "external-secrets"):
        association = named(world, ":PodIdentityAssociation", f"{operator}-association")
        assert world.waits_for(made[operator], association)
        assert world.waits_for(association, named(world, ":RolePolicy", f"{operator}-policy"))
    targets = [r for r in world.resources if r.type.endswith(":EventTarget")]
    assert all(world.waits_for(made["karpenter"], target) for target in targets)
    world = operators(GCP)
    for part in ("secrets-user", "secrets-may-read"):
        assert world.waits_for(releases(world)["external-secrets"], named(world, "Member", part))


def test_every_value_is_one_that_was_looked_up_in_the_chart() -> None:
    listed = documented()
    given = {chart: paths for chart, paths in every_set_of_values().items() if paths}
    assert set(given) == set(listed)
    for chart, paths in given.items():
        unknown = {
            path
            for path in paths
            if not any(path == known or path.startswith(f"{known}.") for known in listed[chart])
        }
        assert unknown == set(), chart


def test_no_value_is_listed_that_nothing_sets() -> None:
    given = every_set_of_values()
    for chart, listed in documented().items():
        unused = {
            known
            for known in listed
            if not any(path == known or path.startswith(f"{known}.") for path in given[chart])
        }
        assert unused == set(), chart


CONTROLLERS = {
    "karpenter": ["controller"],
    "aws-load-balancer-controller": [""],
    "aws-efa-k8s-device-plugin": [""],
    "cert-manager": ["", "webhook", "cainjector", "startupapicheck"],
    "external-secrets": ["", "webhook", "certController"],
    "kube-prometheus-stack": [
        *("prometheusOperator", "prometheusOperator.admissionWebhooks.patch"),
        *("prometheusOperator.prometheusConfigReloader", "prometheus.prometheusSpec"),
        *("alertmanager.alertmanagerSpec", "grafana", "grafana.sidecar", "kube-state-metrics"),
        "prometheus-node-exporter",
    ],
    "gpu-operator": ["operator", "devicePlugin", "gfd", "migManager", "dcgmExporter"],
    "gateway-helm": ["deployment.envoyGateway", "certgen.job"],
    "argo-rollouts": ["controller"],
    "jobset": ["controller"],
    "kuberay-operator": [""],
    "kueue": ["controllerManager.manager"],
    "opencost": ["opencost.exporter"],
}


def at(value: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        value = value[key]
    return value


def test_every_controller_asks_for_cpu_and_memory_and_is_limited_in_memory() -> None:
    world = operators(AWS, enabled=EVERYTHING)
    sizes = {
        f"{chart}: {part}": at(values(world, chart), part)["resources"]
        for chart, parts in CONTROLLERS.items()
        for part in parts
    }
    keda = values(world, "keda")["resources"]
    assert set(keda) == {"operator", "metricServer", "webhooks"}
    for where, size in {**sizes, **keda}.items():
        assert set(size["requests"]) == {"cpu", "memory"}, where
        assert size["limits"] == {"memory": size["requests"]["memory"]}, where


TOLERANT = {
    "karpenter": [""],
    "aws-load-balancer-controller": [""],
    "cert-manager": ["", "webhook", "cainjector", "startupapicheck"],
    "external-secrets": ["", "webhook", "certController"],
    "kube-prometheus-stack": [
        *("prometheusOperator", "prometheusOperator.admissionWebhooks.patch", "grafana"),
        *("prometheus.prometheusSpec", "alertmanager.alertmanagerSpec", "kube-state-metrics"),
    ],
    "gpu-operator": ["operator", "node-feature-discovery.master", "node-feature-discovery.gc"],
    "gateway-helm": ["deployment.pod", "certgen.job"],
    "keda": [""],
    "argo-rollouts": ["controller"],
    "jobset": ["controller"],
    "kuberay-operator": [""],
    "kueue": ["controllerManager"],
    "opencost": ["opencost"],
}


def system_taint(base: Mapping[str, Any]) -> str:
    """Key of the taint that `Cluster` puts on its system nodes."""
    if base is AWS:
        (taint,) = the(cluster(AWS_CLUSTER), "NodeGroup")["taints"]
    else:
        (taint,) = the(cluster(GCP_CLUSTER), "NodePool")["nodeConfig"]["taints"]
    return str(taint["key"])


@BOTH
def test_controllers_run_on_the_nodes_that_are_there_first(base: Mapping[str, Any]) -> None:
    world = operators(base)
    expected = [{"key": system_taint(base), "operator": "Exists"}]
    installed = [chart for chart in TOLERANT if chart in releases(world)]
    assert installed
    for chart in installed:
        for part in TOLERANT[chart]:
            assert at(values(world, chart), part)["tolerations"] == expected, (chart, part)


@pytest.mark.parametrize(("more", "replicas"), [({}, 1), (HIGH, 2)])
def test_high_availability_is_two_replicas_of_every_controller(
    more: Mapping[str, Any], replicas: int
) -> None:
    world = operators(AWS, **more)
    counts = {
        (chart, path): value
        for chart, release in releases(world).items()
        for path, value in flat(release.inputs.get("values") or {}).items()
        if path.rpartition(".")[2] in {"replicas", "replicaCount"}
    }
    assert len(counts) > 15
    assert set(counts.values()) == {replicas}
    budgets = {
        (chart, path): value
        for chart, release in releases(world).items()
        for path, value in flat(release.inputs.get("values") or {}).items()
        if path.endswith(("podDisruptionBudget.enabled", "pdb.enabled"))
    }
    assert len(budgets) >= 10
    assert set(budgets.values()) == {replicas == 2}


def flat(value: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, part in value.items():
            found |= flat(part, (*path, key))
        return found
    return {".".join(path): value}


@BOTH
def test_no_namespace_admits_pods_that_reach_into_nodes(base: Mapping[str, Any]) -> None:
    enabled: dict[str, Any] = {"enabled": EVERYTHING} if base is AWS else {}
    world = operators(base, **enabled)
    namespaces = [item for (kind, _), item in world.objects.items() if kind == "Namespace"]
    assert len(namespaces) >= 8
    for item in namespaces:
        for mode in ("enforce", "audit", "warn"):
            level = item["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"]
            assert level == "restricted", item["metadata"]["name"]
    on_nodes = {"gpu-operator", "aws-efa-k8s-device-plugin"} & set(releases(world))
    for chart in on_nodes:
        assert releases(world)[chart].inputs["namespace"] == SYSTEM_NAMESPACE
    exporter = values(world, "kube-prometheus-stack")["prometheus-node-exporter"]
    assert exporter["namespaceOverride"] == SYSTEM_NAMESPACE


@BOTH
def test_every_object_is_booked(base: Mapping[str, Any]) -> None:
    for key, item in operators(base).objects.items():
        assert item["metadata"]["labels"][labels.COST_CENTER] == "cc-417", key
        assert item["metadata"]["labels"][labels.OWNER] == "platform", key


def test_monitors_are_made_only_where_something_reads_them() -> None:
    without = [each for each in EVERYTHING if each not in {"kube-prometheus-stack", "opencost"}]
    for enabled, expected in ((EVERYTHING, True), (without, False)):
        world = operators(AWS, enabled=enabled)
        asked = {
            (chart, path): value
            for chart, release in releases(world).items()
            for path, value in flat(release.inputs.get("values") or {}).items()
            if path.lower().endswith("servicemonitor.enabled") or path == "enablePrometheus"
        }
        assert len(asked) >= 9
        assert set(asked.values()) == {expected}
    assert "prometheus-operator-crds" not in releases(operators(AWS, enabled=without))


@BOTH
def test_opencost_exports_no_series_of_kube_state_metrics_again(base: Mapping[str, Any]) -> None:
    exported = values(operators(base), "opencost")["opencost"]["metrics"]["kubeStateMetrics"]
    assert exported == {"emitKsmV1Metrics": False}


def test_grafana_has_a_generated_administrator_that_stays_secret() -> None:
    world = operators(AWS)
    login = values(world, "kube-prometheus-stack")["grafana"]["admin"]["existingSecret"]
    secret = world.registered("Secret", login)
    assert secret.inputs["stringData"]["admin-password"] == generated("operators-grafana-password")
    assert SECRET_MARK in json.dumps(secret.wire["stringData"])
    assert world.waits_for(releases(world)["kube-prometheus-stack"], secret)
    written = json.dumps([r.wire for r in releases(world).values()])
    assert generated("operators-grafana-password") not in written


def test_prometheus_writes_to_other_stores_with_logins_that_are_only_named() -> None:
    world = operators(AWS, metrics=METRICS)
    spec = values(world, "kube-prometheus-stack")["prometheus"]["prometheusSpec"]
    assert (spec["retention"], spec["retentionSize"]) == ("90d", "180GB")
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "200Gi"
    plain, basic, bearer = spec["remoteWrite"]
    assert plain == {"url": "https://metrics.example.com/write"}
    assert basic["basicAuth"] == {
        key: {"name": "remote-write-1", "key": key} for key in ("username", "password")
    }
    assert bearer["authorization"]["credentials"] == {"name": "writer", "key": "token"}
    fetched = world.registered("ExternalSecret", "remote-write-1")
    assert {each["secretKey"] for each in fetched.inputs["spec"]["data"]} == {
        "username", "password",
    }  # fmt: skip
    assert world.waits_for(fetched, world.registered("ClusterSecretStore", "cloud"))


def test_replicas_of_prometheus_and_alertmanager_are_apart_where_there_are_two() -> None:
    chosen: list[tuple[dict[str, Any], str]] = [({}, "soft"), (HIGH, "hard")]
    for more, expected in chosen:
        given = values(operators(AWS, **more), "kube-prometheus-stack")
        assert given["prometheus"]["prometheusSpec"]["podAntiAffinity"] == expected
        assert given["alertmanager"]["alertmanagerSpec"]["podAntiAffinity"] == expected


def test_a_tenants_routes_see_the_alerts_of_its_namespace_alone() -> None:
    given = values(operators(GCP), "kube-prometheus-stack")["alertmanager"]["alertmanagerSpec"]
    strategy = given["alertmanagerConfigMatcherStrategy"]["type"]
    assert strategy == "OnNamespaceExceptForAlertmanagerNamespace"


def test_tenants_get_no_rights_on_external_secrets() -> None:
    given = values(operators(AWS), "external-secrets")
    assert given["rbac"] == {"aggregateToEdit": False, "aggregateToAdmin": False}
    assert given["processSecretStore"] is False


@BOTH
def test_the_store_of_secrets_has_the_name_that_external_secrets_ask_for(
    base: Mapping[str, Any],
) -> None:
    store = operators(base).object("ClusterSecretStore")
    assert store["apiVersion"] == "external-secrets.io/v1"
    assert store["metadata"]["name"] == stanchion.credentials.SECRET_STORE
    expected = {
        "aws": {"aws": {"service": "SecretsManager", "region": "eu-west-1"}},
        "gcp": {"gcpsm": {"projectID": "acme-prod"}},
    }
    assert store["spec"]["provider"] == expected[base["location"]["cloud"]]


def test_the_node_image_brings_driver_and_toolkit_and_the_operator_the_rest() -> None:
    given = values(operators(AWS), "gpu-operator")
    owned = {
        part: given[part]["enabled"]
        for part in ("driver", "toolkit", "devicePlugin", "gfd", "migManager", "dcgmExporter")
    }
    assert {part for part, on in owned.items() if not on} == {"driver", "toolkit"}


def test_every_sharing_that_a_pool_may_ask_for_is_configured() -> None:
    config = values(operators(AWS), "gpu-operator")["devicePlugin"]["config"]
    assert json.loads(config["data"][config["default"]]) == {"version": "v1"}
    for count in range(2, 49):
        shared = json.loads(config["data"][f"time-slices-{count}"])["sharing"]["timeSlicing"]
        assert shared["resources"] == [{"name": "nvidia.com/gpu", "replicas": count}]


def test_queues_hold_jobs_of_tenants_alone() -> None:
    text = values(operators(GCP), "kueue")["managerConfig"]["controllerManagerConfigYaml"]
    config = yaml.safe_load(text)
    (selected,) = config["managedJobsNamespaceSelector"]["matchExpressions"]
    assert selected == {"key": labels.TENANT, "operator": "Exists"}
    assert config["integrations"]["frameworks"] == ["batch/job", "jobset.x-k8s.io/jobset"]


@BOTH
def test_kuberay_is_where_it_is_named_and_kueue_then_knows_its_jobs(
    base: Mapping[str, Any],
) -> None:
    world = operators(base, more=["kuberay-operator"])
    assert set(releases(world)) - set(releases(operators(base))) == {"kuberay-operator"}
    config = yaml.safe_load(values(world, "kueue")["managerConfig"]["controllerManagerConfigYaml"])
    assert "ray.io/rayjob" in config["integrations"]["frameworks"]
    made = releases(world)
    assert world.waits_for(made["kueue"], made["kuberay-operator"])


def test_queues_share_fairly_and_count_no_disk_that_every_pod_asks_for() -> None:
    text = values(operators(GCP), "kueue")["managerConfig"]["controllerManagerConfigYaml"]
    config = yaml.safe_load(text)
    assert config["fairSharing"]["preemptionStrategies"]
    assert config["resources"]["excludeResourcePrefixes"] == ["ephemeral-storage"]


@pytest.mark.parametrize("keep", [True, False])
def test_definitions_are_kept_where_asked_and_with_them_every_object(keep: bool) -> None:
    for name, release in releases(operators(AWS, keep=keep)).items():
        kept = (keep and name.endswith("-crd")) or (keep and name.endswith("-crds"))
        assert (release.protect, release.retain) == (kept, kept), name


def test_definitions_outlive_their_release_where_the_chart_can_say_so() -> None:
    world = operators(AWS)
    said = {
        name: any(
            path.endswith("helm.sh/resource-policy") or path in {"crds.keep", "keepCRDs"}
            for path in leaves(values(world, name))
        )
        for name in releases(world)
        if charts()[name].crds is Crds.TEMPLATES
    }
    assert {name for name, kept in said.items() if not kept} == {"kueue"}


def test_volumes_on_aws_are_encrypted_and_booked() -> None:
    item = operators(AWS).object("StorageClass")
    assert item["parameters"]["encrypted"] == "true"
    assert "cost-center=cc-417" in item["parameters"].values()
    claimed = [
        value
        for path, value in flat(values(operators(AWS), "kube-prometheus-stack")).items()
        if path.endswith("storageClassName")
    ]
    assert claimed == [item["metadata"]["name"]] * 2


def test_every_operator_has_a_place_a_pin_and_values() -> None:
    assert set(PLANS) == set(stanchion.Operator)
    assert {plan.chart for plan in PLANS.values()} <= set(charts())


@pytest.mark.parametrize(
    ("base", "more", "expected"),
    [
        (GCP, {"enabled": ["karpenter"]}, "karpenter is not for gcp"),
        (GCP, {"enabled": ["gpu-operator"]}, "gpu-operator is not for gcp"),
        (AWS, {"enabled": []}, "enabled: is empty"),
        (AWS, {"enabled": ["keda", "keda"]}, "'keda' is there twice"),
        (AWS, {"enabled": ["istio"]}, "enabled[0]: 'istio' is unknown"),
        (AWS, {"enabled": ["opencost"]}, "opencost does not start without kube-prometheus-stack"),
        (AWS, {"mirror": "registry.example.com/charts"}, "mirror: 'registry.example.com/charts'"),
        (AWS, {"mirror": "http://charts.example.com"}, "is no prefix of charts"),
        (AWS, {"environment": "Prod"}, "environment: 'Prod' is no name"),
        (GCP, {"environment": "production-in-the-east"}, ""),
        (GCP, {"environment": "production-of-the-north"}, "is too long for names of service"),
        (AWS, {"owner": "a team"}, "owner: 'a team' cannot be a label"),
        (
            AWS,
            {"enabled": ["keda"], "metrics": {"disk_gb": 100}},
            "metrics: is what Prometheus keeps",
        ),
        (AWS, {"metrics": {"retention_days": 7}}, "metrics.retention_days: 7 is out of range"),
        (
            AWS,
            {"metrics": {"managed": {"retention_days": 1096}}},
            "metrics.managed.retention_days: 1096 is out of range",
        ),
        (
            GCP,
            {"metrics": {"managed": {"retention_days": 400}}},
            "metrics.managed.retention_days: cannot be chosen on Google Cloud",
        ),
        (AWS, {"highavailability": True}, "highavailability: is no argument"),
        (AWS, {"high_availability": "yes"}, "high_availability: is str"),
        (AWS, {"location": {**AWS["location"], "cloud": "local"}}, "'local' has no backend here"),
        (AWS, {"location": {**AWS["location"], "account": "1"}}, "'1' is no account"),
        (AWS, {"cluster": {"name": "x"}}, "cluster.endpoint: is missing"),
    ],
)
def test_bad_arguments_are_refused_with_path_and_fix(
    base: Mapping[str, Any], more: Mapping[str, Any], expected: str
) -> None:
    if not expected:
        assert operators(base, **more).exports["ready"] == "prod-gcp"
        return
    found = problems(base, **more)
    assert expected in found
    assert "; " in found


def test_all_problems_are_told_at_once() -> None:
    found = problems(AWS, mirror="x", environment="Prod", enabled=["keda", "keda"])
    assert len(found.splitlines()) == 4


def test_argo_rollouts_gets_its_gateway_plugin_pinned_where_weights_are_asked_for() -> None:
    controller = values(operators(AWS, gateway_weights=True), "argo-rollouts")["controller"]
    (plugin,) = controller["trafficRouterPlugins"]
    assert plugin["location"].startswith("https://github.com/argoproj-labs/")
    assert re.fullmatch("[0-9a-f]{64}", plugin["sha256"])
    assert controller["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert "trafficRouterPlugins" not in values(operators(AWS), "argo-rollouts")["controller"]
    mirrored = operators(AWS, gateway_weights=True, gateway_plugin_url="https://a.example.com/b")
    (moved,) = values(mirrored, "argo-rollouts")["controller"]["trafficRouterPlugins"]
    assert moved == {**plugin, "location": "https://a.example.com/b"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"gateway_weights": True, "enabled": ["keda"]},
            "gateway_weights: are set by argo-rollouts, which is not in enabled",
        ),
        ({"gateway_plugin_url": "https://a.example.com/b"}, "says nothing without weights"),
        (
            {"gateway_weights": True, "gateway_plugin_url": "http://a.example.com/b"},
            "is no address with https://",
        ),
    ],
)
def test_a_gateway_plugin_that_cannot_be_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(stanchion.ArgumentsError) as refused:
        operators(AWS, **changes)
    assert any(complaint in problem for problem in refused.value.problems)
