"""A day of the prediction log, judged beside training and beside labels that came late."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, monitoring, network, pods
from stanchion.children import child_options, once_made
from stanchion.folders import in_bucket
from stanchion.jobs import _drift_pods, _parts, _servers
from stanchion.jobs.drift_monitor_arguments import (
    DEFAULT_LABELLED_ROWS,
    DriftMonitorArgs,
    checked,
    needs_cloud,
    overdue_hours,
)
from stanchion.labels import metadata
from stanchion.monitoring.dashboards.drift import DRIFT_OF_MODELS
from stanchion.names import label_value
from stanchion.serving._served import endpoint
from stanchion.tracking.access import way_to_mlflow


class DriftMonitor(pulumi.ComponentResource):
    """Judges a model service's prediction log on a schedule, and how good its answers really were.

    A job holds each version's logged rows to the training reference that is logged with the
    version: drift of every feature and output, missing values, ranges, new categories, schema.
    With `labels` it joins answers with the truth that has come since, and holds real quality to
    that of the version's evaluation, in groups too. The report is JSON, a page and a run in
    MLflow; a window judged twice from the same files is the same bytes. Where Prometheus Operator
    is, an exporter tells the newest report, and alerts come of it.

    It deliberately makes no log, bucket, claim, MLflow user or Secret, judges nothing of a version
    that was registered without a reference but its quality, and starts no training:
    `RetrainingTrigger` has the reason `quality`. What is seen while it happens is the model
    server's and Prometheus' (`ModelService`, `drift`).
    """

    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    cron_job_name: pulumi.Output[str]
    """Name of the CronJob."""
    service_name: pulumi.Output[str] | None
    """Name of the exporter's Service; absent without monitoring."""
    pod_labels: pulumi.Output[dict[str, str]]
    """Labels of the job's pods, for network policies and queries."""

    def __init__(
        self, name: str, args: DriftMonitorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:DriftMonitor", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", name)
        tracking = args["tracking"]
        selected = labels.selector("drift-monitor", service, "compare")
        labelled = _labelled(args, selected)
        child = child_options(self, opts)
        account = pods.service_account(
            f"{name}-account",
            metadata(service, namespace, labelled, args.get("service_account_annotations")),
            child,
        )
        walls = _parts.walls(
            f"{name}-network",
            metadata(service, namespace, labelled),
            selected,
            way_to_mlflow(tracking["namespace"], tracking.get("pod_labels"), tracking.get("port")),
            child,
            cloud=needs_cloud(args),
        )
        scheduled = _parts.cron_job(
            f"{name}-schedule",
            described=metadata(service, namespace, labelled),
            schedule=args["schedule"],
            labelled=_parts.queued(labelled, args.get("queue"), args.get("queue_priority")),
            spec=_drift_pods.job_spec(args, _drift_pods.job_template(service, args, labelled)),
            opts=child_options(self, opts, depends_on=[account, walls]),
        )
        self.service_name = None
        if args.get("monitoring", False):
            told = _exporter(self, name, args, opts, account)
            self.service_name = once_made(service, *told)
        self.namespace = pulumi.Output.from_input(namespace)
        self.cron_job_name = once_made(service, scheduled)
        self.pod_labels = pulumi.Output.from_input(selected)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "cronJobName": self.cron_job_name,
                "serviceName": self.service_name,
                "podLabels": self.pod_labels,
            }
        )


def _labelled(args: DriftMonitorArgs, selected: dict[str, str]) -> dict[str, str]:
    return labels.standard(
        selected,
        owner=args["owner"],
        cost_center=args["cost_center"],
        version=args["image"].rpartition(":")[2],
        extra={labels.TENANT: args["tenant"], labels.MODEL: label_value(args["model_name"])},
    )


def _exporter(
    parent: pulumi.ComponentResource,
    name: str,
    args: DriftMonitorArgs,
    opts: pulumi.ResourceOptions | None,
    account: k8s.core.v1.ServiceAccount,
) -> tuple[pulumi.Resource, pulumi.Resource]:
    """What tells the newest report, and the alerts that come of it."""
    namespace, service = args["namespace"], args.get("service_name", name)
    selected = labels.selector("drift-monitor", service, "exporter")
    labelled, child = _labelled(args, selected), child_options(parent, opts)
    # The job's objects have the name already, and a NetworkPolicy is one of them.
    called, walled = (
        metadata(each, namespace, labelled) for each in (service, f"{service}-exporter")
    )
    allow = [network.dns_egress()]
    if in_bucket(args["reports"]):
        allow += [*network.credentials_egress(), network.public_egress()]
    asked_by = network.peer(
        args.get("monitoring_namespace", monitoring.NAMESPACE), monitoring.PROMETHEUS_PODS
    )
    walls = k8s.networking.v1.NetworkPolicy(
        f"{name}-exporter-network",
        metadata=walled,
        spec=network.policy_spec(
            selected, admit=[network.ingress([asked_by], _servers.PORT)], allow=allow
        ),
        opts=child,
    )
    address = endpoint(f"{name}-service", called, selected, child)
    deployment = _servers.deployment(
        f"{name}-exporter",
        called,
        selected,
        _drift_pods.exporter_template(service, args, labelled, selected),
        replicas=args.get("replicas", 1),
        opts=child_options(parent, opts, depends_on=[account, walls]),
    )
    k8s.policy.v1.PodDisruptionBudget(
        f"{name}-disruption-budget",
        metadata=called,
        spec=pods.disruption_budget(selected),
        opts=child,
    )
    # As the model service's own metrics: dashboards and queries name one service.
    monitoring.service_monitor(
        f"{name}-monitor", called, selected, "http", child, known_as=args["model_service"]
    )
    metric = args["labels"]["metric"] if "labels" in args else ""
    fewest = args.get("labels", {}).get("min_rows", DEFAULT_LABELLED_ROWS)
    monitoring.prometheus_rule(
        f"{name}-rules",
        called,
        lambda inside: monitoring.drift_monitor_rules(
            monitoring.WatchedMonitor(
                args["model_service"],
                inside,
                monitor=service,
                tenant=args["tenant"],
                owner=args["owner"],
                metric=str(metric),
                min_labels=fewest,
                overdue_seconds=overdue_hours(args) * 3600,
                runbooks=args.get("runbooks", monitoring.RUNBOOKS),
                grafana=args.get("grafana_url", ""),
                dashboard=DRIFT_OF_MODELS.path(tenant=inside, service=args["model_service"]),
            )
        ),
        namespace,
        child,
    )
    return deployment, address
