"""An internal Application Load Balancer, with a certificate of ACM."""

import json
import re

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

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
from stanchion.foundation.network.contract import PRIVATE_RANGES
from stanchion.labels import metadata

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3 and 1.2, with forward secrecy and authenticated ciphers alone."""
INGRESS_CLASS = "alb"
"""What the load balancer controller's chart makes."""
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")
_LONGEST_BALANCER = 32


class AwsPrivateIngress:
    """An Ingress, which the load balancer controller makes a load balancer of."""

    def check(self, check: Checks, args: PrivateIngressArgs) -> None:
        """A zone by its ID, and room for the load balancer's name."""
        if not _ZONE.fullmatch(args["dns_zone"]):
            check.refuse(
                "dns_zone",
                f"'{args['dns_zone']}' is no ID of a hosted zone",
                "write one as Z0123456789ABCDEFGHIJ",
            )
        if len(name_in_cloud(args)) > _LONGEST_BALANCER:
            check.refuse(
                "environment",
                f"{name_in_cloud(args)} is too long for the name of a load balancer",
                f"write at most {_LONGEST_BALANCER - len(args['service_name']) - 1} letters",
            )

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: PrivateIngressArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> PrivateIngressParts:
        """Certificate, Ingress, and the host's record."""
        child = child_options(parent, opts)
        ingress = k8s.networking.v1.Ingress(
            f"{name}-ingress",
            metadata=metadata(
                args["service_name"],
                args["namespace"],
                labels_in_cluster(args),
                _annotations(args, _certificate(name, args, child)),
            ),
            spec=_spec(args),
            opts=child,
        )
        record = aws.route53.Record(
            f"{name}-host",
            zone_id=args["dns_zone"],
            name=args["host"],
            type="CNAME",
            ttl=TTL_SECONDS,
            records=[ingress.status.load_balancer.ingress[0].hostname],
            opts=child,
        )
        return PrivateIngressParts(host=record.name.apply(lambda _: args["host"]))


def _certificate(
    name: str, args: PrivateIngressArgs, child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """ARN of the host's certificate, known once it is issued."""
    certificate = aws.acm.Certificate(
        f"{name}-certificate",
        domain_name=args["host"],
        validation_method="DNS",
        tags=tags_in_cloud(args),
        opts=child,
    )
    proof = certificate.domain_validation_options[0]
    record = aws.route53.Record(
        f"{name}-certificate-proof",
        zone_id=args["dns_zone"],
        name=proof.resource_record_name,
        type=proof.resource_record_type,
        ttl=TTL_SECONDS,
        records=[proof.resource_record_value],
        # The same host has the same proof, whichever environment asked for it first.
        allow_overwrite=True,
        opts=child,
    )
    issued = aws.acm.CertificateValidation(
        f"{name}-certificate-issued",
        certificate_arn=certificate.arn,
        validation_record_fqdns=[record.fqdn],
        opts=child,
    )
    return issued.certificate_arn


def _annotations(
    args: PrivateIngressArgs, certificate: pulumi.Output[str]
) -> dict[str, pulumi.Input[str]]:
    timeout = args.get("timeout_seconds", TIMEOUT_SECONDS)
    said: dict[str, pulumi.Input[str]] = {
        "load-balancer-name": name_in_cloud(args),
        "scheme": "internal",
        "target-type": "ip",
        "listen-ports": json.dumps([{"HTTPS": 443}]),
        "certificate-arn": certificate,
        "ssl-policy": TLS_POLICY,
        # Its own default admits every address; a route is private, or there is none.
        "inbound-cidrs": ",".join(PRIVATE_RANGES),
        "healthcheck-path": args["health_path"],
        "healthcheck-interval-seconds": "10",
        "success-codes": "200",
        "load-balancer-attributes": f"idle_timeout.timeout_seconds={timeout},"
        "routing.http.drop_invalid_header_fields.enabled=true",
        "target-group-attributes": f"deregistration_delay.timeout_seconds={DRAIN_SECONDS}",
    }
    return {f"alb.ingress.kubernetes.io/{key}": value for key, value in said.items()}


def _spec(args: PrivateIngressArgs) -> k8s.networking.v1.IngressSpecArgs:
    net = k8s.networking.v1
    service = net.IngressServiceBackendArgs(
        name=args["service_name"], port=net.ServiceBackendPortArgs(number=args["port"])
    )
    return net.IngressSpecArgs(
        ingress_class_name=INGRESS_CLASS,
        tls=[net.IngressTLSArgs(hosts=[args["host"]])],
        rules=[
            net.IngressRuleArgs(
                host=args["host"],
                http=net.HTTPIngressRuleValueArgs(
                    paths=[
                        net.HTTPIngressPathArgs(
                            path="/",
                            path_type="Prefix",
                            backend=net.IngressBackendArgs(service=service),
                        )
                    ]
                ),
            )
        ],
    )


BACKEND: PrivateIngressBackend = AwsPrivateIngress()
