"""A way to a Service from the private networks around a cluster, by HTTPS."""

import re

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.ingress.contract import (
    TIMEOUT_SECONDS,
    PrivateIngressArgs,
    PrivateIngressBackend,
)
from stanchion.foundation.location import check_location

__all__ = ["PrivateIngress", "PrivateIngressArgs"]

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}\.)+[a-z][a-z0-9-]*[a-z0-9]")
_LONGEST_HOST = 64


class PrivateIngress(pulumi.ComponentResource):
    """The cloud's own load balancer on private addresses, with a certificate that it renews.

    It answers HTTPS alone, of TLS 1.2 at least: a plain port that redirects would take a
    password before it says so. The certificate is the cloud's, proved by a record in the DNS
    zone, and its key never leaves the cloud. The host is a record of the same zone, so that
    everybody can look it up, and only who has a route to the network reaches it.

    Pods must admit `Network`'s output `balancer_cidrs`, and answer to the host. It needs
    `aws-load-balancer-controller` on AWS, and a cluster with the Gateway API on Google Cloud,
    as `Cluster` makes it.

    It deliberately authenticates nobody, makes no route from offices or other networks, and
    encrypts nothing between load balancer and pod.
    """

    url: pulumi.Output[str]
    """Where clients find the Service, known once its name leads there."""

    def __init__(
        self, name: str, args: PrivateIngressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args, backend = checked(name, args)
        super().__init__("stanchion:index:PrivateIngress", name, {}, opts)

        parts = backend.build(self, name, args, opts)
        self.url = pulumi.Output.concat("https://", parts.host)
        self.register_outputs({"url": self.url})


def checked(
    name: str, args: PrivateIngressArgs
) -> tuple[PrivateIngressArgs, PrivateIngressBackend]:
    """The arguments, held to their types and bounds, with the backend that they choose.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("PrivateIngress", name)
    args = check.arguments(PrivateIngressArgs, args)
    backend: PrivateIngressBackend = choose(check, args["location"]["cloud"], __name__)
    check_location(check, args["location"])
    check.name("environment", args["environment"])
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.name("service_name", args["service_name"])
    check.between("port", args["port"], 1, 65535)
    check.between("timeout_seconds", args.get("timeout_seconds", TIMEOUT_SECONDS), 30, 3600)
    if not args["health_path"].startswith("/"):
        check.refuse("health_path", f"'{args['health_path']}' is no path", "write one as /ready")
    if not _HOST.fullmatch(args["host"]) or len(args["host"]) > _LONGEST_HOST:
        check.refuse(
            "host",
            f"'{args['host']}' is no name that a certificate can have",
            f"write one of at most {_LONGEST_HOST} lower-case letters, as mlflow.ml.example.com",
        )
    backend.check(check, args)
    check.done()
    return args, backend
