"""A custom-mode VPC with one regional subnet for nodes, pods and services, and Cloud NAT."""

from ipaddress import IPv4Network

import pulumi
import pulumi_gcp as gcp

from stanchion.children import child_options
from stanchion.foundation.network._gcp_plan import CHECKS, plan
from stanchion.foundation.network.contract import (
    FLOW_LOG_DAYS,
    NatGateways,
    NetworkArgs,
    NetworkBackend,
    NetworkParts,
)
from stanchion.foundation.tags import cloud_tags

PODS_RANGE, SERVICES_RANGE = "pods", "services"
FLOW_SAMPLING = 0.5
"""Part of the connections that are logged."""
NAT_PORTS = {NatGateways.SINGLE: (64, 4096), NatGateways.PER_ZONE: (1024, 32768)}
"""Fewest and most ports of a VM: powers of two, as dynamic allocation wants them."""
ALLOW_PRIORITY, DENY_PRIORITY = 1000, 65534
"""Of two firewall rules the lower number wins; 65535 is the cloud's own last rule."""
_API = "https://www.googleapis.com/compute/v1"


class GcpNetwork:
    """A VPC network with everything in it."""

    def balancers(self, addresses: IPv4Network) -> list[IPv4Network]:
        """The proxies' own subnet, and Google's health checks."""
        return [plan(addresses).proxies, *CHECKS]

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: NetworkArgs,
        addresses: IPv4Network,
        opts: pulumi.ResourceOptions | None,
    ) -> NetworkParts:
        """The network, its subnet, way out, private services, firewall and flow logs."""
        return _Vpc(parent, name, args, addresses, opts).parts()


