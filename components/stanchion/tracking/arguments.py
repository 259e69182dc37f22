"""What `MlflowServer` takes, checked."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import NotRequired, TypedDict

import pulumi

from stanchion.checks import Checks
from stanchion.monitoring.links import check_links
from stanchion.network import NetworkPeer
from stanchion.pods import ContainerResources, check_resources

DEFAULT_RESOURCES: ContainerResources = {"cpu": "250m", "cpu_limit": "2", "memory": "1Gi"}


class MlflowDatabase(TypedDict):
    """The PostgreSQL server that keeps runs, models and users."""

    host: pulumi.Input[str]
    """Host name."""
    port: pulumi.Input[int]
    """TCP port."""
    admin_secret_name: pulumi.Input[str]
    """Secret in the server's namespace with `username` and `password` of a role that may create
    databases and roles; only the migration uses it."""
    requires_tls: NotRequired[pulumi.Input[bool]]
    """Whether to refuse a connection without TLS. Default: false, TLS where the database has
    it."""
    pods: NotRequired[NetworkPeer]
    """Its pods, where it runs in the cluster. Default: none."""
    cidr: NotRequired[pulumi.Input[str]]
    """Addresses that it is among, where it runs outside the cluster, as 10.20.0.0/16. Default:
    any address, on its port alone, unless `pods` is given."""


class MlflowServerArgs(TypedDict):
    """Arguments of `MlflowServer`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's MLflow image, with a tag or digest."""
    database: MlflowDatabase
    """Where it keeps runs, models and users."""
    artifacts_destination: pulumi.Input[str]
    """URI of the artifact store, which the server alone reads and writes."""
    cloud_access: NotRequired[bool]
    """Whether the server may fetch credentials of its service account from the node it runs on
    and reach the cloud's public services by HTTPS, as a bucket needs. Default: false."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give the server's service account an identity in the cloud:
    `WorkloadIdentity`'s output `annotations`. The account has the name of the Service; the
    migration has one of its own without them. Default: none."""
    artifacts_volume_claim_name: NotRequired[pulumi.Input[str]]
    """Claim to mount, where the store is a volume: then one replica, replaced not rolled."""
    service_name: NotRequired[str]
    """Name of its Service and prefix of its other objects. Default: mlflow."""
    replicas: NotRequired[int]
    """Replicas, 1 to 10. Default: 1."""
    workers: NotRequired[int]
    """Server processes in each replica, 1 to 16. Default: 1."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of a replica. Default: 250m up to 2 cores, 1Gi."""
    allowed_hosts: NotRequired[list[str]]
    """Further Host headers to answer, as mlflow.example.com or 10.0.0.9:*. Default: none."""
    cors_allowed_origins: NotRequired[list[str]]
    """Origins whose pages may call it, as https://notebooks.example.com. Default: none."""
    load_balancer_cidrs: NotRequired[list[str]]
    """Addresses that load balancers outside the cluster connect from, for a `PrivateIngress`:
    `Network`'s output `balancer_cidrs`. Default: none, no way in from outside."""
    monitoring: NotRequired[bool]
    """Whether to create a ServiceMonitor and an alert, which need Prometheus Operator. Default:
    false."""
    monitoring_namespace: NotRequired[str]
    """Namespace that may scrape metrics. Default: monitoring."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""


def checked(name: str, args: MlflowServerArgs) -> MlflowServerArgs:
    """The arguments, held to their types and bounds.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("MlflowServer", name)
    args = check.arguments(MlflowServerArgs, args)
    check_links(check, args.get("runbooks"), args.get("grafana_url"))
    check.name("service_name", args.get("service_name", "mlflow"))
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.image("image", args["image"])
    check.between("replicas", args.get("replicas", 1), 1, 10)
    check.between("workers", args.get("workers", 1), 1, 16)
    check_resources(check, "resources", args.get("resources", DEFAULT_RESOURCES))
    if args.get("replicas", 1) > 1 and "artifacts_volume_claim_name" in args:
        check.refuse(
            "replicas",
            f"{args['replicas']} cannot share the volume of artifacts_volume_claim_name",
            "write 1, or keep artifacts in a bucket",
        )
    check_access(
        check,
        args["database"],
        annotated="service_account_annotations" in args,
        cloud_access=args.get("cloud_access", False),
    )
    _check_ranges(check, args.get("load_balancer_cidrs", []))
    _refuse_wildcards(check, "allowed_hosts", args.get("allowed_hosts", []))
    _refuse_wildcards(check, "cors_allowed_origins", args.get("cors_allowed_origins", []))
    check.done()
    return args


def check_access(
    check: Checks, database: MlflowDatabase, *, annotated: bool, cloud_access: bool
) -> None:
    """Note ways out that contradict each other."""
    if annotated and not cloud_access:
        check.refuse(
            "service_account_annotations",
            "are given, but cloud_access is false, so nothing could fetch credentials by them",
            "turn cloud_access on, or remove them",
        )
    if "pods" in database and "cidr" in database:
        check.refuse(
            "database.cidr",
            "is given beside database.pods, and a database is either in the cluster or outside",
            "remove one",
        )


def _check_ranges(check: Checks, cidrs: Sequence[str]) -> None:
    for at, cidr in enumerate(cidrs):
        try:
            IPv4Network(cidr)
        except ValueError as error:
            check.refuse(f"load_balancer_cidrs[{at}]", f"{error}", "write one as 10.20.200.0/23")


def _refuse_wildcards(check: Checks, field: str, hosts: Sequence[str]) -> None:
    for at, host in enumerate(hosts):
        if host in {"*", "*:*"} or "," in host or not host.strip():
            check.refuse(f"{field}[{at}]", f"'{host}' is no single host", "name one host")
