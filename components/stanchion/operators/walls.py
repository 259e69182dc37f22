"""What the pods of an operator's namespace may talk to: nothing but what it is there for."""

from collections.abc import Mapping

import pulumi_kubernetes as k8s

from stanchion import kuberay, monitoring, network
from stanchion.operators.contract import Setting
from stanchion.operators.plans import PLANS, Plan
from stanchion.serving.autoscaling import ACTIVATOR_METRICS_PORT, ACTIVATOR_PODS

_NET = k8s.networking.v1
_HTTPS = 443
_SUBMISSION = (465, 587)


def walls(plan: Plan, setting: Setting) -> Mapping[str, k8s.networking.v1.NetworkPolicySpecArgs]:
    """Policies of a namespace by their names: all is denied, then this plan's ways opened.

    HTTPS is open to everywhere: the addresses of the API server and of the cloud's services are
    known to nobody in advance. Calls of the API server come from addresses that no selector
    names, so they are admitted by port alone.
    """
    policies = {
        "default-deny": network.policy_spec({}, admit=[], allow=[]),
        "operator": network.policy_spec(
            {}, admit=_admitted(plan, setting), allow=_allowed(plan, setting)
        ),
    }
    if plan.public_pods:
        clients = _NET.NetworkPolicyIngressRuleArgs(ports=_every_tcp_port())
        policies["clients"] = _NET.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=plan.public_pods),
            policy_types=["Ingress"],
            ingress=[clients],
        )
    return policies


def _admitted(plan: Plan, setting: Setting) -> list[k8s.networking.v1.NetworkPolicyIngressRuleArgs]:
    rules = [_NET.NetworkPolicyIngressRuleArgs(from_=[network.peer(plan.namespace)])]
    if plan.called_on:
        called = [network.port(number) for number in plan.called_on]
        rules.append(_NET.NetworkPolicyIngressRuleArgs(ports=called))
    if setting.monitored and plan.namespace != monitoring.NAMESPACE:
        rules.append(_NET.NetworkPolicyIngressRuleArgs(from_=[network.peer(monitoring.NAMESPACE)]))
    if plan.namespace == monitoring.NAMESPACE:
        asking = [
            network.peer(other.namespace)
            for operator, other in PLANS.items()
            if other.asks_prometheus and operator in setting.enabled
        ]
        if asking:
            rules.append(network.ingress(asking, monitoring.PROMETHEUS_PORT))
    return rules


def _allowed(plan: Plan, setting: Setting) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    rules = [
        _NET.NetworkPolicyEgressRuleArgs(to=[network.peer(plan.namespace)]),
        network.dns_egress(),
        _NET.NetworkPolicyEgressRuleArgs(ports=[network.port(_HTTPS)]),
    ]
    writes_as_cloud = plan.namespace == monitoring.NAMESPACE and setting.writes_as_cloud
    if plan.identity or writes_as_cloud:
        rules += [
            _NET.NetworkPolicyEgressRuleArgs(
                to=[_NET.NetworkPolicyPeerArgs(ip_block=_NET.IPBlockArgs(cidr=f"{address}/32"))],
                ports=[network.port(number)],
            )
            for address, number in setting.identity_endpoints
        ]
    if plan.asks_prometheus and setting.monitored:
        rules.append(
            network.egress([network.peer(monitoring.NAMESPACE)], monitoring.PROMETHEUS_PORT)
        )
    if plan.asks_activators:
        rules.append(network.egress([_anywhere(ACTIVATOR_PODS)], ACTIVATOR_METRICS_PORT))
    if plan.asks_ray_heads:
        rules.append(network.egress([_anywhere(kuberay.HEAD_PODS)], kuberay.DASHBOARD_PORT))
    if plan.reaches_pods:
        rules.append(
            _NET.NetworkPolicyEgressRuleArgs(
                to=[_NET.NetworkPolicyPeerArgs(namespace_selector=k8s.meta.v1.LabelSelectorArgs())]
            )
        )
    if plan.reaches_nodes:
        nodes = [network.port(number) for number in plan.reaches_nodes]
        rules.append(_NET.NetworkPolicyEgressRuleArgs(ports=nodes))
    if plan.sends_mail:
        mail = [network.port(number) for number in _SUBMISSION]
        rules.append(_NET.NetworkPolicyEgressRuleArgs(ports=mail))
    return rules


def _anywhere(labels: Mapping[str, str]) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    """Pods with the labels, in whatever namespace."""
    return _NET.NetworkPolicyPeerArgs(
        namespace_selector=k8s.meta.v1.LabelSelectorArgs(),
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
    )


def _every_tcp_port() -> list[k8s.networking.v1.NetworkPolicyPortArgs]:
    return [_NET.NetworkPolicyPortArgs(protocol="TCP", port=1, end_port=65535)]
