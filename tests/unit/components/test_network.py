"""The network of an environment, in each cloud."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import botocore.session
import googleapiclient
import pulumi
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion.foundation.network.contract import KEPT_DAYS
from stanchion_cli.preview import typecheck
from unit.components.world import Registered, World, deploy

LOCATIONS: dict[str, dict[str, Any]] = {
    "aws": {
        "cloud": "aws",
        "account": "123456789012",
        "region": "us-east-1",
        "zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
    },
    "gcp": {
        "cloud": "gcp",
        "account": "stanchion-dev",
        "region": "us-central1",
        "zones": ["us-central1-a", "us-central1-b", "us-central1-c"],
    },
}
CIDR = IPv4Network("10.20.0.0/16")
TAGS = {
    "owner": "team-a",
    "cost-center": "cc-1",
    "environment": "dev",
    "managed-by": "stanchion",
}
COMPUTE = "gcp:compute/"


def network(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """A network named net of the environment dev."""
    args = {
        "location": LOCATIONS[cloud],
        "environment": "dev",
        "owner": "team-a",
        "cost_center": "cc-1",
        "cidr": str(CIDR),
        **changes,
    }

    def program() -> Any:
        made = stanchion.Network("net", cast("stanchion.NetworkArgs", args))
        return pulumi.Output.all(
            reference=made.reference, cidr=made.cidr, balancers=made.balancer_cidrs
        )

    return deploy(program, preview=preview)


def of(world: World, kind: str) -> list[Registered]:
    """Resources of a type, named by its last part."""
    return [each for each in world.resources if each.type.endswith(f":{kind}")]


def one(world: World, kind: str) -> Mapping[str, Any]:
    """The inputs of the only resource of a type."""
    (found,) = of(world, kind)
    return found.inputs


def subnets(world: World, kind: str) -> list[Registered]:
    """Subnets on AWS: private, public or balancers."""
    return [each for each in of(world, "Subnet") if f"-{kind}-" in each.name]


def nodes(world: World) -> Mapping[str, Any]:
    """The subnet of nodes on Google Cloud."""
    (found,) = [each.inputs for each in of(world, "Subnetwork") if each.name == "net-nodes"]
    return found


def enumeration(document: str, schema: str, *path: str) -> list[str]:
    """Values of a field in a discovery document of Google Cloud."""
    folder = Path(googleapiclient.__path__[0]) / "discovery_cache" / "documents"
    found = json.loads((folder / f"{document}.json").read_text("utf-8"))["schemas"][schema]
    for part in path:
        found = found["properties"][part]
    return list((found.get("items") or found)["enum"])


@pytest.fixture(scope="module", params=["aws", "gcp"])
def either(request: pytest.FixtureRequest) -> World:
    return network(request.param)


@pytest.fixture(scope="module")
def on_aws() -> World:
    return network("aws")


@pytest.fixture(scope="module")
def on_gcp() -> World:
    return network("gcp")


def test_every_input_is_one_the_providers_know(either: World) -> None:
    resources: list[dict[str, Any]] = [
        {"urn": each.urn, "type": each.type, "inputs": each.wire} for each in either.resources
    ]
    assert typecheck.check(resources) == []
    misspelt = [{**each, "inputs": {**each["inputs"], "cdir": "x"}} for each in resources]
    assert len(typecheck.check(misspelt)) >= len(resources) - 1


def test_everything_is_a_child_of_the_network(either: World) -> None:
    (made, *children) = either.resources
    assert made.type == "stanchion:index:Network"
    assert {each.parent for each in children} == {made.urn}
    assert all(each.name.startswith("net-") for each in children)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_kept_network_its_subnets_and_its_logs_are_protected(cloud: str, keep: bool) -> None:
    world = network(cloud, keep=keep)
    holding = {
        "aws": ("Vpc", "Subnet", "Eip", "LogGroup"),
        "gcp": ("compute/network:Network", "Subnetwork", "GlobalAddress", "ProjectBucketConfig"),
    }[cloud]
    held = [each for kind in holding for each in world.resources if each.type.endswith(kind)]
    assert len(held) >= len(holding)
    assert all(each.protect is keep and each.retain is keep for each in held)
    if cloud == "aws":
        assert one(world, "LogGroup")["deletionProtectionEnabled"] is keep
    else:
        assert {each.inputs["deletionPolicy"] for each in held} == {"PREVENT" if keep else "DELETE"}


def test_cost_tags_are_on_everything_that_can_have_them(on_aws: World, on_gcp: World) -> None:
    untagged = {"RouteTableAssociation", "Route", "RolePolicy", "Network"}
    for each in on_aws.resources:
        if each.type.rpartition(":")[2] not in untagged:
            assert TAGS.items() <= each.inputs["tags"].items(), each.name
    assert one(on_gcp, "GlobalAddress")["labels"] == TAGS


@pytest.mark.parametrize("length", [16, 20])
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_parts_of_the_range_lie_in_it_and_apart(cloud: str, length: int) -> None:
    whole = IPv4Network(f"10.20.0.0/{length}")
    world = network(cloud, cidr=str(whole))
    if cloud == "aws":
        parts = [IPv4Network(each.inputs["cidrBlock"]) for each in of(world, "Subnet")]
        assert len(parts) == 9
        assert min(each.num_addresses for each in parts) >= 64  # a load balancer wants a /27
    else:
        subnet, reserved = nodes(world), one(world, "GlobalAddress")
        parts = [
            *(IPv4Network(each.inputs["ipCidrRange"]) for each in of(world, "Subnetwork")),
            *(IPv4Network(each["ipCidrRange"]) for each in subnet["secondaryIpRanges"]),
            IPv4Network(f"{reserved['address']}/{reserved['prefixLength']}"),
        ]
        assert parts[-1].prefixlen <= 24  # Cloud SQL's smallest
        assert min(each.num_addresses for each in parts) >= 64  # the proxies' smallest is a /26
    assert all(each.subnet_of(whole) for each in parts)
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))


def test_zones_come_in_their_order(on_aws: World) -> None:
    zones = LOCATIONS["aws"]["zones"]
    made = {f"{each.name}-id": each.inputs for each in subnets(on_aws, "private")}
    ids = on_aws.exports["reference"]["subnet_ids"]
    assert [made[each]["availabilityZone"] for each in ids] == zones


def test_the_reference_is_what_clusters_take(on_aws: World, on_gcp: World) -> None:
    aws, gcp = on_aws.exports["reference"], on_gcp.exports["reference"]
    assert set(aws) == set(gcp) == set(stanchion.NetworkReference.__annotations__)
    assert aws["network_id"] == "net-vpc-id"
    assert (aws["pods_range"], aws["services_range"]) == ("", "")
    names = {each["rangeName"] for each in nodes(on_gcp)["secondaryIpRanges"]}
    assert {gcp["pods_range"], gcp["services_range"]} == names
    assert aws["cidr"] == gcp["cidr"] == on_aws.exports["cidr"] == str(CIDR)
    root = "https://www.googleapis.com/compute/v1/projects/stanchion-dev"
    assert gcp["network_id"] == f"{root}/global/networks/dev"
    assert gcp["subnet_ids"] == [f"{root}/regions/us-central1/subnetworks/dev-nodes"]


def test_links_are_known_in_a_preview_on_google_cloud() -> None:
    assert network("gcp", preview=True).exports["reference"]["network_id"].endswith("/dev")


@pytest.mark.parametrize(("nat", "gateways"), [("single", 1), ("per_zone", 3), (None, 3)])
def test_nat_gateways_are_one_or_one_in_each_zone(nat: str | None, gateways: int) -> None:
    world = network("aws", nat=nat)
    assert len(of(world, "NatGateway")) == len(of(world, "Eip")) == gateways
    routes = [each for each in of(world, "Route") if "private" in each.name]
    used = {each.inputs["natGatewayId"] for each in routes}
    assert len(routes) == 3
    assert used == {f"{each.name}-id" for each in of(world, "NatGateway")}
    assert all("gatewayId" not in each.inputs for each in routes)
    public = {f"{each.name}-id" for each in subnets(world, "public")}
    assert {each.inputs["subnetId"] for each in of(world, "NatGateway")} <= public


def test_a_nat_gateway_waits_for_the_way_out(on_aws: World) -> None:
    (outside,) = [each for each in of(on_aws, "Route") if "public" in each.name]
    assert outside.inputs["gatewayId"] == "net-internet-id"
    assert all(on_aws.waits_for(each, outside) for each in of(on_aws, "NatGateway"))


def test_no_subnet_hands_out_public_addresses(on_aws: World) -> None:
    assert {each.inputs["mapPublicIpOnLaunch"] for each in of(on_aws, "Subnet")} == {False}


def test_subnets_are_found_by_load_balancers_and_karpenter(on_aws: World) -> None:
    for each in subnets(on_aws, "private"):
        assert each.inputs["tags"]["karpenter.sh/discovery"] == "dev"
        assert "kubernetes.io/role/internal-elb" not in each.inputs["tags"]
    for each in subnets(on_aws, "balancers"):
        assert each.inputs["tags"]["kubernetes.io/role/internal-elb"] == "1"
        assert "karpenter.sh/discovery" not in each.inputs["tags"]
    for each in subnets(on_aws, "public"):
        assert each.inputs["tags"]["kubernetes.io/role/elb"] == "1"
        assert "karpenter.sh/discovery" not in each.inputs["tags"]


def test_no_pod_has_an_address_that_load_balancers_connect_from(
    on_aws: World, on_gcp: World
) -> None:
    told = stanchion.balancer_cidrs(stanchion.Cloud.AWS, str(CIDR))
    assert told == sorted(each.inputs["cidrBlock"] for each in subnets(on_aws, "balancers"))
    assert told == on_aws.exports["balancers"]
    (proxies,) = [each.inputs for each in of(on_gcp, "Subnetwork") if "proxies" in each.name]
    told = stanchion.balancer_cidrs(stanchion.Cloud.GCP, str(CIDR))
    assert told == [proxies["ipCidrRange"], "35.191.0.0/16", "130.211.0.0/22"]
    assert (proxies["purpose"], proxies["role"]) == ("REGIONAL_MANAGED_PROXY", "ACTIVE")


def test_load_balancers_have_no_way_out(on_aws: World) -> None:
    (table,) = [each for each in of(on_aws, "RouteTable") if "balancers" in each.name]
    assert not [
        each for each in of(on_aws, "Route") if each.inputs["routeTableId"] == f"{table.name}-id"
    ]
    joined = {
        each.inputs["subnetId"]
        for each in of(on_aws, "RouteTableAssociation")
        if each.inputs["routeTableId"] == f"{table.name}-id"
    }
    assert joined == {f"{each.name}-id" for each in subnets(on_aws, "balancers")}


def test_the_default_security_group_admits_nothing(on_aws: World) -> None:
    assert one(on_aws, "DefaultSecurityGroup")["ingress"] == []
    assert one(on_aws, "DefaultSecurityGroup")["egress"] == []


def test_endpoints_are_reached_from_the_vpc_alone(on_aws: World) -> None:
    rule = one(on_aws, "SecurityGroupIngressRule")
    assert rule["cidrIpv4"] == str(CIDR)
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 443, 443)
    group = one(on_aws, "SecurityGroup")
    assert "ingress" not in group
    assert "egress" not in group
    interfaces = [
        each.inputs
        for each in of(on_aws, "VpcEndpoint")
        if each.inputs["vpcEndpointType"] == "Interface"
    ]
    assert all(each["securityGroupIds"] == ["net-endpoints-group-id"] for each in interfaces)
    assert all(each["privateDnsEnabled"] and len(each["subnetIds"]) == 3 for each in interfaces)


def test_endpoints_are_those_of_services_that_exist(on_aws: World) -> None:
    session = botocore.session.get_session()
    endpoints = {each.inputs["serviceName"]: each.inputs for each in of(on_aws, "VpcEndpoint")}
    assert all(name.startswith("com.amazonaws.us-east-1.") for name in endpoints)
    short = {name.removeprefix("com.amazonaws.us-east-1.") for name in endpoints}
    assert short == {
        *("s3", "ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs", "ec2", "eks", "eks-auth")
    }
    assert {each.partition(".")[0] for each in short} <= {*session.get_available_services()}
    storage = endpoints["com.amazonaws.us-east-1.s3"]
    assert storage["vpcEndpointType"] == "Gateway"
    assert len(storage["routeTableIds"]) == 3


def test_aws_enumerations_are_botocores(on_aws: World) -> None:
    model = botocore.session.get_session().get_service_model("ec2")
    log = one(on_aws, "FlowLog")
    assert log["trafficType"] in model.shape_for("TrafficType").enum
    assert log["logDestinationType"] in model.shape_for("LogDestinationType").enum
    kinds = {each.inputs["vpcEndpointType"] for each in of(on_aws, "VpcEndpoint")}
    assert kinds <= {*model.shape_for("VpcEndpointType").enum}
    domains = {each.inputs["domain"] for each in of(on_aws, "Eip")}
    assert domains <= {*model.shape_for("DomainType").enum}
    connectivity = {each.inputs["connectivityType"] for each in of(on_aws, "NatGateway")}
    assert connectivity <= {*model.shape_for("ConnectivityType").enum}


def test_the_flow_log_role_writes_one_log_group_and_nothing_else(on_aws: World) -> None:
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/stanchion/dev/flow-logs"
    (statement,) = json.loads(one(on_aws, "RolePolicy")["policy"])["Statement"]
    assert statement["Resource"] == [arn, f"{arn}:*"]
    assert all(each.startswith("logs:") and "*" not in each for each in statement["Action"])
    operations = {
        f"logs:{each}"
        for each in botocore.session.get_session().get_service_model("logs").operation_names
    }
    assert {*statement["Action"]} <= operations
    assert one(on_aws, "FlowLog")["logDestination"] == arn
    (trust,) = json.loads(one(on_aws, "Role")["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_arns_of_the_government_cloud_are_of_its_partition() -> None:
    region = "us-gov-west-1"
    zones = [f"{region}{each}" for each in "abc"]
    place = {**LOCATIONS["aws"], "region": region, "zones": zones}
    assert one(network("aws", location=place), "FlowLog")["logDestination"].startswith(
        "arn:aws-us-gov:logs:us-gov-west-1:"
    )


def test_flow_logs_are_kept_for_the_days_asked_for() -> None:
    assert one(network("aws", flow_log_days=400), "LogGroup")["retentionInDays"] == 400
    assert one(network("gcp", flow_log_days=400), "ProjectBucketConfig")["retentionDays"] == 400
    assert one(network("aws"), "LogGroup")["retentionInDays"] == 90


def test_flow_logs_of_the_subnet_go_to_its_bucket(on_gcp: World) -> None:
    sink, bucket = one(on_gcp, "ProjectSink"), one(on_gcp, "ProjectBucketConfig")
    assert sink["destination"] == (
        "logging.googleapis.com/projects/stanchion-dev/locations/us-central1/buckets/"
        + bucket["bucketId"]
    )
    assert f'subnetwork_name="{nodes(on_gcp)["name"]}"' in sink["filter"]
    assert on_gcp.waits_for(of(on_gcp, "ProjectSink")[0], of(on_gcp, "ProjectBucketConfig")[0])


def test_the_subnet_reaches_google_privately_and_its_flows_are_logged(on_gcp: World) -> None:
    (made,) = [each for each in on_gcp.resources if each.type == f"{COMPUTE}network:Network"]
    assert made.inputs["autoCreateSubnetworks"] is False
    subnet = nodes(on_gcp)
    assert subnet["privateIpGoogleAccess"] is True
    assert 0 < subnet["logConfig"]["flowSampling"] <= 1


def test_managed_services_get_addresses_of_the_network(on_gcp: World) -> None:
    reserved = one(on_gcp, "GlobalAddress")
    assert reserved["purpose"] == "VPC_PEERING"
    connection = one(on_gcp, "Connection")
    assert connection["reservedPeeringRanges"] == [reserved["name"]]
    assert connection["service"] == "servicenetworking.googleapis.com"


@pytest.mark.parametrize(("nat", "fewest"), [("single", 64), ("per_zone", 1024)])
def test_cloud_nat_gives_ports_by_profile_and_logs_errors(nat: str, fewest: int) -> None:
    made = one(network("gcp", nat=nat), "RouterNat")
    assert made["minPortsPerVm"] == fewest
    for ports in (made["minPortsPerVm"], made["maxPortsPerVm"]):
        assert ports & (ports - 1) == 0
    assert made["enableEndpointIndependentMapping"] is False  # refused with dynamic ports
    assert made["logConfig"] == {"enable": True, "filter": "ERRORS_ONLY"}


def test_nothing_comes_in_but_from_the_network_itself_and_googles_checks(on_gcp: World) -> None:
    rules = {each.name: each.inputs for each in of(on_gcp, "Firewall")}
    deny, internal = rules["net-deny"], rules["net-internal"]
    assert deny["denies"] == [{"protocol": "all"}]
    assert deny["sourceRanges"] == ["0.0.0.0/0"]
    assert "logConfig" in deny
    assert internal["priority"] < deny["priority"]
    assert all(IPv4Network(each).subnet_of(CIDR) for each in internal["sourceRanges"])
    balancers = rules["net-balancers"]
    assert balancers["sourceRanges"] == stanchion.balancer_cidrs(stanchion.Cloud.GCP, str(CIDR))
    admitting = {name for name, each in rules.items() if "allows" in each}
    assert admitting == {"net-balancers", "net-internal"}


def test_google_enumerations_are_the_discovery_documents(on_gcp: World) -> None:
    subnet, nat = nodes(on_gcp), one(on_gcp, "RouterNat")
    (proxies,) = [each.inputs for each in of(on_gcp, "Subnetwork") if "proxies" in each.name]
    reserved = one(on_gcp, "GlobalAddress")
    (deny,) = [each.inputs for each in of(on_gcp, "Firewall") if each.name == "net-deny"]
    (made,) = [each for each in on_gcp.resources if each.type == f"{COMPUTE}network:Network"]
    used = [
        (made.inputs["routingMode"], ("NetworkRoutingConfig", "routingMode")),
        (subnet["purpose"], ("Subnetwork", "purpose")),
        (subnet["stackType"], ("Subnetwork", "stackType")),
        (proxies["purpose"], ("Subnetwork", "purpose")),
        (proxies["role"], ("Subnetwork", "role")),
        (
            subnet["logConfig"]["aggregationInterval"],
            ("SubnetworkLogConfig", "aggregationInterval"),
        ),
        (subnet["logConfig"]["metadata"], ("SubnetworkLogConfig", "metadata")),
        (nat["natIpAllocateOption"], ("RouterNat", "natIpAllocateOption")),
        (
            nat["sourceSubnetworkIpRangesToNat"],
            ("RouterNat", "sourceSubnetworkIpRangesToNat"),
        ),
        (nat["logConfig"]["filter"], ("RouterNatLogConfig", "filter")),
        (
            nat["subnetworks"][0]["sourceIpRangesToNats"][0],
            ("RouterNatSubnetworkToNat", "sourceIpRangesToNat"),
        ),
        (reserved["purpose"], ("Address", "purpose")),
        (reserved["addressType"], ("Address", "addressType")),
        (deny["direction"], ("Firewall", "direction")),
        (deny["logConfig"]["metadata"], ("FirewallLogConfig", "metadata")),
    ]
    for value, (schema, *path) in used:
        assert value in enumeration("compute.v1", schema, *path), (schema, path)


@pytest.mark.parametrize(
    ("cloud", "wrong", "told"),
    [
        ("aws", {"cidr": "10.20.0.0/24"}, "cidr: /24 is out of range; write /16 to /20"),
        ("gcp", {"cidr": "10.0.0.0/8"}, "cidr: /8 is out of range; write /16 to /20"),
        ("aws", {"cidr": "10.20.1.0/16"}, "cidr: 10.20.1.0/16 has host bits set; write the first"),
        ("aws", {"cidr": "a network"}, "cidr: 'a network' does not appear to be an IPv4 or IPv6"),
        ("aws", {"cidr": "fd00::/16"}, "cidr: fd00::/16 is no IPv4 range"),
        ("aws", {"cidr": "8.8.0.0/16"}, "cidr: 8.8.0.0/16 is not private; choose from 10.0.0.0/8"),
        ("gcp", {"cidr": "172.17.0.0/18"}, "cidr: 172.17.0.0/18 overlaps 172.17.0.0/16, Docker's"),
        (
            "gcp",
            {"reserved_cidrs": ["10.9.0.0/16", "10.16.0.0/12"]},
            "cidr: 10.20.0.0/16 overlaps reserved_cidrs[1], 10.16.0.0/12; choose a free range",
        ),
        ("aws", {"reserved_cidrs": ["10.1"]}, "reserved_cidrs[0]: '10.1' does not appear"),
        ("aws", {"flow_log_days": 100}, "flow_log_days: 100 is no retention time; write 90"),
        ("aws", {"nat": "two"}, "nat: 'two' is unknown; write one of single, per_zone"),
        ("aws", {"environment": "Prod"}, "environment: 'Prod' is no name"),
        ("gcp", {"cost_center": "cc 1"}, "cost_center: 'cc 1' cannot be a label"),
        (
            "aws",
            {"location": {**LOCATIONS["aws"], "account": "12"}},
            "location.account: '12' is no account; write the 12 digits of an AWS account",
        ),
        (
            "gcp",
            {"location": {**LOCATIONS["gcp"], "account": "My Project"}},
            "location.account: 'My Project' is no account; write a Google Cloud project ID",
        ),
        (
            "aws",
            {"location": {**LOCATIONS["aws"], "zones": ["us-east-1a", "us-east-1b"]}},
            "location.zones: has 2 zones; name 3 of the region",
        ),
        (
            "gcp",
            {"location": {**LOCATIONS["gcp"], "zones": LOCATIONS["aws"]["zones"]}},
            "location.zones[0]: 'us-east-1a' is no zone of location.region, us-central1",
        ),
        (
            "aws",
            {"location": {**LOCATIONS["aws"], "zones": ["us-east-1a"] * 3}},
            "location.zones: 'us-east-1a' is there twice; remove one",
        ),
        (
            "aws",
            {"location": {**LOCATIONS["aws"], "cloud": "local"}},
            "cloud: 'local' has no backend here yet; write one of aws, gcp",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(
    cloud: str, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentsError) as error:
        network(cloud, **wrong)
    assert told in str(error.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ArgumentsError) as error:
        network("aws", cidr="8.8.0.0/24", flow_log_days=2, environment="X", owner="")
    assert len(error.value.problems) == 5


def test_retention_times_are_those_of_cloudwatch() -> None:
    model = botocore.session.get_session().get_service_model("logs")
    told = model.shape_for("PutRetentionPolicyRequest").members["retentionInDays"].documentation
    assert {*map(int, re.findall(r"\d+", told))} == {*KEPT_DAYS}
