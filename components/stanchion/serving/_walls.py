"""Who may talk to the replicas of a `ModelService`, and whom they may ask."""

from collections.abc import Mapping, Sequence

import pulumi_kubernetes as k8s

from stanchion import network
from stanchion.serving import _served, prediction_log
from stanchion.serving.arguments import ModelServiceArgs
from stanchion.tracking.access import way_to_mlflow


def policy_spec(
    selected: Mapping[str, str],
    args: ModelServiceArgs,
    callers: Sequence[k8s.networking.v1.NetworkPolicyPeerArgs],
    port: int,
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Callers and scrapers come in; the registry is asked, and the store of logged predictions.

    Args:
        selected: Labels of the replicas.
        args: Arguments of the service.
        callers: Who may call.
        port: Port of the replicas.
    """
    admitted = network.ingress([*callers, *_served.scrapers(args)], port)
    return network.policy_spec(selected, admit=[admitted], allow=_way_out(args))


def _way_out(args: ModelServiceArgs) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    registry = args["registry"]
    mlflow = way_to_mlflow(registry["namespace"], registry.get("pod_labels"), registry.get("port"))
    ways = [network.dns_egress(), mlflow]
    if prediction_log.is_in_cloud(args.get("prediction_log")):
        ways += [*network.credentials_egress(), network.public_egress()]
    return ways
