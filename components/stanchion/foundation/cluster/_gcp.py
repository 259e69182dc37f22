"""Kubernetes as GKE."""

import ipaddress
import re
from typing import Any

import pulumi
import pulumi_gcp as gcp

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.cluster._gcp_nodes import node_account, system_nodes
from stanchion.foundation.cluster.contract import (
    CONTROL_PLANE_CIDR,
    WEBHOOK_PORTS,
    ApiMode,
    ClusterArgs,
    ClusterBackend,
    ClusterParts,
    ReleaseChannel,
)
from stanchion.foundation.cluster.kubeconfig import kubeconfig
from stanchion.foundation.location import ClusterReference
from stanchion.foundation.tags import cloud_tags

LONGEST_ENVIRONMENT = 24
"""A service account's name has 30 characters, of which `-nodes` takes 6."""
LOGS = ["SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER", "WORKLOADS"]
# fmt: off
METRICS = ["SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER", "STORAGE", "POD",
           "DEPLOYMENT", "STATEFULSET", "DAEMONSET", "HPA", "CADVISOR", "KUBELET", "DCGM", "JOBSET"]
# fmt: on
_ROTATION = f"{90 * 24 * 3600}s"
_MEMBER = re.compile(r"(group|user|serviceAccount):[^@\s:]+@[^@\s:]+")
_VERSION = re.compile(r"1\.\d+(\.\d+(-gke\.\d+)?)?")
_MACHINE = re.compile(r"[a-z][a-z0-9]*-[a-z0-9-]+")


class GcpCluster:
    """A regional GKE cluster with a node pool for its own workloads."""

    def check(self, check: Checks, args: ClusterArgs) -> None:
        """What GKE has no place for."""
        if len(args["environment"]) > LONGEST_ENVIRONMENT:
            check.refuse(
                "environment",
                f"'{args['environment']}' is too long for names of service accounts",
                f"write at most {LONGEST_ENVIRONMENT} characters",
            )
        for at, member in enumerate(args["administrators"]):
            if not _MEMBER.fullmatch(member):
                check.refuse(
                    f"administrators[{at}]",
                    f"'{member}' is no IAM member",
                    "write group:NAME@DOMAIN, user:NAME@DOMAIN or serviceAccount:NAME@DOMAIN",
                )
        if not _VERSION.fullmatch(args["version"]):
            check.refuse(
                "version", f"'{args['version']}' is no version of GKE", "write one as 1.35"
            )
        if not _MACHINE.fullmatch(args["system_nodes"]["machine"]):
            check.refuse(
                "system_nodes.machine",
                f"'{args['system_nodes']['machine']}' is no machine type",
                "write one as e2-standard-4",
            )
        for field in ("pods_range", "services_range"):
            if not args["network"][field]:
                check.refuse(f"network.{field}", "is empty, and GKE needs it", "name the range")
        _check_range(check, args)

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ClusterArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ClusterParts:
        """Node account, key, control plane, rights, walls and nodes."""
        environment, location = args["environment"], args["location"]
        child = child_options(parent, opts)
        account, roles = node_account(name, environment, location["account"], child)
        cluster = _control_plane(parent, name, args, opts, account=account, roles=roles)
        for member in args["administrators"]:
            gcp.projects.IAMMember(
                f"{name}-administrator-{member.replace(':', '-')}",
                project=location["account"],
                role="roles/container.admin",
                member=member,
                opts=child,
            )
        webhooks = gcp.compute.Firewall(
            f"{name}-control-plane-to-nodes",
            name=f"{environment}-control-plane-to-nodes",
            project=location["account"],
            network=args["network"]["network_id"],
            description="Control plane to webhooks, aggregated APIs and the kubelet",
            direction="INGRESS",
            source_ranges=[args.get("control_plane_cidr", CONTROL_PLANE_CIDR)],
            target_service_accounts=[account.email],
            allows=[
                gcp.compute.FirewallAllowArgs(
                    protocol="tcp", ports=[str(port) for port in WEBHOOK_PORTS]
                )
            ],
            opts=child,
        )
        pool = system_nodes(
            name,
            args,
            cluster,
            account,
            child_options(parent, opts, depends_on=[webhooks, *roles]),
        )

        authority = _once_there(cluster, cluster.master_auth.cluster_ca_certificate)
        endpoint = pulumi.Output.concat("https://", cluster.endpoint)
        public = args["api"]["mode"] is ApiMode.PUBLIC
        by_name = cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint
        dns_name = _once_there(cluster, by_name)
        return ClusterParts(
            reference=ClusterReference(
                name=environment,
                version=cluster.master_version,
                endpoint=endpoint,
                certificate_authority=authority,
                node_role=account.email,
                node_security_group_id="",
                identity_provider=f"{location['account']}.svc.id.goog",
            ),
            kubeconfig=kubeconfig(
                environment,
                _reached(dns_name, "https://{}", endpoint) if public else endpoint,
                # The DNS name's certificate is of a public CA, not of the cluster's own.
                _reached(dns_name, None, authority) if public else authority,
                ["gke-gcloud-auth-plugin"],
            ),
            name=pool.cluster,
        )


