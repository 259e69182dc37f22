"""A training that begins again by itself: when its model drifts, or its data are new."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, monitoring, network, pods
from stanchion.children import child_options, once_made
from stanchion.folders import in_bucket
from stanchion.jobs import _retraining_pods, _servers
from stanchion.jobs.retraining_arguments import (
    DEFAULT_POLL_MINUTES,
    RetrainingTriggerArgs,
    alerts_of,
    checked,
    watches_data,
)
from stanchion.labels import metadata
from stanchion.monitoring.dashboards.batch_training import BATCH_TRAINING
from stanchion.names import service_host
from stanchion.serving._served import endpoint

_RBAC_GROUP = "rbac.authorization.k8s.io"
_REPEAT_SECONDS = 3600
"""How soon a cause that was held back is judged again."""


class RetrainingTrigger(pulumi.ComponentResource):
    """Starts a `TrainingJob` when its model's traffic drifts, or when there are new data.

    Alertmanager tells it of the model service's alerts, and it looks at the data's folder every
    few minutes. One cause starts one training, whatever comes of it: none while another one runs,
    none so soon after another one began, and no more in 30 days than the budget has. What is held
    back is asked again. All of that stands in the Jobs themselves: a restart forgets nothing, and
    several replicas start no more than one. The training's own schedule goes on beside it, and
    neither begins a run while one of the other's is going on.

    It deliberately judges no data, retries no training that failed and promotes nothing: what a
    training registers has the alias `candidate` and waits for `stanchion promote`. An alert of a
    shift does not bring the labels to learn it from: without new data a training makes the old
    model again.
    """

    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    service_name: pulumi.Output[str]
    """Name of its Service."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of its pods, for network policies and queries."""

    def __init__(
        self, name: str, args: RetrainingTriggerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:RetrainingTrigger", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        selected = labels.selector("retraining", service, "trigger")
        labelled = labels.standard(
            selected,
            owner=args["owner"],
            cost_center=args["cost_center"],
            version=args["image"].rpartition(":")[2],
            extra={labels.TENANT: args["tenant"]},
        )
        child = child_options(self, opts)

        def named(
            annotations: pulumi.Input[dict[str, str]] | None = None,
        ) -> k8s.meta.v1.ObjectMetaArgs:
            return metadata(service, namespace, labelled, annotations)

        account = pods.service_account(
            f"{name}-account", named(args.get("service_account_annotations")), child
        )
        role = k8s.rbac.v1.Role(
            f"{name}-role",
            metadata=named(),
            rules=_retraining_pods.rights(args["training"]),
            opts=child,
        )
        bound = k8s.rbac.v1.RoleBinding(
            f"{name}-binding",
            metadata=named(),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group=_RBAC_GROUP, kind="Role", name=service),
            subjects=[
                k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=service, namespace=namespace)
            ],
            opts=child_options(self, opts, depends_on=[account, role]),
        )
        walls = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=named(),
            spec=network.policy_spec(selected, admit=_way_in(args), allow=_way_out(args)),
            opts=child,
        )
        address = endpoint(f"{name}-service", named(), selected, child)
        deployment = _servers.deployment(
            f"{name}-deployment",
            named(),
            selected,
            _retraining_pods.pod_template(service, args, labelled, selected),
            replicas=args.get("replicas", 1),
            opts=child_options(self, opts, depends_on=[bound, walls]),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=named(),
            spec=pods.disruption_budget(selected),
            opts=child,
        )
        if args.get("monitoring", False):
            _watch(name, args, named(), selected, child)
        self.namespace = pulumi.Output.from_input(namespace)
        self.service_name = once_made(service, deployment, address)
        self.pod_labels = pulumi.Output.from_input(selected)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "serviceName": self.service_name,
                "podLabels": self.pod_labels,
            }
        )


def _way_in(
    args: RetrainingTriggerArgs,
) -> list[k8s.networking.v1.NetworkPolicyIngressRuleArgs]:
    """Alertmanager's notices and Prometheus' questions; nobody without monitoring."""
    if not args.get("monitoring", False):
        return []
    inside = args.get("monitoring_namespace", monitoring.NAMESPACE)
    told_by = [
        network.peer(inside, pod_labels)
        for pod_labels in (monitoring.ALERTMANAGER_PODS, monitoring.PROMETHEUS_PODS)
    ]
    return [network.ingress(told_by, _servers.PORT)]


def _way_out(
    args: RetrainingTriggerArgs,
) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    allow = [network.dns_egress(), network.api_server_egress()]
    if watches_data(args) and in_bucket(args["data"]):
        allow += [*network.credentials_egress(), network.public_egress()]
    return allow


def _watch(
    name: str,
    args: RetrainingTriggerArgs,
    called: k8s.meta.v1.ObjectMetaArgs,
    selected: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Alerts come to it, and it has some of its own."""
    service = args.get("service_name", name)
    if alerts := alerts_of(args):
        monitoring.webhook_route(
            f"{name}-route",
            called,
            {"service": args["model_service"], "alertname": "|".join(alerts)},
            pulumi.Output.from_input(args["namespace"]).apply(
                lambda inside: f"http://{service_host(service, inside)}/alerts"
            ),
            opts,
            repeat_seconds=_REPEAT_SECONDS,
        )
    monitoring.service_monitor(f"{name}-monitor", called, selected, "http", opts)
    poll_seconds = args.get("poll_minutes", DEFAULT_POLL_MINUTES) * 60
    monitoring.prometheus_rule(
        f"{name}-rules",
        called,
        lambda inside: monitoring.retraining_rules(
            monitoring.WatchedTrigger(
                service,
                inside,
                tenant=args["tenant"],
                owner=args["owner"],
                training=args["training"],
                poll_seconds=poll_seconds,
                repeat_seconds=_REPEAT_SECONDS,
                runbooks=args.get("runbooks", monitoring.RUNBOOKS),
                grafana=args.get("grafana_url", ""),
                dashboard=BATCH_TRAINING.path(tenant=inside),
            )
        ),
        args["namespace"],
        opts,
    )
