"""Feast: one definition of a feature for training and for requests."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, monitoring, network, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import generated_password, secret
from stanchion.features import _pods
from stanchion.features.arguments import (
    CHECK_SCHEDULE,
    MATERIALIZE_SCHEDULE,
    STALE_MINUTES,
    FeatureStoreArgs,
    checked,
)
from stanchion.folders import in_bucket
from stanchion.jobs import _parts
from stanchion.labels import metadata
from stanchion.names import service_host, short_hash
from stanchion.tracking import _walls

_DIFFERS, _TO_BE_MENDED = 3, 2
"""Exit statuses that another try does not change."""
_JOB_SECONDS = 2 * 60 * 60


def feature_store_pod_labels(service_name: str = "features") -> dict[str, str]:
    """Labels of every pod of a `FeatureStore`, for whoever must let it in, as its database."""
    return labels.selector("feature-store", service_name)


class FeatureStore(pulumi.ComponentResource):
    """Features that training reads from files, served from PostgreSQL, and compared.

    A Job makes a database with three roles and hands the definitions to Feast's registry; its name
    carries a hash of what it runs, so that other definitions are another Job. The server then
    starts anew: it answers `POST /get-online-features`, nothing else, as a role that only reads.
    A CronJob brings new values online, another compares what is served with what a point-in-time
    join gives; what both did are metrics of the server, with alerts.

    It deliberately computes no features and takes none by HTTP: jobs of the teams write the Parquet
    files. It has no users: network policies say who may ask.
    """

    url: pulumi.Output[str]
    """Address inside the cluster, known once the server answers."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    service_name: pulumi.Output[str]
    """Name of its Service."""

    def __init__(
        self, name: str, args: FeatureStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:FeatureStore", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", "features")
        labelled = labels.standard(
            feature_store_pod_labels(service),
            owner=args["owner"],
            cost_center=args["cost_center"],
            version=args["image"].rpartition(":")[2],
        )
        child = child_options(self, opts)
        secrets = [
            secret(
                f"{name}-{role}",
                metadata(f"{service}-{role}", namespace, labelled),
                {"password": generated_password(f"{name}-{role}-password", child)},
                child,
            )
            for role in (_pods.OWNER, _pods.WRITER, _pods.READER)
        ]
        identity = args.get("service_account_annotations")
        accounts = [
            pods.service_account(
                f"{name}-{part}-account",
                metadata(
                    service if part == "server" else f"{service}-{part}",
                    namespace,
                    labelled,
                    identity if part == "jobs" else None,
                ),
                child,
            )
            for part in ("server", "apply", "jobs")
        ]
        first = [*secrets, *accounts, *_walled(name, service, args, labelled, child)]
        content = short_hash(repr(sorted(args["definitions"].items())))
        definitions = f"{service}-definitions-{content}"
        given = k8s.core.v1.ConfigMap(
            f"{name}-definitions",
            metadata=metadata(definitions, namespace, labelled),
            data=args["definitions"],
            immutable=True,
            opts=child,
        )
        applying = {**labelled, **_selected(service, "apply")}
        template = _pods.apply_template(service, args, applying, definitions)
        applied = k8s.batch.v1.Job(
            f"{name}-apply",
            metadata=metadata(
                pods.named_by_pods(f"{service}-apply", template), namespace, applying
            ),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=4, active_deadline_seconds=1200, template=template
            ),
            opts=child_options(self, opts, depends_on=[*first, given]),
        )
        selected = _selected(service, "server")
        endpoint = k8s.core.v1.Service(
            f"{name}-service",
            metadata=metadata(service, namespace, {**labelled, **selected}),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=selected,
                ports=[
                    k8s.core.v1.ServicePortArgs(name="http", port=80, target_port="http"),
                    k8s.core.v1.ServicePortArgs(
                        name="metrics", port=_pods.METRICS_PORT, target_port="metrics"
                    ),
                ],
            ),
            opts=child,
        )
        server = k8s.apps.v1.Deployment(
            f"{name}-server",
            metadata=metadata(service, namespace, {**labelled, **selected}),
            spec=_pods.server_spec(service, args, labelled, selected, content),
            opts=child_options(self, opts, depends_on=[applied]),
        )
        if args.get("replicas", 1) > 1:
            k8s.policy.v1.PodDisruptionBudget(
                f"{name}-disruption-budget",
                metadata=metadata(service, namespace, labelled),
                spec=pods.disruption_budget(selected),
                opts=child,
            )
        for command, schedule in (
            ("materialize", args.get("materialize_schedule", MATERIALIZE_SCHEDULE)),
            ("check", args.get("check_schedule", CHECK_SCHEDULE)),
        ):
            own = {**labelled, **_selected(service, "jobs")}
            _parts.cron_job(
                f"{name}-{command}",
                described=metadata(f"{service}-{command}", namespace, own),
                schedule=schedule,
                labelled=own,
                spec=_job_spec(command, _pods.scheduled_template(service, command, args, own)),
                opts=child_options(self, opts, depends_on=[applied]),
            )
        if args.get("monitoring", False):
            _watch(name, service, args, metadata(service, namespace, labelled), child)

        self.url = once_made(namespace, server, endpoint).apply(
            lambda inside: f"http://{service_host(service, inside)}"
        )
        self.namespace = pulumi.Output.from_input(namespace)
        self.service_name = once_made(service, server, endpoint)
        self.register_outputs(
            {"url": self.url, "namespace": self.namespace, "serviceName": self.service_name}
        )