def _once_there(cluster: gcp.container.Cluster, computed: pulumi.Output[str]) -> pulumi.Output[str]:
    """A field that GKE adds to an object of which the program set another field.

    Before the cluster is there, such an object looks complete and the field empty.
    """
    return cluster.self_link.apply(lambda _: computed)


def _reached(
    dns_name: pulumi.Output[str], by_name: str | None, by_address: pulumi.Output[str]
) -> pulumi.Output[str]:
    """What goes with the control plane's DNS name, or with its address where it has no name."""

    def chosen(known: list[Any]) -> Any:
        name, otherwise = known
        if not name:
            return otherwise
        return None if by_name is None else by_name.format(name)

    return pulumi.Output.all(dns_name, by_address).apply(chosen)


def _check_range(check: Checks, args: ClusterArgs) -> None:
    """The control plane's range: a private /28 beside the network's own."""
    given = args.get("control_plane_cidr", CONTROL_PLANE_CIDR)
    try:
        block = ipaddress.IPv4Network(given)
    except ValueError:
        check.refuse("control_plane_cidr", f"'{given}' is no range", "write 172.16.0.0/28")
        return
    if block.prefixlen != 28 or not block.is_private:
        check.refuse("control_plane_cidr", f"'{given}' is no private /28", "write 172.16.0.0/28")
    if block.overlaps(ipaddress.IPv4Network(args["network"]["cidr"])):
        check.refuse(
            "control_plane_cidr",
            f"'{given}' overlaps network.cidr, {args['network']['cidr']}",
            "choose a range beside it",
        )


def _encryption_key(
    parent: pulumi.ComponentResource,
    name: str,
    args: ClusterArgs,
    opts: pulumi.ResourceOptions | None,
) -> tuple[gcp.kms.CryptoKey, pulumi.Resource]:
    """A key for secrets, and the right of GKE's own account to use it."""
    environment, location = args["environment"], args["location"]
    child = child_options(parent, opts)
    kept = child_options(parent, opts, keep=args.get("keep", False))
    ring = gcp.kms.KeyRing(
        f"{name}-keys",
        name=f"{environment}-cluster",
        location=location["region"],
        project=location["account"],
        opts=kept,
    )
    key = gcp.kms.CryptoKey(
        f"{name}-key",
        name="secrets",
        key_ring=ring.id,
        purpose="ENCRYPT_DECRYPT",
        rotation_period=_ROTATION,
        labels=_labels(args),
        opts=kept,
    )
    # Its address holds the project's number, which is not among the arguments.
    gke = gcp.projects.ServiceIdentity(
        f"{name}-gke", project=location["account"], service="container.googleapis.com", opts=child
    )
    right = gcp.kms.CryptoKeyIAMMember(
        f"{name}-key-user",
        crypto_key_id=key.id,
        role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
        member=gke.member,
        opts=child,
    )
    return key, right


