"""A VPC in three zones: nodes in private subnets, NAT in small public ones, and load balancers."""

from ipaddress import IPv4Network
from itertools import islice

import pulumi
import pulumi_aws as aws

from stanchion.children import child_options
from stanchion.foundation.location import ZONES, Location
from stanchion.foundation.network._aws_flow_logs import flow_logs
from stanchion.foundation.network.contract import (
    FLOW_LOG_DAYS,
    NatGateways,
    NetworkArgs,
    NetworkBackend,
    NetworkParts,
)
from stanchion.foundation.tags import cloud_tags

ENDPOINTS = ("ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs", "ec2", "eks", "eks-auth")
"""Services that nodes and platform reach inside the VPC, and so at no charge per byte of NAT."""
PRIVATE_BITS = 2
"""Quarters of the range: three are the private subnets, where pods live too."""
SMALL_BITS = 6
"""Parts of the range: of the last quarter's, the first three are the public subnets, the next
three those of internal load balancers."""


class AwsNetwork:
    """A VPC with everything in it."""

    def balancers(self, addresses: IPv4Network) -> list[IPv4Network]:
        """The subnets that internal load balancers have to themselves."""
        return _small(addresses)[ZONES:]

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: NetworkArgs,
        addresses: IPv4Network,
        opts: pulumi.ResourceOptions | None,
    ) -> NetworkParts:
        """The VPC, its subnets and ways out, endpoints, and flow logs."""
        return _Vpc(parent, name, args, addresses, opts).parts()


