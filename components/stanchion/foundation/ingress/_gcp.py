"""A regional internal Application Load Balancer, with a certificate of Certificate Manager."""

import re
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

from stanchion import google_backends
from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.ingress.contract import (
    DRAIN_SECONDS,
    TIMEOUT_SECONDS,
    TTL_SECONDS,
    PrivateIngressArgs,
    PrivateIngressBackend,
    PrivateIngressParts,
    labels_in_cluster,
    name_in_cloud,
    tags_in_cloud,
)
from stanchion.labels import metadata

GATEWAY_CLASS = "gke-l7-rilb"
_GATEWAY_API, _GKE = "gateway.networking.k8s.io", "networking.gke.io"
_ZONE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LISTENER = "https"


class GcpPrivateIngress:
    """A Gateway and its route, which GKE makes a load balancer of."""

    def check(self, check: Checks, args: PrivateIngressArgs) -> None:
        """A zone by its name."""
        if not _ZONE.fullmatch(args["dns_zone"]):
            check.refuse(
                "dns_zone",
                f"'{args['dns_zone']}' is no name of a managed zone",
                "write the zone's name, not its domain, as ml-example-com",
            )

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: PrivateIngressArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> PrivateIngressParts:
        """Address, certificate, load balancer, and the host's record."""
        child = child_options(parent, opts)
        location = args["location"]
        address = gcp.compute.Address(
            f"{name}-address",
            name=name_in_cloud(args),
            project=location["account"],
            region=location["region"],
            description=f"https://{args['host']}",
            address_type="INTERNAL",
            purpose="GCE_ENDPOINT",
            subnetwork=args["network"]["subnet_ids"][0],
            labels=tags_in_cloud(args),
            opts=child,
        )
        _balancer(
            name,
            args,
            address=address.name,
            certificate=_certificate(name, args, child),
            opts=child,
        )
        record = gcp.dns.RecordSet(
            f"{name}-host",
            project=location["account"],
            managed_zone=args["dns_zone"],
            name=f"{args['host']}.",
            type="A",
            ttl=TTL_SECONDS,
            rrdatas=[address.address],
            opts=child,
        )
        return PrivateIngressParts(host=record.name.apply(lambda _: args["host"]))


def _certificate(
    name: str, args: PrivateIngressArgs, child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Name of the host's certificate; Google issues it once the proof can be looked up."""
    project, region = args["location"]["account"], args["location"]["region"]
    authorization = gcp.certificatemanager.DnsAuthorization(
        f"{name}-certificate-authorization",
        name=name_in_cloud(args),
        project=project,
        location=region,
        domain=args["host"],
        type="PER_PROJECT_RECORD",
        labels=tags_in_cloud(args),
        opts=child,
    )
    proof = authorization.dns_resource_records[0]
    record = gcp.dns.RecordSet(
        f"{name}-certificate-proof",
        project=project,
        managed_zone=args["dns_zone"],
        name=proof.name,
        type=proof.type,
        ttl=TTL_SECONDS,
        rrdatas=[proof.data],
        opts=child,
    )
    certificate = gcp.certificatemanager.Certificate(
        f"{name}-certificate",
        name=name_in_cloud(args),
        project=project,
        location=region,
        managed=gcp.certificatemanager.CertificateManagedArgs(
            domains=[args["host"]], dns_authorizations=[authorization.id]
        ),
        labels=tags_in_cloud(args),
        opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[record])),
    )
    return certificate.name


def _balancer(
    name: str,
    args: PrivateIngressArgs,
    *,
    address: pulumi.Output[str],
    certificate: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """The Gateway, its route to the Service, and what GKE is to do with both."""
    service = args["service_name"]
    tls = gcp.compute.RegionSslPolicy(
        f"{name}-tls",
        name=name_in_cloud(args),
        project=args["location"]["account"],
        region=args["location"]["region"],
        description=f"https://{args['host']}",
        profile="RESTRICTED",
        min_tls_version="TLS_1_2",
        opts=opts,
    )
    gateway_target = {"group": _GATEWAY_API, "kind": "Gateway", "name": service}
    specs: dict[str, tuple[str, dict[str, Any]]] = {
        "Gateway": (f"{_GATEWAY_API}/v1", _gateway(args, address, certificate)),
        "HTTPRoute": (
            f"{_GATEWAY_API}/v1",
            {
                "parentRefs": [{"name": service, "sectionName": _LISTENER}],
                "hostnames": [args["host"]],
                "rules": [{"backendRefs": [{"name": service, "port": args["port"]}]}],
            },
        ),
        "GCPGatewayPolicy": (
            f"{_GKE}/v1",
            {"default": {"sslPolicy": tls.name}, "targetRef": gateway_target},
        ),
        **{
            kind: (google_backends.API_VERSION, spec)
            for kind, spec in google_backends.policies(
                service,
                port=args["port"],
                health_path=args["health_path"],
                timeout_seconds=args.get("timeout_seconds", TIMEOUT_SECONDS),
                drain_seconds=DRAIN_SECONDS,
            ).items()
        },
    }
    for kind, (api_version, spec) in specs.items():
        k8s.apiextensions.CustomResource(
            f"{name}-{kind.lower()}",
            api_version=api_version,
            kind=kind,
            metadata=metadata(service, args["namespace"], labels_in_cluster(args)),
            spec=spec,
            opts=opts,
        )


def _gateway(
    args: PrivateIngressArgs, address: pulumi.Output[str], certificate: pulumi.Output[str]
) -> dict[str, Any]:
    return {
        "gatewayClassName": GATEWAY_CLASS,
        "addresses": [{"type": "NamedAddress", "value": address}],
        "listeners": [
            {
                "name": _LISTENER,
                "protocol": "HTTPS",
                "port": 443,
                "hostname": args["host"],
                "tls": {
                    "mode": "Terminate",
                    "options": {f"{_GKE}/cert-manager-certs": certificate},
                },
                "allowedRoutes": {
                    "kinds": [{"kind": "HTTPRoute"}],
                    "namespaces": {"from": "Same"},
                },
            }
        ],
    }


BACKEND: PrivateIngressBackend = GcpPrivateIngress()