def _labels(args: ClusterArgs) -> dict[str, str]:
    return cloud_tags(
        owner=args["owner"], cost_center=args["cost_center"], environment=args["environment"]
    )


def _control_plane(
    parent: pulumi.ComponentResource,
    name: str,
    args: ClusterArgs,
    opts: pulumi.ResourceOptions | None,
    *,
    account: gcp.serviceaccount.Account,
    roles: list[pulumi.Resource],
) -> gcp.container.Cluster:
    container, location, network = gcp.container, args["location"], args["network"]
    key, right = _encryption_key(parent, name, args, opts)
    keep, mode = args.get("keep", False), args["api"]["mode"]
    admitted = [network["cidr"], *args["api"].get("allowed_cidrs", [])]
    options = pulumi.ResourceOptions.merge(
        child_options(parent, opts, depends_on=[right, *roles], keep=keep),
        # Of the first pool alone, which is removed as soon as the cluster is there.
        pulumi.ResourceOptions(ignore_changes=["nodeConfig", "initialNodeCount"]),
    )
    return container.Cluster(
        f"{name}-cluster",
        name=args["environment"],
        project=location["account"],
        location=location["region"],
        node_locations=location["zones"],
        network=network["network_id"],
        subnetwork=network["subnet_ids"][0],
        networking_mode="VPC_NATIVE",
        ip_allocation_policy=container.ClusterIpAllocationPolicyArgs(
            cluster_secondary_range_name=network["pods_range"],
            services_secondary_range_name=network["services_range"],
        ),
        min_master_version=args["version"],
        release_channel=container.ClusterReleaseChannelArgs(
            channel=args.get("release_channel", ReleaseChannel.REGULAR).upper()
        ),
        datapath_provider="ADVANCED_DATAPATH",
        gateway_api_config=container.ClusterGatewayApiConfigArgs(channel="CHANNEL_STANDARD"),
        private_cluster_config=container.ClusterPrivateClusterConfigArgs(
            enable_private_nodes=True,
            enable_private_endpoint=mode is not ApiMode.RESTRICTED,
            master_ipv4_cidr_block=args.get("control_plane_cidr", CONTROL_PLANE_CIDR),
        ),
        control_plane_endpoints_config=container.ClusterControlPlaneEndpointsConfigArgs(
            dns_endpoint_config=container.ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs(
                # Knows no ranges: open to all of the internet, or to none of it.
                allow_external_traffic=mode is ApiMode.PUBLIC
            )
        ),
        master_authorized_networks_config=container.ClusterMasterAuthorizedNetworksConfigArgs(
            cidr_blocks=[
                container.ClusterMasterAuthorizedNetworksConfigCidrBlockArgs(cidr_block=cidr)
                for cidr in admitted
            ],
            gcp_public_cidrs_access_enabled=False,
        ),
        master_auth=container.ClusterMasterAuthArgs(
            client_certificate_config=container.ClusterMasterAuthClientCertificateConfigArgs(
                issue_client_certificate=False
            )
        ),
        enable_legacy_abac=False,
        enable_shielded_nodes=True,
        workload_identity_config=container.ClusterWorkloadIdentityConfigArgs(
            workload_pool=f"{location['account']}.svc.id.goog"
        ),
        database_encryption=container.ClusterDatabaseEncryptionArgs(
            state="ENCRYPTED", key_name=key.id
        ),
        logging_config=container.ClusterLoggingConfigArgs(enable_components=LOGS),
        monitoring_config=container.ClusterMonitoringConfigArgs(
            enable_components=METRICS,
            # Carries the metrics of all but the system components.
            managed_prometheus=container.ClusterMonitoringConfigManagedPrometheusArgs(enabled=True),
        ),
        cost_management_config=container.ClusterCostManagementConfigArgs(enabled=True),
        initial_node_count=1,
        remove_default_node_pool=True,
        node_config=container.ClusterNodeConfigArgs(service_account=account.email),
        deletion_protection=keep,
        resource_labels=_labels(args),
        opts=options,
    )


BACKEND: ClusterBackend = GcpCluster()
