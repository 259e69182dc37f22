"""HTTPS on private addresses: each cloud's own load balancer and certificate."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import botocore.session
import googleapiclient
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion_cli.preview import typecheck
from unit.components.programs import OWNED, mlflow
from unit.components.test_network import LOCATIONS
from unit.components.world import World, deploy

HOST = "mlflow.ml.example.com"
ZONES = {"aws": "Z0123456789ABCDEFGHIJ", "gcp": "ml-example-com"}
ALB = "alb.ingress.kubernetes.io/"
COMPUTED: dict[str, Any] = {
    "aws:acm/certificate:Certificate": {
        "arn": "arn:aws:acm:us-east-1:123456789012:certificate/one",
        "domainValidationOptions": [
            {
                "domainName": HOST,
                "resourceRecordName": f"_a.{HOST}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_b.acm-validations.aws.",
            }
        ],
    },
    "aws:route53/record:Record": {"fqdn": f"_a.{HOST}"},
    "kubernetes:networking.k8s.io/v1:Ingress": {
        "status": {"loadBalancer": {"ingress": [{"hostname": "internal-one.elb.example.com"}]}}
    },
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": {
        "dnsResourceRecords": [{"name": f"_a.{HOST}.", "type": "CNAME", "data": "b.authorize."}]
    },
    "gcp:compute/address:Address": {"address": "10.20.130.7"},
}


def ingress(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """A way to the Service mlflow."""
    args = {
        "location": LOCATIONS[cloud],
        "environment": "prod",
        **OWNED,
        "network": {
            "network_id": "network",
            "subnet_ids": ["subnet"],
            "cidr": "10.20.0.0/16",
            "pods_range": "",
            "services_range": "",
        },
        "namespace": "tracking",
        "service_name": "mlflow",
        "port": 5000,
        "health_path": "/ready",
        "host": HOST,
        "dns_zone": ZONES[cloud],
        **changes,
    }

    def program() -> Any:
        made = stanchion.PrivateIngress("in", cast("stanchion.PrivateIngressArgs", args))
        return {"url": made.url}

    return deploy(program, preview=preview, computed=COMPUTED)


def inputs(world: World, name: str) -> Mapping[str, Any]:
    """What the child of that name was given."""
    (found,) = [each.inputs for each in world.resources if each.name == f"in-{name}"]
    return found


@pytest.fixture(scope="module")
def on_aws() -> World:
    return ingress("aws")


@pytest.fixture(scope="module")
def on_gcp() -> World:
    return ingress("gcp")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_input_is_one_the_providers_know(cloud: str) -> None:
    resources = [
        {"urn": each.urn, "type": each.type, "inputs": each.wire}
        for each in ingress(cloud).resources
    ]
    assert typecheck.check(resources) == []


def test_the_ingress_is_what_kubernetes_takes(on_aws: World) -> None:
    kubernetes_validate.validate(on_aws.object("Ingress"), "1.36", strict=True)


def test_a_load_balancer_of_aws_has_private_addresses_and_https_alone(on_aws: World) -> None:
    made = on_aws.object("Ingress")
    said = made["metadata"]["annotations"]
    assert made["spec"]["ingressClassName"] == "alb"
    assert said[f"{ALB}scheme"] == "internal"
    assert json.loads(said[f"{ALB}listen-ports"]) == [{"HTTPS": 443}]
    assert "TLS13-1-2" in said[f"{ALB}ssl-policy"]
    assert said[f"{ALB}inbound-cidrs"] == "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
    (rule,) = made["spec"]["rules"]
    assert rule["host"] == HOST
    assert made["spec"]["tls"] == [{"hosts": [HOST]}]


def test_a_gateway_of_google_has_private_addresses_and_https_alone(on_gcp: World) -> None:
    spec = on_gcp.object("Gateway")["spec"]
    assert spec["gatewayClassName"] == "gke-l7-rilb"
    (listener,) = spec["listeners"]
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert listener["hostname"] == HOST
    assert listener["allowedRoutes"]["namespaces"] == {"from": "Same"}
    assert spec["addresses"] == [{"type": "NamedAddress", "value": "prod-mlflow"}]
    address = inputs(on_gcp, "address")
    assert (address["addressType"], address["subnetwork"]) == ("INTERNAL", "subnet")
    policy = inputs(on_gcp, "tls")
    assert (policy["profile"], policy["minTlsVersion"]) == ("RESTRICTED", "TLS_1_2")
    assert on_gcp.object("GCPGatewayPolicy")["spec"]["default"] == {"sslPolicy": policy["name"]}


def test_the_certificate_on_aws_is_one_that_acm_issued_and_renews(on_aws: World) -> None:
    certificate, proof = inputs(on_aws, "certificate"), inputs(on_aws, "certificate-proof")
    assert (certificate["domainName"], certificate["validationMethod"]) == (HOST, "DNS")
    assert (proof["zoneId"], proof["name"]) == (ZONES["aws"], f"_a.{HOST}.")
    issued = inputs(on_aws, "certificate-issued")
    assert issued["validationRecordFqdns"] == [f"_a.{HOST}"]
    said = on_aws.object("Ingress")["metadata"]["annotations"]
    assert said[f"{ALB}certificate-arn"] == issued["certificateArn"]


def test_the_certificate_on_google_cloud_is_one_that_google_issues_and_renews(
    on_gcp: World,
) -> None:
    certificate, proof = inputs(on_gcp, "certificate"), inputs(on_gcp, "certificate-proof")
    assert certificate["managed"]["domains"] == [HOST]
    assert certificate["location"] == "us-central1"
    assert (proof["managedZone"], proof["name"]) == (ZONES["gcp"], f"_a.{HOST}.")
    (listener,) = on_gcp.object("Gateway")["spec"]["listeners"]
    assert listener["tls"] == {
        "mode": "Terminate",
        "options": {"networking.gke.io/cert-manager-certs": certificate["name"]},
    }


def test_no_key_of_a_certificate_is_in_the_cluster(on_aws: World, on_gcp: World) -> None:
    for world in (on_aws, on_gcp):
        assert "Secret" not in {kind for kind, _ in world.objects}
        assert "secretName" not in json.dumps(world.manifests)


def test_the_host_leads_to_the_load_balancer(on_aws: World, on_gcp: World) -> None:
    record = inputs(on_aws, "host")
    assert (record["zoneId"], record["name"]) == (ZONES["aws"], HOST)
    assert (record["type"], record["records"]) == ("CNAME", ["internal-one.elb.example.com"])
    record = inputs(on_gcp, "host")
    assert (record["managedZone"], record["name"]) == (ZONES["gcp"], f"{HOST}.")
    assert (record["type"], record["rrdatas"]) == ("A", ["10.20.130.7"])


def test_both_lead_to_a_port_that_the_service_has(on_aws: World, on_gcp: World) -> None:
    service = mlflow().object("Service", "mlflow")
    ports = {each["port"]: each["targetPort"] for each in service["spec"]["ports"]}
    assert ports[5000] == "http"
    (rule,) = on_aws.object("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "mlflow", "port": {"number": 5000}}
    (rule,) = on_gcp.object("HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "mlflow", "port": 5000}]


def test_checks_ask_what_the_host_check_lets_pass(on_aws: World, on_gcp: World) -> None:
    """They ask by address, and only the image's own `/ready` answers them."""
    said = on_aws.object("Ingress")["metadata"]["annotations"]
    (container,) = mlflow().object("Deployment")["spec"]["template"]["spec"]["containers"]
    ready = container["readinessProbe"]["httpGet"]["path"]
    assert said[f"{ALB}healthcheck-path"] == ready
    assert said[f"{ALB}target-type"] == "ip"
    check = on_gcp.object("HealthCheckPolicy")["spec"]["default"]["config"]
    assert check["httpHealthCheck"] == {
        "portSpecification": "USE_FIXED_PORT",
        "port": 5000,
        "requestPath": ready,
    }


