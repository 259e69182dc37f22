"""Who reaches an `MlflowServer`, and whom it reaches."""

import pulumi_kubernetes as k8s

from stanchion import labels, monitoring, network
from stanchion.tracking._pods import METRICS_PORT, PORT
from stanchion.tracking.arguments import MlflowDatabase, MlflowServerArgs


def way_in(args: MlflowServerArgs) -> list[k8s.networking.v1.NetworkPolicyIngressRuleArgs]:
    """Tracking clients, the own namespace and load balancers; metrics for who scrapes them."""
    clients = network.labelled_namespaces({labels.TRACKING_CLIENT: "true"})
    scrapers = network.peer(args.get("monitoring_namespace", monitoring.NAMESPACE))
    balancers = [network.addresses(cidr) for cidr in args.get("load_balancer_cidrs", [])]
    return [
        network.ingress([clients, network.same_namespace(), *balancers], PORT),
        network.ingress([scrapers], METRICS_PORT),
    ]


def way_out(
    database: MlflowDatabase, *, cloud_access: bool = False
) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Names and the database; with access to the cloud its credentials and public services.

    Buckets have public addresses, however private the way to them; private ones stay closed.
    """
    known = database.get("pods")
    if known:
        there = network.peer(known["namespace"], known.get("pod_labels"))
    else:
        there = network.addresses(database.get("cidr", network.ANYWHERE))
    always = [network.dns_egress(), network.egress([there], database["port"])]
    if not cloud_access:
        return always
    return [*always, *network.credentials_egress(), network.public_egress()]
