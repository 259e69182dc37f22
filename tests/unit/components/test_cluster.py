"""Rules of `Cluster` on both clouds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore
import googleapiclient
import pytest
import stanchion
from stanchion.foundation.cluster import _aws, _aws_addons, contract
from stanchion.foundation.location import ClusterReference
from stanchion_cli.preview import typecheck
from unit.components.world import Registered, World, deploy

AWS: dict[str, Any] = {
    "location": {
        "cloud": "aws",
        "account": "123456789012",
        "region": "eu-west-1",
        "zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
    },
    "environment": "prod-aws",
    "owner": "platform",
    "cost_center": "cc-417",
    "network": {
        "network_id": "vpc-1",
        "subnet_ids": ["subnet-a", "subnet-b", "subnet-c"],
        "cidr": "10.0.0.0/16",
        "pods_range": "",
        "services_range": "",
    },
    "version": "1.35",
    "api": {"mode": "private"},
    "administrators": ["arn:aws:iam::123456789012:role/platform/Admins"],
    "system_nodes": {"machine": "m7i.large", "minimum": 2, "maximum": 4},
}
GCP: dict[str, Any] = {
    **AWS,
    "location": {
        "cloud": "gcp",
        "account": "acme-prod",
        "region": "europe-west4",
        "zones": ["europe-west4-a", "europe-west4-b", "europe-west4-c"],
    },
    "environment": "prod-gcp",
    "network": {
        "network_id": "projects/acme-prod/global/networks/platform",
        "subnet_ids": ["projects/acme-prod/regions/europe-west4/subnetworks/nodes"],
        "cidr": "10.0.0.0/16",
        "pods_range": "pods",
        "services_range": "services",
    },
    "administrators": ["group:platform@example.com"],
    "system_nodes": {"machine": "e2-standard-4", "minimum": 2, "maximum": 4},
}
BOTH = pytest.mark.parametrize("base", [AWS, GCP], ids=["aws", "gcp"])
RESTRICTED = {"api": {"mode": "restricted", "allowed_cidrs": ["203.0.113.0/24"]}}
PUBLIC = {"api": {"mode": "public"}}
FILLED_IN: dict[str, dict[str, Any]] = {
    "aws:iam/role:Role": {"arn": "arn:role"},
    "aws:kms/key:Key": {"arn": "arn:key", "keyId": "key"},
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 7},
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {"arn": "arn:oidc"},
    "aws:eks/cluster:Cluster": {
        "endpoint": "https://eks.example.com",
        "certificateAuthority": {"data": "Q0E="},
        "identities": [{"oidcs": [{"issuer": "https://oidc.example.com/id"}]}],
    },
    "gcp:serviceaccount/account:Account": {"email": "nodes@acme-prod.iam.example.com"},
    "gcp:projects/serviceIdentity:ServiceIdentity": {"member": "serviceAccount:gke@example.com"},
    "gcp:container/cluster:Cluster": {
        "selfLink": "link",
        "endpoint": "10.9.8.7",
        "masterVersion": "1.35.2-gke.1",
        "masterAuth": {
            "clusterCaCertificate": "Q0E=",
            "clientCertificateConfig": {"issueClientCertificate": False},
        },
        "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "gke.example.com"}},
    },
}


def cluster(base: Mapping[str, Any], *, preview: bool = False, **more: Any) -> World:
    def program() -> dict[str, Any]:
        made = stanchion.Cluster("cluster", {**base, **more})  # type: ignore[typeddict-item]
        return {"reference": made.reference, "kubeconfig": made.kubeconfig, "name": made.name}

    return deploy(program, preview=preview, computed=None if preview else FILLED_IN)


def of(world: World, type_: str) -> list[Registered]:
    return [r for r in world.resources if r.type.partition("/")[2].partition(":")[2] == type_]


def the(world: World, type_: str, name: str = "") -> Mapping[str, Any]:
    """Inputs of the one resource of the type whose name ends so."""
    (found,) = [r for r in of(world, type_) if r.name.endswith(name) and "stanchion" not in r.type]
    return found.inputs


def problems(base: Mapping[str, Any], **more: Any) -> str:
    with pytest.raises(stanchion.ArgumentsError) as raised:
        cluster(base, **more)
    return str(raised.value)


def eks_enumeration(shape: str) -> list[str]:
    file = Path(botocore.__file__).parent / "data/eks/2017-11-01/service-2.json.gz"
    found: list[str] = json.loads(gzip.decompress(file.read_bytes()))["shapes"][shape]["enum"]
    return found


def gke_enumeration(schema: str, field: str) -> list[str]:
    documents = Path(googleapiclient.__file__).parent / "discovery_cache/documents"
    described = json.loads((documents / "container.v1.json").read_text())["schemas"]
    field_ = described[schema]["properties"][field]
    found: list[str] = field_["enum"] if "enum" in field_ else field_["items"]["enum"]
    return found


@BOTH
@pytest.mark.parametrize("more", [{}, RESTRICTED, PUBLIC, {"keep": True}])
@pytest.mark.parametrize("preview", [True, False])
def test_every_input_is_one_that_the_provider_has(
    base: Mapping[str, Any], more: Mapping[str, Any], preview: bool
) -> None:
    world = cluster(base, preview=preview, **more)
    assert len(world.resources) > 10
    assert not typecheck.check(
        [
            {"urn": r.urn, "type": r.type, "inputs": r.wire}
            for r in world.resources
            if not r.type.startswith("stanchion:")
        ]
    )


@BOTH
def test_every_child_belongs_to_the_component(base: Mapping[str, Any]) -> None:
    component, *children = cluster(base).resources
    assert component.type == "stanchion:index:Cluster"
    assert {child.parent for child in children} == {component.urn}


@BOTH
def test_what_costs_carries_owner_and_cost_center(base: Mapping[str, Any]) -> None:
    world = cluster(base)
    booked = {
        (r.name, (r.inputs.get("tags") or r.inputs.get("resourceLabels") or {}).get("cost-center"))
        for r in [*of(world, "Cluster"), *of(world, "NodeGroup"), *of(world, "Key")]
        if "stanchion" not in r.type
    }
    pools = of(world, "NodePool")
    booked |= {(p.name, p.inputs["nodeConfig"]["resourceLabels"]["cost-center"]) for p in pools}
    assert booked
    assert {cost for _, cost in booked} == {"cc-417"}


@BOTH
def test_what_is_kept_is_protected_by_pulumi_and_by_the_cloud(base: Mapping[str, Any]) -> None:
    for keep in (True, False):
        world = cluster(base, keep=keep)
        assert the(world, "Cluster")["deletionProtection"] is keep
        guarded = [*of(world, "Key"), *of(world, "CryptoKey"), *of(world, "Cluster")]
        for each in guarded:
            if "stanchion" not in each.type:
                assert (each.protect, each.retain) == (keep, keep), each.name


@BOTH
def test_the_kubeconfig_asks_a_plugin_and_holds_no_credentials(base: Mapping[str, Any]) -> None:
    written = json.loads(cluster(base).exports["kubeconfig"])
    (user,) = written["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] in {"aws", "gke-gcloud-auth-plugin"}
    assert written["clusters"][0]["cluster"]["certificate-authority-data"] == "Q0E="
    assert written["clusters"][0]["cluster"]["server"].startswith("https://")


@BOTH
def test_the_reference_is_complete(base: Mapping[str, Any]) -> None:
    exports = cluster(base).exports
    assert exports["name"] == exports["reference"]["name"] == base["environment"]
    assert set(exports["reference"]) == set(ClusterReference.__annotations__)
    missing = {key for key, value in exports["reference"].items() if not value}
    assert missing <= ({"node_security_group_id"} if base is GCP else set())


def test_eks_is_hardened() -> None:
    control_plane = the(cluster(AWS), "Cluster")
    assert control_plane["encryptionConfig"]["resources"] == ["secrets"]
    assert control_plane["enabledClusterLogTypes"] == eks_enumeration("LogType")
    assert control_plane["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    assert control_plane["upgradePolicy"]["supportType"] in eks_enumeration("SupportType")
    assert the(cluster(AWS), "Key")["enableKeyRotation"] is True


@pytest.mark.parametrize(
    ("more", "public", "ranges"),
    [
        ({}, False, None),
        (RESTRICTED, True, ["203.0.113.0/24"]),
        (PUBLIC, True, ["0.0.0.0/0"]),
    ],
)
def test_the_mode_decides_who_reaches_the_api_of_eks(
    more: Mapping[str, Any], public: bool, ranges: list[str] | None
) -> None:
    reached = the(cluster(AWS, **more), "Cluster")["vpcConfig"]
    assert reached["endpointPrivateAccess"] is True
    assert reached["endpointPublicAccess"] is public
    assert reached.get("publicAccessCidrs") == ranges


def test_logs_have_an_end_and_are_there_before_eks_would_make_them() -> None:
    world = cluster(AWS, log_days=30)
    logs, (made,) = (
        of(world, "LogGroup")[0],
        [r for r in of(world, "Cluster") if r.type.startswith("aws")],
    )
    assert logs.inputs["name"] == "/aws/eks/prod-aws/cluster"
    assert logs.inputs["retentionInDays"] == 30
    assert world.waits_for(made, logs)


def test_nodes_have_the_three_policies_and_no_more() -> None:
    attached = [
        r.inputs["policyArn"].rpartition("/")[2]
        for r in of(cluster(AWS), "RolePolicyAttachment")
        if r.inputs["role"] == "prod-aws-nodes"
    ]
    assert sorted(attached) == sorted(_aws.NODE_POLICIES)
    assert len(attached) == 3


def test_a_pod_cannot_take_the_role_of_its_node() -> None:
    options = the(cluster(AWS), "LaunchTemplate")["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_disks_of_eks_nodes_are_encrypted() -> None:
    (disk,) = the(cluster(AWS), "LaunchTemplate")["blockDeviceMappings"]
    assert (disk["ebs"]["encrypted"], disk["ebs"]["volumeType"]) == ("true", "gp3")


def test_nothing_comes_to_nodes_but_nodes_and_the_webhook_calls_of_the_control_plane() -> None:
    world = cluster(AWS)
    rules = [r.inputs for r in of(world, "SecurityGroupIngressRule")]
    assert not [rule for rule in rules if "cidrIpv4" in rule or "prefixListId" in rule]
    into_nodes = {
        (rule["referencedSecurityGroupId"], rule.get("fromPort"))
        for rule in rules
        if rule["securityGroupId"] == "cluster-nodes-id"
    }
    assert into_nodes == {
        ("cluster-nodes-id", None),
        *(("cluster-control-plane-id", port) for port in contract.WEBHOOK_PORTS),
    }
    assert the(world, "Cluster")["vpcConfig"]["securityGroupIds"] == ["cluster-control-plane-id"]
    assert the(world, "LaunchTemplate")["vpcSecurityGroupIds"] == ["cluster-nodes-id"]


def test_eks_enforces_network_policies() -> None:
    settings = the(cluster(AWS), "Addon", "vpc-cni")["configurationValues"]
    assert json.loads(settings) == {"enableNetworkPolicy": "true"}


@pytest.mark.parametrize("version", sorted(_aws_addons.MINOR_VERSIONS))
def test_addons_are_pinned_and_kube_proxy_is_of_the_version_of_the_cluster(version: str) -> None:
    pinned = {
        r.inputs["addonName"]: r.inputs["addonVersion"]
        for r in of(cluster(AWS, version=version), "Addon")
    }
    assert set(pinned) == {
        "aws-ebs-csi-driver",
        "coredns",
        "eks-pod-identity-agent",
        "kube-proxy",
        "vpc-cni",
    }
    assert pinned["kube-proxy"].startswith(f"v{version}.")
    assert all("-eksbuild." in pin for pin in pinned.values())


def test_nodes_wait_for_the_network_and_deployments_wait_for_nodes() -> None:
    world = cluster(AWS)
    (nodes,) = of(world, "NodeGroup")
    addons = {r.inputs["addonName"]: r for r in of(world, "Addon")}
    assert world.waits_for(nodes, addons["vpc-cni"])
    assert world.waits_for(addons["coredns"], nodes)
    assert all(world.waits_for(nodes, rule) for rule in of(world, "SecurityGroupIngressRule"))


def test_only_the_ebs_driver_of_this_cluster_may_take_its_role() -> None:
    trust = json.loads(the(cluster(AWS), "Role", "ebs-csi-role")["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": "123456789012",
            "aws:RequestTag/kubernetes-namespace": "kube-system",
            "aws:RequestTag/kubernetes-service-account": "ebs-csi-controller-sa",
        },
        "ArnEquals": {"aws:SourceArn": "arn:aws:eks:eu-west-1:123456789012:cluster/prod-aws"},
    }


def test_administrators_have_an_access_entry_and_the_whole_cluster() -> None:
    world = cluster(AWS)
    role = AWS["administrators"][0]
    assert the(world, "AccessEntry")["principalArn"] == role
    rights = the(world, "AccessPolicyAssociation")
    assert (rights["principalArn"], rights["accessScope"]) == (role, {"type": "cluster"})
    assert rights["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    assert "cluster" in eks_enumeration("AccessScopeType")


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [
        ("m7i.large", "x86_64"),
        ("m7g.large", "ARM_64"),
        ("c8gd.xlarge", "ARM_64"),
        ("t4g.medium", "ARM_64"),
        ("is4gen.large", "ARM_64"),
        ("g6.xlarge", "x86_64"),
    ],
)
def test_the_image_of_nodes_has_the_architecture_of_their_machine(
    machine: str, architecture: str
) -> None:
    nodes = {**AWS["system_nodes"], "machine": machine}
    group = the(cluster(AWS, system_nodes=nodes), "NodeGroup")
    assert group["amiType"] == f"AL2023_{architecture}_STANDARD"
    assert group["amiType"] in eks_enumeration("AMITypes")
    assert group["capacityType"] in eks_enumeration("CapacityTypes")
    assert group["taints"][0]["effect"] in eks_enumeration("TaintEffect")


def test_gke_is_hardened() -> None:
    control_plane = the(cluster(GCP), "Cluster")
    assert control_plane["privateClusterConfig"]["enablePrivateNodes"] is True
    assert control_plane["databaseEncryption"]["state"] == "ENCRYPTED"
    assert control_plane["workloadIdentityConfig"]["workloadPool"] == "acme-prod.svc.id.goog"
    assert control_plane["enableShieldedNodes"] is True
    assert control_plane["enableLegacyAbac"] is False
    certificate = control_plane["masterAuth"]["clientCertificateConfig"]
    assert certificate["issueClientCertificate"] is False
    assert control_plane["removeDefaultNodePool"] is True
    assert control_plane["costManagementConfig"]["enabled"] is True


def test_gke_enforces_network_policies_by_its_data_plane_alone() -> None:
    control_plane = the(cluster(GCP), "Cluster")
    assert control_plane["datapathProvider"] == "ADVANCED_DATAPATH"
    assert "networkPolicy" not in control_plane
    assert control_plane["datapathProvider"] in gke_enumeration("NetworkConfig", "datapathProvider")


def test_gke_has_the_gateway_api_that_a_private_ingress_needs() -> None:
    channel = the(cluster(GCP), "Cluster")["gatewayApiConfig"]["channel"]
    assert channel == "CHANNEL_STANDARD"
    assert channel in gke_enumeration("GatewayAPIConfig", "channel")


@pytest.mark.parametrize(
    ("more", "private", "by_name", "ranges"),
    [
        ({}, True, False, ["10.0.0.0/16"]),
        (RESTRICTED, False, False, ["10.0.0.0/16", "203.0.113.0/24"]),
        (PUBLIC, True, True, ["10.0.0.0/16"]),
    ],
)
def test_the_mode_decides_who_reaches_the_api_of_gke(
    more: Mapping[str, Any], private: bool, by_name: bool, ranges: list[str]
) -> None:
    world = cluster(GCP, **more)
    control_plane = the(world, "Cluster")
    assert control_plane["privateClusterConfig"]["enablePrivateEndpoint"] is private
    endpoint = control_plane["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]
    assert endpoint["allowExternalTraffic"] is by_name
    networks = control_plane["masterAuthorizedNetworksConfig"]
    assert [block["cidrBlock"] for block in networks["cidrBlocks"]] == ranges
    assert networks["gcpPublicCidrsAccessEnabled"] is False
    reached = json.loads(world.exports["kubeconfig"])["clusters"][0]["cluster"]
    assert reached["server"] == ("https://gke.example.com" if by_name else "https://10.9.8.7")
    assert ("certificate-authority-data" in reached) is not by_name


def test_gke_logs_and_measures_what_google_offers() -> None:
    control_plane = the(cluster(GCP), "Cluster")
    metrics = control_plane["monitoringConfig"]["enableComponents"]
    assert {"DCGM", "JOBSET"} <= set(metrics)
    assert set(metrics) <= set(gke_enumeration("MonitoringComponentConfig", "enableComponents"))
    logs = set(control_plane["loggingConfig"]["enableComponents"])
    assert "APISERVER" in logs
    assert logs <= set(gke_enumeration("LoggingComponentConfig", "enableComponents"))


@pytest.mark.parametrize("channel", list(stanchion.ReleaseChannel))
def test_every_release_channel_is_one_of_gke(channel: stanchion.ReleaseChannel) -> None:
    chosen = the(cluster(GCP, release_channel=channel), "Cluster")["releaseChannel"]["channel"]
    assert chosen == channel.value.upper()
    assert chosen in gke_enumeration("ReleaseChannel", "channel")


def test_gke_nodes_have_an_account_of_their_own_with_one_small_role() -> None:
    world = cluster(GCP)
    account = "nodes@acme-prod.iam.example.com"
    rights = [r.inputs for r in of(world, "IAMMember") if account in r.inputs["member"]]
    assert [right["role"] for right in rights] == ["roles/container.defaultNodeServiceAccount"]
    assert the(world, "NodePool")["nodeConfig"]["serviceAccount"] == account


def test_gke_nodes_are_shielded_and_hide_their_metadata() -> None:
    pool = the(cluster(GCP), "NodePool")
    assert pool["management"] == {"autoRepair": True, "autoUpgrade": True}
    nodes = pool["nodeConfig"]
    assert nodes["workloadMetadataConfig"]["mode"] == "GKE_METADATA"
    assert "GKE_METADATA" in gke_enumeration("WorkloadMetadataConfig", "mode")
    assert nodes["metadata"] == {"disable-legacy-endpoints": "true"}
    assert set(nodes["shieldedInstanceConfig"].values()) == {True}
    assert nodes["taints"][0]["effect"] in gke_enumeration("NodeTaint", "effect")


def test_gke_can_use_its_key_before_the_cluster_is_made() -> None:
    world = cluster(GCP)
    (right,) = of(world, "CryptoKeyIAMMember")
    (made,) = [r for r in of(world, "Cluster") if r.type.startswith("gcp")]
    assert right.inputs["member"] == "serviceAccount:gke@example.com"
    assert world.waits_for(made, right)
    assert the(world, "CryptoKey")["rotationPeriod"] == "7776000s"


def test_the_firewall_admits_the_control_plane_to_nodes_alone() -> None:
    world = cluster(GCP, control_plane_cidr="172.20.0.16/28")
    wall = the(world, "Firewall")
    control_plane = the(world, "Cluster")["privateClusterConfig"]["masterIpv4CidrBlock"]
    assert wall["sourceRanges"] == [control_plane] == ["172.20.0.16/28"]
    assert wall["targetServiceAccounts"] == ["nodes@acme-prod.iam.example.com"]
    assert wall["allows"][0]["ports"] == [str(port) for port in contract.WEBHOOK_PORTS]


def _api(**api: Any) -> dict[str, Any]:
    return {"api": api}


@BOTH
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (_api(mode="restricted"), "api.allowed_cidrs: is empty"),
        (_api(mode="restricted", allowed_cidrs=["0.0.0.0/0"]), "'0.0.0.0/0' is everyone"),
        (_api(mode="restricted", allowed_cidrs=["office"]), "'office' is no IPv4 range"),
        (_api(mode="private", allowed_cidrs=["203.0.113.0/24"]), "api.mode: private"),
        (_api(mode="open"), "write one of private, restricted, public"),
        ({"administrators": []}, "administrators: is empty"),
        ({"administrators": ["someone"]}, "administrators[0]: 'someone' is no"),
        ({"system_nodes": {"machine": "big", "minimum": 1, "maximum": 1}}, "'big' is no"),
        (
            {"system_nodes": {"machine": "m7i.large", "minimum": 5, "maximum": 2}},
            "5 is above system_nodes.maximum, 2",
        ),
        ({"version": "latest"}, "version: 'latest' is no version"),
        ({"environment": "Prod"}, "environment: 'Prod' is no name"),
        ({"release": "regular"}, "release: is no argument"),
    ],
)
def test_bad_arguments_are_refused(
    base: Mapping[str, Any], more: Mapping[str, Any], expected: str
) -> None:
    assert expected in problems(base, **more)


@pytest.mark.parametrize(
    ("base", "more", "expected"),
    [
        (AWS, {"log_days": 31}, "log_days: CloudWatch cannot keep logs for 31 days"),
        (AWS, {"version": "1.29"}, "write one of 1.34, 1.35, 1.36"),
        (AWS, {"network": {**AWS["network"], "subnet_ids": ["a"]}}, "network.subnet_ids"),
        (GCP, {"control_plane_cidr": "10.0.0.0/28"}, "overlaps network.cidr, 10.0.0.0/16"),
        (GCP, {"control_plane_cidr": "172.16.0.0/24"}, "is no private /28"),
        (GCP, {"environment": "p" * 25}, "too long for names of service accounts"),
        (GCP, {"network": {**GCP["network"], "pods_range": ""}}, "network.pods_range: is empty"),
    ],
)
def test_what_one_cloud_cannot_do_is_refused(
    base: Mapping[str, Any], more: Mapping[str, Any], expected: str
) -> None:
    assert expected in problems(base, **more)


def test_all_problems_are_told_at_once() -> None:
    told = problems(AWS, version="1.2", log_days=2, **_api(mode="restricted"))
    assert told.count(";") >= 3