@pytest.mark.parametrize("seconds", [600, 1800])
def test_a_large_file_has_time(seconds: int) -> None:
    said = ingress("aws", timeout_seconds=seconds).object("Ingress")["metadata"]["annotations"]
    assert f"idle_timeout.timeout_seconds={seconds}," in said[f"{ALB}load-balancer-attributes"]
    policy = ingress("gcp", timeout_seconds=seconds).object("GCPBackendPolicy")["spec"]
    assert policy["default"]["timeoutSec"] == seconds
    assert policy["targetRef"] == {"group": "", "kind": "Service", "name": "mlflow"}


def test_cost_tags_are_on_what_can_have_them(on_aws: World, on_gcp: World) -> None:
    assert inputs(on_aws, "certificate")["tags"]["cost-center"] == "cc-1"
    for name in ("address", "certificate", "certificate-authorization"):
        assert inputs(on_gcp, name)["labels"]["cost-center"] == "cc-1"


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_preview_knows_the_address(cloud: str) -> None:
    assert ingress(cloud, preview=True).exports == {"url": f"https://{HOST}"}


def test_enumerations_are_the_clouds_own(on_aws: World, on_gcp: World) -> None:
    def shape(service: str, name: str) -> set[str]:
        return {*botocore.session.get_session().get_service_model(service).shape_for(name).enum}

    assert inputs(on_aws, "certificate")["validationMethod"] in shape("acm", "ValidationMethod")
    assert inputs(on_aws, "host")["type"] in shape("route53", "RRType")
    folder = Path(googleapiclient.__path__[0]) / "discovery_cache" / "documents"
    compute = json.loads((folder / "compute.v1.json").read_text("utf-8"))["schemas"]
    for given, (schema, field) in {
        inputs(on_gcp, "address")["addressType"]: ("Address", "addressType"),
        inputs(on_gcp, "address")["purpose"]: ("Address", "purpose"),
        inputs(on_gcp, "tls")["profile"]: ("SslPolicy", "profile"),
        inputs(on_gcp, "tls")["minTlsVersion"]: ("SslPolicy", "minTlsVersion"),
    }.items():
        assert given in compute[schema]["properties"][field]["enum"]
    manager = json.loads((folder / "certificatemanager.v1.json").read_text("utf-8"))["schemas"]
    kind = inputs(on_gcp, "certificate-authorization")["type"]
    assert kind in manager["DnsAuthorization"]["properties"]["type"]["enum"]


