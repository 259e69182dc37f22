"""An MLflow server's records, artifacts and door, among everything else in its stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stanchion_policies.cluster import Cluster
from stanchion_policies.inference import image_name
from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject, Resource
from stanchion_policies.reading import entries, get, items, known, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cluster_policy,
    flag,
    integer,
    object_policy,
)
from stanchion_policies.tracking import OWN_SERVER, option, runs, words_of
from stanchion_policies.volumes import persists

DESTINATIONS = ("ARTIFACTS_DESTINATION", "MLFLOW_ARTIFACTS_DESTINATION")
VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?(?:[-+.].*)?")
DATABASES = {
    "aws:rds/instance:Instance": ("backupRetentionPeriod",),
    "aws:rds/cluster:Cluster": ("backupRetentionPeriod",),
    "gcp:sql/databaseInstance:DatabaseInstance": ("settings", "backupConfiguration", "enabled"),
}
"""Managed databases, and the field that says whether they are backed up."""

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2", "gcp:storage/bucket:Bucket")
VERSIONINGS = (
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketVersioningV2:BucketVersioningV2",
)
INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "internal",
    "cloud.google.com/load-balancer-type": "internal",
    "alb.ingress.kubernetes.io/scheme": "internal",
    "kubernetes.io/ingress.class": "gce-internal",
}
"""Annotations that keep a load balancer inside the network."""


def servers(item: KubernetesObject) -> Iterator[tuple[Container, Sequence[str]]]:
    """The containers of a workload that run an MLflow server, each with its words."""
    for container in item.pod.main if item.pod else ():
        words = words_of(container)
        if runs(words, "mlflow", "server") or runs(words, OWN_SERVER, "serve"):
            yield container, words


def _serves(item: KubernetesObject) -> bool:
    return any(True for _ in servers(item))


@object_policy(
    "mlflow-version",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Run a version of MLflow from the floor on; below it are known holes.",
    settings={"minor": integer("The lowest minor version of MLflow 3 that is allowed.", 15)},
)
def mlflow_version(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """An MLflow server is of a version without known holes."""
    floor = (3, settings.integer("minor"))
    for container in item.pod.main if item.pod else ():
        if image_name(container).rpartition("/")[2] != "mlflow":
            continue
        image = text(container.body, "image").partition("@")[0]
        tag = image.rpartition("/")[2].partition(":")[2]
        found = VERSION.fullmatch(tag)
        if found and (int(found[1]), int(found[2])) < floor:
            yield f"{container.title} runs MLflow {tag}; {floor[0]}.{floor[1]} is the floor"


@cluster_policy(
    "mlflow-artifacts-kept",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Point --artifacts-destination at a bucket with versioning.",
    settings={
        "volumes": flag("Whether a persistent volume will do instead of a bucket.", default=False)
    },
)
def artifacts_kept(item: KubernetesObject, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """MLflow's artifacts are in a versioned bucket."""
    for container, words in servers(item):
        destination = _destination(container, words)
        if destination is None:
            continue
        scheme, separated, rest = destination.partition("://")
        if not separated or scheme == "file":
            on_volume = item.pod is not None and persists(item.pod, rest or scheme)
            if not (on_volume and settings.flag("volumes")):
                yield f"{container.title} keeps artifacts in no bucket with versioning; use one"
            continue
        bucket = rest.partition("/")[0]
        if _versioned(bucket, list(cluster.resources)) is False:
            yield f"{container.title} keeps artifacts in {bucket}, which has no versioning"


def _destination(container: Container, words: Sequence[str]) -> str | None:
    """Where artifacts go; None where a reference decides, empty where nothing does."""
    env = dict(container.env)
    for name in DESTINATIONS:
        if name in env:
            value = get(env[name], "value")
            return None if value is None else str(value)
    given = option(words, "--artifacts-destination") or option(words, "--default-artifact-root")
    return None if given is not None and given.startswith("$") else given or ""