def _selected(service: str, part: str) -> dict[str, str]:
    return labels.selector("feature-store", service, part)


def _walled(
    name: str,
    service: str,
    args: FeatureStoreArgs,
    labelled: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> list[k8s.networking.v1.NetworkPolicy]:
    """Callers and Prometheus come in to the server; all reach the database, jobs the sources."""
    callers = [
        network.peer(each["namespace"], each.get("pod_labels")) for each in args.get("clients", [])
    ]
    scrapers = network.peer(args.get("monitoring_namespace", monitoring.NAMESPACE))
    let_in = [
        network.ingress([network.same_namespace(), *callers], _pods.PORT),
        network.ingress([scrapers], _pods.METRICS_PORT),
    ]
    plain = _walls.way_out(args["database"])
    ways = {
        "server": (let_in, plain),
        "apply": ([], plain),
        "jobs": (
            [],
            _walls.way_out(args["database"], cloud_access=in_bucket(args["sources"])),
        ),
    }
    return [
        k8s.networking.v1.NetworkPolicy(
            f"{name}-{part}-network",
            metadata=metadata(f"{service}-{part}", args["namespace"], labelled),
            spec=network.policy_spec(_selected(service, part), admit=admit, allow=allow),
            opts=opts,
        )
        for part, (admit, allow) in ways.items()
    ]


def _job_spec(command: str, template: k8s.core.v1.PodTemplateSpecArgs) -> k8s.batch.v1.JobSpecArgs:
    """A run, for two hours at most, tried again where that can help."""
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=2,
        active_deadline_seconds=_JOB_SECONDS,
        ttl_seconds_after_finished=_parts.KEEP_SECONDS,
        pod_failure_policy=k8s.batch.v1.PodFailurePolicyArgs(
            rules=[
                _parts.on_disruption("Ignore"),
                _parts.on_exit("FailJob", command, [_TO_BE_MENDED, _DIFFERS]),
            ]
        ),
        template=template,
    )


def _watch(
    name: str,
    service: str,
    args: FeatureStoreArgs,
    called: k8s.meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
) -> None:
    monitoring.service_monitor(
        f"{name}-monitor", called, _selected(service, "server"), "metrics", opts
    )
    monitoring.prometheus_rule(
        f"{name}-rules",
        called,
        lambda inside: monitoring.feature_store_rules(
            monitoring.WatchedFeatures(
                service,
                inside,
                tenant="",
                owner=args["owner"],
                stale_seconds=args.get("stale_minutes", STALE_MINUTES) * 60,
                runbooks=args.get("runbooks", monitoring.RUNBOOKS),
            )
        ),
        args["namespace"],
        opts,
    )