class _Vpc:
    """One VPC being made: its parts share name, tags and options."""

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: NetworkArgs,
        addresses: IPv4Network,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._parent, self._name, self._opts = parent, name, opts
        self._keep = args.get("keep", False)
        self._environment = args["environment"]
        self._location: Location = args["location"]
        self._cidr = str(addresses)
        self._tags = cloud_tags(
            owner=args["owner"],
            cost_center=args["cost_center"],
            environment=self._environment,
        )
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=self._cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._named("vpc"),
            opts=self._child(keep=self._keep),
        )
        self._close_default_group()
        self._private = self._subnets("private", _private(addresses))
        self._public = self._subnets("public", _small(addresses)[:ZONES])
        # Apart from pods, so that these can tell a load balancer's address from each other's.
        self._route_table("balancers", self._subnets("balancers", _small(addresses)[ZONES:]))
        self._gateways(args.get("nat", NatGateways.PER_ZONE))
        self._endpoints()
        flow_logs(
            name,
            self._vpc.id,
            environment=self._environment,
            location=self._location,
            days=args.get("flow_log_days", FLOW_LOG_DAYS),
            tags=self._tags,
            held=self._child(keep=self._keep),
            plain=self._child(),
            keep=self._keep,
        )

    def parts(self) -> NetworkParts:
        """IDs, of subnets only once their routes lead out."""
        ways_out = [each.id for each in self._routes]
        return NetworkParts(
            network_id=self._vpc.id,
            subnet_ids=[
                pulumi.Output.all(subnet.id, *ways_out).apply(lambda known: str(known[0]))
                for subnet in self._private
            ],
            pods_range="",
            services_range="",
        )

    def _child(self, *depends_on: pulumi.Resource, keep: bool = False) -> pulumi.ResourceOptions:
        return child_options(self._parent, self._opts, depends_on=depends_on, keep=keep)

    def _named(self, part: str) -> dict[str, str]:
        """Tags with the name that the console shows: none of these things has another."""
        return {**self._tags, "Name": f"{self._environment}-{part}"}

    def _close_default_group(self) -> None:
        """A security group with no rule at all, which is what forgetting to name one gives."""
        aws.ec2.DefaultSecurityGroup(
            f"{self._name}-default-group",
            vpc_id=self._vpc.id,
            ingress=[],
            egress=[],
            tags=self._named("default-unused"),
            opts=self._child(),
        )

    def _subnets(self, kind: str, ranges: list[IPv4Network]) -> list[aws.ec2.Subnet]:
        """One per zone, tagged for those who look for subnets: load balancers, Karpenter."""
        discovery = {
            "private": {"karpenter.sh/discovery": self._environment},
            "public": {"kubernetes.io/role/elb": "1"},
            "balancers": {"kubernetes.io/role/internal-elb": "1"},
        }[kind]
        return [
            aws.ec2.Subnet(
                f"{self._name}-{kind}-{zone}",
                vpc_id=self._vpc.id,
                availability_zone=zone,
                cidr_block=str(cidr),
                map_public_ip_on_launch=False,
                tags={**self._named(f"{kind}-{zone}"), **discovery},
                opts=self._child(keep=self._keep),
            )
            for zone, cidr in zip(self._location["zones"], ranges, strict=True)
        ]

    def _gateways(self, nat: NatGateways) -> None:
        """Routes: public subnets to the internet gateway, private ones to a NAT gateway."""
        internet = aws.ec2.InternetGateway(
            f"{self._name}-internet",
            vpc_id=self._vpc.id,
            tags=self._named("internet"),
            opts=self._child(),
        )
        public = self._route_table("public", self._public)
        outside = aws.ec2.Route(
            f"{self._name}-public-out",
            route_table_id=public.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=internet.id,
            opts=self._child(),
        )
        count = 1 if nat is NatGateways.SINGLE else len(self._public)
        gateways = [self._nat(at, outside) for at in range(count)]
        self._tables, self._routes = [], list[pulumi.CustomResource]()
        for at, subnet in enumerate(self._private):
            zone = self._location["zones"][at]
            table = self._route_table(f"private-{zone}", [subnet])
            self._tables.append(table)
            self._routes.append(
                aws.ec2.Route(
                    f"{self._name}-private-{zone}-out",
                    route_table_id=table.id,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=gateways[at % count].id,
                    opts=self._child(),
                )
            )

    def _route_table(self, kind: str, subnets: list[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            f"{self._name}-{kind}-routes",
            vpc_id=self._vpc.id,
            tags=self._named(kind),
            opts=self._child(),
        )
        for at, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{kind}-routes-{at}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self._child(),
            )
        return table

    def _nat(self, at: int, outside: aws.ec2.Route) -> aws.ec2.NatGateway:
        """A NAT gateway; its address is kept, since others put it on their lists."""
        zone = self._location["zones"][at]
        address = aws.ec2.Eip(
            f"{self._name}-nat-{zone}-address",
            domain="vpc",
            tags=self._named(f"nat-{zone}"),
            opts=self._child(outside, keep=self._keep),
        )
        return aws.ec2.NatGateway(
            f"{self._name}-nat-{zone}",
            subnet_id=self._public[at].id,
            allocation_id=address.id,
            connectivity_type="public",
            tags=self._named(f"nat-{zone}"),
            opts=self._child(outside),
        )

    def _endpoints(self) -> None:
        """Private ways to storage, registry, secrets, logs and the APIs that nodes call."""
        service = f"com.amazonaws.{self._location['region']}"
        group = aws.ec2.SecurityGroup(
            f"{self._name}-endpoints-group",
            name=f"{self._environment}-endpoints",
            description="HTTPS from the VPC to the endpoints of AWS services",
            vpc_id=self._vpc.id,
            tags=self._named("endpoints"),
            opts=self._child(),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-endpoints-https",
            security_group_id=group.id,
            description="HTTPS from the VPC",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=self._cidr,
            tags=self._named("endpoints-https"),
            opts=self._child(),
        )
        aws.ec2.VpcEndpoint(
            f"{self._name}-endpoint-s3",
            vpc_id=self._vpc.id,
            service_name=f"{service}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in self._tables],
            tags=self._named("endpoint-s3"),
            opts=self._child(),
        )
        for each in ENDPOINTS:
            part = f"endpoint-{each.replace('.', '-')}"
            aws.ec2.VpcEndpoint(
                f"{self._name}-{part}",
                vpc_id=self._vpc.id,
                service_name=f"{service}.{each}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in self._private],
                security_group_ids=[group.id],
                tags=self._named(part),
                opts=self._child(),
            )


def _private(addresses: IPv4Network) -> list[IPv4Network]:
    return list(islice(addresses.subnets(PRIVATE_BITS), ZONES))


def _small(addresses: IPv4Network) -> list[IPv4Network]:
    *_, last = addresses.subnets(PRIVATE_BITS)
    return list(islice(last.subnets(SMALL_BITS - PRIVATE_BITS), 2 * ZONES))


BACKEND: NetworkBackend = AwsNetwork()
"""What `Network` takes for AWS."""
