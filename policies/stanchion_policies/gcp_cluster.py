"""GKE clusters."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.addresses import is_everywhere
from stanchion_policies.reading import entries, filled, get, items, present, text, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_gke,
    resource_policy,
    strings,
)
from stanchion_policies.stack import CloudResource

CLUSTER = "gcp:container/cluster:Cluster"


def is_autopilot(item: CloudResource) -> bool:
    """Whether Google runs the nodes, and hardens them itself."""
    return get(item.props, "enableAutopilot") is True


@resource_policy(
    "gcp-gke-control-plane",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Set privateClusterConfig.enablePrivateEndpoint: true, or name in "
    "masterAuthorizedNetworksConfig.cidrBlocks who may reach the API.",
    framework=cis_gke("5.6.3, 5.6.4"),
)
def control_plane(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster's API is reached from inside, or from named ranges only."""
    by_address = get(item.props, "controlPlaneEndpointsConfig", "ipEndpointsConfig", "enabled")
    if by_address is False:
        return  # through the DNS endpoint only, which asks for IAM rights
    authorised = entries(item.props, "masterAuthorizedNetworksConfig")
    blocks = items(authorised, "cidrBlocks")
    for block in blocks:
        if is_everywhere(get(block, "cidrBlock")):
            yield (
                f"masterAuthorizedNetworksConfig has {text(block, 'cidrBlock')}, which is "
                "everybody; name your ranges"
            )
    if get(item.props, "privateClusterConfig", "enablePrivateEndpoint") is True:
        return
    if not present(item.props, "masterAuthorizedNetworksConfig"):
        yield "masterAuthorizedNetworksConfig is missing, so the whole internet reaches the API"
    elif get(authorised, "gcpPublicCidrsAccessEnabled") is True:
        yield "masterAuthorizedNetworksConfig lets in every machine of Google Cloud"


@resource_policy(
    "gcp-gke-release-channel",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="Set releaseChannel.channel: REGULAR or STABLE.",
    framework=cis_gke("5.5.4"),
    settings={
        "channels": strings("The channels that will do.", "RAPID", "REGULAR", "STABLE", "EXTENDED")
    },
)
def release_channel(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A cluster follows a release channel, and so stays in support."""
    channel = text(item.props, "releaseChannel", "channel", default="UNSPECIFIED")
    if not is_autopilot(item) and channel not in settings.strings("channels"):
        wanted = " or ".join(settings.strings("channels"))
        yield f"releaseChannel.channel is {channel}; write {wanted}"


@resource_policy(
    "gcp-gke-network-policy",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Set datapathProvider: ADVANCED_DATAPATH, or networkPolicy.enabled: true.",
    framework=cis_gke("4.3.1"),
)
def network_policy(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster enforces network policies."""
    if is_autopilot(item) or text(item.props, "datapathProvider") == "ADVANCED_DATAPATH":
        return
    if get(item.props, "networkPolicy", "enabled") is not True:
        yield "neither datapathProvider is ADVANCED_DATAPATH nor networkPolicy.enabled true"


@resource_policy(
    "gcp-gke-vpc-native",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="Set networkingMode: VPC_NATIVE and ipAllocationPolicy.",
    framework=cis_gke("5.6.2"),
)
def vpc_native(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Pods have addresses of the network, which firewalls and flow logs know."""
    if text(item.props, "networkingMode") == "ROUTES":
        yield "networkingMode is ROUTES; write VPC_NATIVE"


@resource_policy(
    "gcp-gke-no-client-certificate",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Set masterAuth.clientCertificateConfig.issueClientCertificate: false.",
    framework=cis_gke("5.8.1"),
)
def no_client_certificate(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No client certificate is issued, which nobody could take back."""
    issued = get(item.props, "masterAuth", "clientCertificateConfig", "issueClientCertificate")
    if issued is True:
        yield "masterAuth.clientCertificateConfig.issueClientCertificate is true"


@resource_policy(
    "gcp-gke-no-legacy-abac",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Remove enableLegacyAbac and grant rights by roles.",
    framework=cis_gke("5.8.3"),
)
def no_legacy_abac(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Rights in a cluster come from roles, not from the legacy authoriser."""
    if get(item.props, "enableLegacyAbac") is True:
        yield "enableLegacyAbac is true, which gives every service account nearly all rights"


@resource_policy(
    "gcp-gke-logging-and-monitoring",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="Leave loggingConfig and monitoringConfig to their defaults, or list SYSTEM_COMPONENTS in "
    "both and WORKLOADS in the first.",
    framework=cis_gke("5.7.1"),
)
def logging_and_monitoring(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster's logs and metrics are kept outside of it."""
    for kind in ("logging", "monitoring"):
        if text(item.props, f"{kind}Service") == "none":
            yield f"{kind}Service is none"
        config = entries(item.props, f"{kind}Config")
        if not present(config, "enableComponents"):
            continue
        wanted = ["SYSTEM_COMPONENTS", *(["WORKLOADS"] if kind == "logging" else [])]
        lacking = [name for name in wanted if name not in texts(config, "enableComponents")]
        if lacking:
            yield f"{kind}Config.enableComponents lacks {' and '.join(lacking)}"


@resource_policy(
    "gcp-gke-secrets-encrypted",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Set databaseEncryption.state: ENCRYPTED with the name of a Cloud KMS key of your own.",
    framework=cis_gke("5.3.1"),
)
def secrets_encrypted(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster's secrets are encrypted with a key of your own."""
    state = text(item.props, "databaseEncryption", "state", default="DECRYPTED")
    if state not in {"ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED"}:
        yield f"databaseEncryption.state is {state}"
    elif not filled(item.props, "databaseEncryption", "keyName"):
        yield "databaseEncryption.keyName is missing"


@resource_policy(
    "gcp-gke-deletion-protection",
    kinds=(CLUSTER,),
    severity=Severity.MEDIUM,
    fix="Set deletionProtection: true.",
)
def deletion_protection(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster cannot be deleted by mistake."""
    if get(item.props, "deletionProtection", default=True) is not True:
        yield "deletionProtection is false"


@resource_policy(
    "gcp-gke-no-alpha",
    kinds=(CLUSTER,),
    severity=Severity.HIGH,
    fix="Remove enableKubernetesAlpha.",
    framework=cis_gke("5.10.2"),
)
def no_alpha(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A cluster lives longer than the 30 days of an alpha one."""
    if get(item.props, "enableKubernetesAlpha") is True:
        yield "enableKubernetesAlpha is true: it has no support and is deleted after 30 days"