@pytest.mark.parametrize(
    ("cloud", "wrong", "told"),
    [
        ("aws", {"host": "MLflow.example.com"}, "host: 'MLflow.example.com' is no name that a"),
        ("gcp", {"host": f"{'a' * 60}.example.com"}, "of at most 64 lower-case letters"),
        ("gcp", {"host": "mlflow"}, "host: 'mlflow' is no name that a certificate can have"),
        ("gcp", {"host": "*.example.com"}, "host: '*.example.com' is no name"),
        ("aws", {"dns_zone": "ml-example-com"}, "dns_zone: 'ml-example-com' is no ID of a hosted"),
        ("gcp", {"dns_zone": "ml.example.com"}, "write the zone's name, not its domain"),
        ("aws", {"environment": "e" * 30}, "write at most 25 letters"),
        ("aws", {"port": 0}, "port: 0 is out of range"),
        ("gcp", {"timeout_seconds": 5}, "timeout_seconds: 5 is out of range; write 30 to 3600"),
        ("gcp", {"health_path": "ready"}, "health_path: 'ready' is no path; write one as /ready"),
        ("gcp", {"zone": "x"}, "zone: is no argument"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(
    cloud: str, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentsError, match=re.escape(told)):
        ingress(cloud, **wrong)


def test_it_is_for_clouds() -> None:
    with pytest.raises(ArgumentsError, match="'local' has no backend here yet; write one of aws"):
        ingress("aws", location={**LOCATIONS["aws"], "cloud": "local"})