class _Vpc:
    """One network being made: its parts share project, names and options."""

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: NetworkArgs,
        addresses: IPv4Network,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._parent, self._name, self._opts, self._args = parent, name, opts, args
        self._environment = args["environment"]
        self._project = args["location"]["account"]
        self._region = args["location"]["region"]
        self._keep = args.get("keep", False)
        self._held = "PREVENT" if self._keep else "DELETE"
        self._plan = plan(addresses)

        self._network = gcp.compute.Network(
            f"{name}-network",
            project=self._project,
            name=self._environment,
            description=f"Network of {self._environment}",
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            deletion_policy=self._held,
            opts=self._child(keep=self._keep),
        )
        self._subnet = self._subnetwork()
        self._proxies()
        self._nat = self._way_out(args.get("nat", NatGateways.PER_ZONE))
        self._connection = self._managed_services()
        self._firewall()
        self._flow_logs(args.get("flow_log_days", FLOW_LOG_DAYS))

    def parts(self) -> NetworkParts:
        """Links, known before anything is made; their users wait for NAT and private services."""
        project = f"{_API}/projects/{self._project}"
        network = f"{project}/global/networks/{self._environment}"
        subnet = f"{project}/regions/{self._region}/subnetworks/{self._subnet_name}"
        return NetworkParts(
            network_id=_after(network, self._network.name, self._connection.service),
            subnet_ids=[_after(subnet, self._subnet.name, self._nat.name)],
            pods_range=PODS_RANGE,
            services_range=SERVICES_RANGE,
        )

    @property
    def _subnet_name(self) -> str:
        return f"{self._environment}-nodes"

    def _child(self, *depends_on: pulumi.Resource, keep: bool = False) -> pulumi.ResourceOptions:
        return child_options(self._parent, self._opts, depends_on=depends_on, keep=keep)

    def _subnetwork(self) -> gcp.compute.Subnetwork:
        """Nodes, with ranges for pods and services; Google's APIs are reached privately."""
        return gcp.compute.Subnetwork(
            f"{self._name}-nodes",
            project=self._project,
            region=self._region,
            name=self._subnet_name,
            network=self._network.id,
            ip_cidr_range=str(self._plan.nodes),
            private_ip_google_access=True,
            purpose="PRIVATE",
            stack_type="IPV4_ONLY",
            secondary_ip_ranges=[
                gcp.compute.SubnetworkSecondaryIpRangeArgs(
                    range_name=PODS_RANGE, ip_cidr_range=str(self._plan.pods)
                ),
                gcp.compute.SubnetworkSecondaryIpRangeArgs(
                    range_name=SERVICES_RANGE, ip_cidr_range=str(self._plan.services)
                ),
            ],
            log_config=gcp.compute.SubnetworkLogConfigArgs(
                aggregation_interval="INTERVAL_10_MIN",
                flow_sampling=FLOW_SAMPLING,
                metadata="INCLUDE_ALL_METADATA",
            ),
            deletion_policy=self._held,
            opts=self._child(keep=self._keep),
        )

    def _proxies(self) -> None:
        """Where the region's internal HTTP load balancers work, and connect from."""
        gcp.compute.Subnetwork(
            f"{self._name}-proxies",
            project=self._project,
            region=self._region,
            name=f"{self._environment}-proxies",
            network=self._network.id,
            ip_cidr_range=str(self._plan.proxies),
            purpose="REGIONAL_MANAGED_PROXY",
            role="ACTIVE",
            deletion_policy=self._held,
            opts=self._child(keep=self._keep),
        )

    def _way_out(self, nat: NatGateways) -> gcp.compute.RouterNat:
        """Cloud NAT, which is regional and survives the loss of a zone by itself."""
        router = gcp.compute.Router(
            f"{self._name}-router",
            project=self._project,
            region=self._region,
            name=f"{self._environment}-router",
            network=self._network.id,
            opts=self._child(),
        )
        fewest, most = NAT_PORTS[nat]
        return gcp.compute.RouterNat(
            f"{self._name}-nat",
            project=self._project,
            region=self._region,
            name=f"{self._environment}-nat",
            router=router.name,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[
                gcp.compute.RouterNatSubnetworkArgs(
                    name=self._subnet.id, source_ip_ranges_to_nats=["ALL_IP_RANGES"]
                )
            ],
            enable_dynamic_port_allocation=True,
            enable_endpoint_independent_mapping=False,
            min_ports_per_vm=fewest,
            max_ports_per_vm=most,
            log_config=gcp.compute.RouterNatLogConfigArgs(enable=True, filter="ERRORS_ONLY"),
            opts=self._child(),
        )

    def _managed_services(self) -> gcp.servicenetworking.Connection:
        """Private service access: Google's managed services get addresses of this network.

        Google holds on to the peering for days after the last database is gone: it is left to
        go with the network.
        """
        reserved = gcp.compute.GlobalAddress(
            f"{self._name}-managed-services",
            project=self._project,
            name=f"{self._environment}-managed-services",
            network=self._network.id,
            purpose="VPC_PEERING",
            address_type="INTERNAL",
            address=str(self._plan.managed.network_address),
            prefix_length=self._plan.managed.prefixlen,
            labels=cloud_tags(
                owner=self._args["owner"],
                cost_center=self._args["cost_center"],
                environment=self._environment,
            ),
            deletion_policy=self._held,
            opts=self._child(keep=self._keep),
        )
        return gcp.servicenetworking.Connection(
            f"{self._name}-private-access",
            network=self._network.id,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[reserved.name],
            deletion_policy="ABANDON",
            opts=self._child(keep=self._keep),
        )

    def _firewall(self) -> None:
        """Nothing comes in but from the network's own addresses, and what is refused is logged."""
        logged = gcp.compute.FirewallLogConfigArgs(metadata="INCLUDE_ALL_METADATA")
        gcp.compute.Firewall(
            f"{self._name}-deny",
            project=self._project,
            name=f"{self._environment}-deny-ingress",
            description="Refuses and logs what no other rule admits",
            network=self._network.id,
            direction="INGRESS",
            priority=DENY_PRIORITY,
            source_ranges=["0.0.0.0/0"],
            denies=[gcp.compute.FirewallDenyArgs(protocol="all")],
            log_config=logged,
            opts=self._child(),
        )
        gcp.compute.Firewall(
            f"{self._name}-internal",
            project=self._project,
            name=f"{self._environment}-allow-internal",
            description="Admits nodes and pods to each other",
            network=self._network.id,
            direction="INGRESS",
            priority=ALLOW_PRIORITY,
            source_ranges=[str(self._plan.nodes), str(self._plan.pods)],
            allows=[
                gcp.compute.FirewallAllowArgs(protocol=each) for each in ("tcp", "udp", "icmp")
            ],
            opts=self._child(),
        )

        gcp.compute.Firewall(
            f"{self._name}-balancers",
            project=self._project,
            name=f"{self._environment}-allow-balancers",
            description="Admits internal load balancers, and their health checks, to pods",
            network=self._network.id,
            direction="INGRESS",
            priority=ALLOW_PRIORITY,
            source_ranges=[str(each) for each in (self._plan.proxies, *CHECKS)],
            allows=[gcp.compute.FirewallAllowArgs(protocol="tcp")],
            opts=self._child(),
        )

    def _flow_logs(self, days: int) -> None:
        """A log bucket of its own, for the project's default one has one retention for all."""
        bucket_id = f"{self._environment}-flow-logs"
        bucket = gcp.logging.ProjectBucketConfig(
            f"{self._name}-flow-log-bucket",
            project=self._project,
            location=self._region,
            bucket_id=bucket_id,
            description=f"Flow logs of {self._environment}",
            retention_days=days,
            deletion_policy=self._held,
            opts=self._child(keep=self._keep),
        )
        path = f"projects/{self._project}/locations/{self._region}/buckets/{bucket_id}"
        gcp.logging.ProjectSink(
            f"{self._name}-flow-log-sink",
            project=self._project,
            name=f"{self._environment}-flow-logs",
            description="Flow logs of one subnet, for as long as its environment keeps them",
            destination=f"logging.googleapis.com/{path}",
            filter=" AND ".join(
                [
                    f'logName="projects/{self._project}/logs/compute.googleapis.com%2Fvpc_flows"',
                    f'resource.labels.subnetwork_name="{self._subnet_name}"',
                ]
            ),
            unique_writer_identity=True,
            opts=self._child(bucket),
        )


def _after(value: str, *made: pulumi.Output[str]) -> pulumi.Output[str]:
    """`value`, for users who must wait for the resources that `made` are given inputs of."""
    return pulumi.Output.all(value, *made).apply(lambda known: str(known[0]))


BACKEND: NetworkBackend = GcpNetwork()
"""What `Network` takes for Google Cloud."""
