"""EKS clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from stanchion_policies.addresses import is_everywhere
from stanchion_policies.linking import belonging
from stanchion_policies.reading import entries, get, items, parsed, present, text, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_eks,
    flag,
    resource_policy,
    stack_policy,
    strings,
)
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.versions import numbers_of

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"

STANDARD_SUPPORT_ENDS: Mapping[tuple[int, ...], date] = {
    (1, 30): date(2025, 7, 23),
    (1, 31): date(2025, 11, 26),
    (1, 32): date(2026, 3, 23),
    (1, 33): date(2026, 7, 29),
    (1, 34): date(2026, 12, 2),
    (1, 35): date(2027, 3, 27),
}
"""Last day of standard support, from the release calendar of the EKS user guide, 2026-11.

https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html; an older version has
none, a newer one has it.
"""


@resource_policy(
    "aws-eks-endpoint",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Set vpcConfig.endpointPublicAccess: false, or name in publicAccessCidrs who may reach it.",
    framework=cis_eks("5.4.1, 5.4.2"),
    settings={
        "public": flag("Whether a public endpoint that is limited to ranges will do.", default=True)
    },
)
def endpoint(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A cluster's API is reached from inside, or from named ranges only."""
    reach = entries(item.props, "vpcConfig")
    if get(reach, "endpointPublicAccess") is False:
        return
    if not settings.flag("public"):
        yield "vpcConfig.endpointPublicAccess is not false, so the internet reaches the API"
    elif not items(reach, "publicAccessCidrs"):
        yield "vpcConfig.publicAccessCidrs is missing, so the whole internet reaches the API"
    for cidr in texts(reach, "publicAccessCidrs"):
        if is_everywhere(cidr):
            yield f"vpcConfig.publicAccessCidrs has {cidr}, which is everybody; name your ranges"


@resource_policy(
    "aws-eks-secrets-encrypted",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Add encryptionConfig for `secrets` with the ARN of a KMS key of your own.",
    framework=cis_eks("5.3.1"),
)
def secrets_encrypted(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster's secrets are encrypted with a key of your own."""
    encryption = entries(item.props, "encryptionConfig")
    if "secrets" not in texts(encryption, "resources"):
        yield "encryptionConfig does not name `secrets`"
    elif not present(encryption, "provider", "keyArn"):
        yield "encryptionConfig lacks provider.keyArn"


@resource_policy(
    "aws-eks-control-plane-logs",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="List the logs in enabledClusterLogTypes.",
    framework=cis_eks("2.1.1"),
    settings={
        "logs": strings("The logs that a control plane writes.", "api", "audit", "authenticator")
    },
)
def control_plane_logs(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A cluster's control plane logs who did what."""
    written = texts(item.props, "enabledClusterLogTypes")
    lacking = [log for log in settings.strings("logs") if log not in written]
    if lacking:
        yield f"enabledClusterLogTypes lacks {', '.join(lacking)}"


@resource_policy(
    "aws-eks-version",
    kinds=(CLUSTER, NODE_GROUP),
    severity=Severity.MEDIUM,
    fix="Upgrade to a version in standard support, one minor version at a time.",
    may_wait="A version that another resource gives is known, and judged, before it is used.",
)
def version(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster's Kubernetes version is stated and in standard support."""
    stated = text(item.props, "version")
    if not stated:
        # A node group takes its cluster's.
        if item.type == CLUSTER:
            yield "version is missing, so it is whatever the day's default was; state one"
    elif not in_support(stated, datetime.now(UTC).date()):
        yield f"version {stated} is out of standard support: no fixes, or at extra cost"


def in_support(minor: str, today: date) -> bool:
    """Whether a minor version (`1.35`) is in standard support; what is no version is not."""
    numbers = numbers_of(minor)
    if numbers < min(STANDARD_SUPPORT_ENDS):
        return False
    return today <= STANDARD_SUPPORT_ENDS.get(numbers, today)


@resource_policy(
    "aws-eks-access-entries",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="Set accessConfig.authenticationMode: API and bootstrapClusterCreatorAdminPermissions: "
    "false, and declare access entries.",
    framework=cis_eks("5.5.1"),
)
def access_entries(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Who may enter a cluster is declared, and who made it is no administrator for that."""
    access = entries(item.props, "accessConfig")
    if text(access, "authenticationMode") not in {"API", "API_AND_CONFIG_MAP"}:
        yield "accessConfig.authenticationMode is not API, so access entries do not count"
    if get(access, "bootstrapClusterCreatorAdminPermissions") is not False:
        yield (
            "accessConfig.bootstrapClusterCreatorAdminPermissions is not false, so whoever made "
            "the cluster stays its administrator, and no list says so"
        )


@resource_policy(
    "aws-eks-deletion-protection",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="Set deletionProtection: true.",
)
def deletion_protection(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster cannot be deleted by mistake."""
    if get(item.props, "deletionProtection") is not True:
        yield "deletionProtection is not true"


@stack_policy(
    "aws-eks-network-policy",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix='Give the vpc-cni add-on configurationValues with enableNetworkPolicy: "true", or in Auto '
    "Mode declare the ConfigMap amazon-vpc-cni with enable-network-policy-controller. Where "
    "another plugin enforces network policies, disable this policy for the environment.",
    framework=cis_eks("5.4.4"),
)
def network_policy(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A cluster enforces network policies."""
    if get(item.props, "computeConfig", "enabled") is True:  # Auto Mode brings the plugin
        settings = stack.cluster.find("ConfigMap", "kube-system", "amazon-vpc-cni")
        body = settings.body if settings is not None else {}
        if text(body, "data", "enable-network-policy-controller") != "true":
            yield "has no ConfigMap amazon-vpc-cni that turns enable-network-policy-controller on"
        return
    plugins = [
        addon
        for addon in belonging(stack, item, "clusterName", ADDON)
        if text(addon.props, "addonName") == "vpc-cni"
    ]
    if not plugins:
        yield "has no vpc-cni add-on in this stack that enforces network policies"
    for addon in plugins:
        configured = get(parsed(addon.props, "configurationValues"), "enableNetworkPolicy")
        if str(configured).lower() != "true":
            yield f"configurationValues of {addon.title} lack enableNetworkPolicy"


@resource_policy(
    "aws-eks-nodes-no-ssh",
    kinds=(NODE_GROUP,),
    severity=Severity.HIGH,
    fix="Remove remoteAccess and use Session Manager, or name sourceSecurityGroupIds.",
)
def nodes_no_ssh(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nobody reaches a node's SSH port from the internet."""
    access = entries(item.props, "remoteAccess")
    if present(access, "ec2SshKey") and not items(access, "sourceSecurityGroupIds"):
        yield "remoteAccess lacks sourceSecurityGroupIds, which opens port 22 to the internet"