def _versioned(name: str, resources: Sequence[Resource]) -> bool | None:
    """Whether the bucket keeps versions; None where the stack has none of that name."""
    fields = ("bucket", "name")
    buckets = [
        each
        for each in resources
        if each.resource_type in BUCKETS and name in [known(each.props, field) for field in fields]
    ]
    if not buckets:
        return None
    bucket = buckets[0]
    if get(bucket.props, "versioning", "enabled"):
        return True
    for each in resources:
        sources = getattr(each, "property_dependencies", {}).get("bucket", ())
        of_it = known(each.props, "bucket") == name or bucket.urn in [s.urn for s in sources]
        if each.resource_type in VERSIONINGS and of_it:
            return text(each.props, "versioningConfiguration", "status") == "Enabled"
    return False


@cluster_policy(
    "mlflow-backed-up",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Back the database up on a schedule, by the managed database itself or a CronJob, and "
    "try the restore.",
)
def backed_up(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """MLflow's records are backed up."""
    if not _serves(item):
        return
    by_job = any(
        each.kind == "CronJob" and _backs_up(each) for each in cluster.workloads_in(item.namespace)
    )
    by_operator = cluster.of("ScheduledBackup")
    if not by_job and not by_operator and not _managed_backup(cluster):
        yield "nothing in the stack backs its database up: no CronJob, no managed database"


def _backs_up(item: KubernetesObject) -> bool:
    words = [word for each in (item.pod.main if item.pod else ()) for word in words_of(each)]
    return any("backup" in word or "pg_dump" in word for word in (item.name, *words))


def _managed_backup(cluster: Cluster) -> bool:
    return any(
        bool(get(each.props, *DATABASES[each.resource_type]))
        for each in cluster.resources
        if each.resource_type in DATABASES
    )


@cluster_policy(
    "mlflow-migrated-first",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Run `mlflow db upgrade` in a Job, or an init container of a single replica, before the "
    "server of a new version starts.",
)
def migrated_first(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """MLflow's database is migrated before its server is replaced."""
    if not _serves(item) or item.pod is None:
        return
    jobs = [each for each in cluster.workloads_in(item.namespace) if each.kind == "Job"]
    pods = [each.pod for each in jobs if each.pod is not None]
    if any(_migrates(container) for pod in (*pods, item.pod) for container in pod.containers()):
        return
    yield "no Job or init container migrates its database, so replicas race to do it"


def _migrates(container: Container) -> bool:
    line = " ".join(words_of(container))
    return "db upgrade" in line or f"{OWN_SERVER} migrate" in line


@cluster_policy(
    "mlflow-private",
    kinds=("Service", "Ingress"),
    severity=Severity.HIGH,
    fix="Reach it inside the cluster, or through an internal load balancer.",
)
def private(item: KubernetesObject, cluster: Cluster, _settings: Settings) -> Iterator[str]:
    """An MLflow server is not reached from the internet."""
    if item.kind == "Service":
        public = get(item.body, "spec", "type") == "LoadBalancer" and not _restricted(item)
        if public and _leads_to_server(item, cluster):
            yield "publishes MLflow on a public load balancer; make it internal"
        return
    names = {
        text(path, "backend", "service", "name")
        for rule in items(item.body, "spec", "rules")
        for path in items(rule, "http", "paths")
    } | {text(item.body, "spec", "defaultBackend", "service", "name")}
    services = [cluster.find("Service", item.namespace, name) for name in sorted(names) if name]
    if _is_internal(item):
        return
    for service in services:
        if service is not None and _leads_to_server(service, cluster):
            yield f"publishes MLflow by {service.title}; use an internal ingress class"


def _leads_to_server(service: KubernetesObject, cluster: Cluster) -> bool:
    selector = entries(service.body, "spec", "selector")
    selected = cluster.selected_by({"matchLabels": selector}, service.namespace)
    return bool(selector) and any(_serves(each) for each in selected)


def _is_internal(item: KubernetesObject) -> bool:
    annotations = entries(item.body, "metadata", "annotations")
    if any(text(annotations, key).lower() == value for key, value in INTERNAL.items()):
        return True
    chosen = text(item.body, "spec", "ingressClassName")
    return any(word in chosen for word in ("internal", "private"))


def _restricted(service: KubernetesObject) -> bool:
    ranges = items(service.body, "spec", "loadBalancerSourceRanges")
    return _is_internal(service) or (bool(ranges) and "0.0.0.0/0" not in ranges)
