"""MLflow: tracking server and model registry behind authentication."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, monitoring, network, pods
from stanchion.children import child_options, once_made
from stanchion.credentials import generated_password, secret
from stanchion.labels import metadata
from stanchion.monitoring.dashboards.mlflow import MLFLOW
from stanchion.names import service_host, service_hosts
from stanchion.tracking import _pods, _walls
from stanchion.tracking.arguments import MlflowServerArgs, checked

_ADMIN, _READER = "admin", "registry-reader"


def mlflow_pod_labels(service_name: str = "mlflow") -> dict[str, str]:
    """Labels of every pod of an `MlflowServer`, server and migration alike.

    For whoever must let it in: a database's clients, a model service's way out.
    """
    return labels.selector("mlflow", service_name)


class MlflowServer(pulumi.ComponentResource):
    """A tracking server and model registry that nobody uses without a name and password.

    A Job migrates both databases (runs, and users with their rights) before any server
    starts, as administrator of the database; the server itself connects with a role that can
    read and write rows but change no schema. Passwords and the session key are generated.
    The server answers only to the Host headers it is known by, sends and fetches artifacts
    itself, and admits only namespaces labelled as tracking clients (`Tenant.tracking_client`)
    and the load balancers that it is told of.

    The Job's name carries a hash of what it runs: a changed image or setting is a new Job,
    an unchanged one stays, finished, so that a later `up` has nothing to do. That is why it
    has no time to live.

    It deliberately makes no ingress, backups or garbage collection: see `PrivateIngress`,
    `TrackingBackup` and `TrackingGarbageCollection`.
    """

    url: pulumi.Output[str]
    """Address inside the cluster, known once the server answers."""
    namespace: pulumi.Output[str]
    """Namespace of its objects."""
    admin_username: pulumi.Output[str]
    """Name of the administrator."""
    admin_password: pulumi.Output[str]
    """Password of the administrator; a secret."""
    reader_username: pulumi.Output[str]
    """Name of a user that may read every model and artifact, and change none."""
    reader_password: pulumi.Output[str]
    """Password of the reader; a secret."""

    def __init__(
        self, name: str, args: MlflowServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:MlflowServer", name, {}, opts)
        namespace, service = args["namespace"], args.get("service_name", "mlflow")
        everything = mlflow_pod_labels(service)
        selected = labels.selector("mlflow", service, "server")
        labelled = labels.standard(
            everything,
            owner=args["owner"],
            cost_center=args["cost_center"],
            version=args["image"].rpartition(":")[2],
        )
        child = child_options(self, opts)

        admin = generated_password(f"{name}-admin-password", child)
        reader = generated_password(f"{name}-reader-password", child)
        role = generated_password(f"{name}-database-password", child)
        session = generated_password(f"{name}-session-key", child)
        contents: dict[str, dict[str, pulumi.Input[str]]] = {
            _pods.DATABASE_SERVER: {"password": role},
            _pods.ADMIN: {"username": _ADMIN, "password": admin},
            _pods.READER: {"username": _READER, "password": reader},
            _pods.SESSION: {"key": session},
        }
        secrets = [
            secret(
                f"{name}-{part}",
                metadata(f"{service}-{part}", namespace, labelled),
                values,
                child,
            )
            for part, values in contents.items()
        ]
        accounts = [
            pods.service_account(
                f"{name}-account",
                metadata(service, namespace, labelled, args.get("service_account_annotations")),
                child,
            ),
            pods.service_account(
                f"{name}-migration-account",
                metadata(_pods.migration_account(service), namespace, labelled),
                child,
            ),
        ]
        walls = [
            k8s.networking.v1.NetworkPolicy(
                f"{name}-{part}-network",
                metadata=metadata(f"{service}-{part}", namespace, labelled),
                spec=network.policy_spec(
                    labels.selector("mlflow", service, part), admit=admit, allow=allow
                ),
                opts=child,
            )
            for part, admit, allow in (
                (
                    "server",
                    _walls.way_in(args),
                    _walls.way_out(args["database"], cloud_access=args.get("cloud_access", False)),
                ),
                ("migration", [], _walls.way_out(args["database"])),
            )
        ]
        first = [*secrets, *accounts, *walls]

        template = _pods.migration_template(service, args, labelled)
        migration = k8s.batch.v1.Job(
            f"{name}-migration",
            metadata=metadata(
                pods.named_by_pods(f"{service}-migration", template),
                namespace,
                {**labelled, **labels.selector("mlflow", service, "migration")},
            ),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=4, active_deadline_seconds=1200, template=template
            ),
            opts=child_options(self, opts, depends_on=first),
        )
        endpoint = k8s.core.v1.Service(
            f"{name}-service",
            metadata=metadata(service, namespace, {**labelled, **selected}),
            spec=_pods.service_spec(selected),
            opts=child,
        )
        server = k8s.apps.v1.Deployment(
            f"{name}-server",
            metadata=metadata(service, namespace, {**labelled, **selected}),
            spec=_pods.server_spec(service, args, labelled, selected, _allowed_hosts(args)),
            opts=child_options(self, opts, depends_on=[*first, migration]),
        )
        if args.get("replicas", 1) > 1:
            k8s.policy.v1.PodDisruptionBudget(
                f"{name}-disruption-budget",
                metadata=metadata(service, namespace, labelled),
                spec=pods.disruption_budget(selected),
                opts=child,
            )
        if args.get("monitoring", False):
            described = metadata(service, namespace, labelled)
            monitoring.service_monitor(f"{name}-monitor", described, selected, "metrics", child)
            # Made once it answers, so that nobody is paged for its first start.
            there = child_options(self, opts, depends_on=[server])
            _watch(name, service, args, described, there)

        self.url = once_made(namespace, server, endpoint).apply(
            lambda inside: f"http://{service_host(service, inside)}:{_pods.PORT}"
        )
        self.namespace = pulumi.Output.from_input(namespace)
        self.admin_username = pulumi.Output.from_input(_ADMIN)
        self.admin_password = admin
        self.reader_username = pulumi.Output.from_input(_READER)
        self.reader_password = reader
        self.register_outputs(
            {
                "url": self.url,
                "namespace": self.namespace,
                "adminUsername": self.admin_username,
                "adminPassword": self.admin_password,
                "readerUsername": self.reader_username,
                "readerPassword": self.reader_password,
            }
        )


def _allowed_hosts(args: MlflowServerArgs) -> pulumi.Output[str]:
    service = args.get("service_name", "mlflow")
    further = args.get("allowed_hosts", [])

    def listed(namespace: str) -> str:
        own = [*service_hosts(service, namespace), "localhost", "127.0.0.1"]
        # The check compares the whole header, and clients leave the port out where it is 80.
        both = [form for host in own for form in (host, f"{host}:{_pods.PORT}")]
        # A forwarded port is whichever was free on the person's machine.
        return ",".join([*both, "localhost:*", "127.0.0.1:*", *further])

    return pulumi.Output.from_input(args["namespace"]).apply(listed)


def _watch(
    name: str,
    service: str,
    args: MlflowServerArgs,
    called: k8s.meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
) -> None:
    monitoring.prometheus_rule(
        f"{name}-rules",
        called,
        lambda inside: monitoring.mlflow_rules(
            monitoring.Watched(
                service,
                inside,
                tenant="",
                owner=args["owner"],
                runbooks=args.get("runbooks", monitoring.RUNBOOKS),
                grafana=args.get("grafana_url", ""),
                dashboard=MLFLOW.path(),
            ),
            args.get("replicas", 1),
        ),
        args["namespace"],
        opts,
    )
