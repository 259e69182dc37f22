"""The tracking layer: MLflow with its database, artifact store, backups and way in from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from base_stack import BaseStack
from environment import Environment
from features import build_features
from foundation import Foundation, Site
from images import image
from stanchion import (
    ArtifactStore,
    Database,
    MlflowServer,
    MlflowServerArgs,
    ModelRegistryAccess,
    PrivateIngress,
    Tenant,
    TrackingBackup,
    TrackingBackupArgs,
    TrackingGarbageCollection,
    TrackingGarbageCollectionArgs,
    balancer_cidrs,
)
from tracking_ingress import MLFLOW, PORT, ingress_args, mlflow_host
from tracking_stores import (
    BACKUP_ACCOUNT,
    BACKUPS,
    TRACKING,
    database_args,
    store_args,
    store_identity,
)

_URL = f"http://{MLFLOW}.{TRACKING}.svc.cluster.local:{PORT}"


@dataclass(frozen=True)
class Tracking:
    """What services and people need of the tracking server."""

    registry: ModelRegistryAccess
    """How a model service reads the registry; its password is a secret."""
    host: str | None = None
    """Its name outside the cluster, where the environment gives it one."""
    namespace: str = TRACKING

    def summary(self) -> Mapping[str, object]:
        """Where it is, for the stack's outputs; holds names of secrets, never their content."""
        return {
            "namespace": self.namespace,
            "service": MLFLOW,
            "port": PORT,
            "url": _URL,
            "privateUrl": self.host and f"https://{self.host}",
            "adminSecret": f"{MLFLOW}-admin",
            "readerSecret": f"{MLFLOW}-reader",
            "backupJob": BACKUP_ACCOUNT,
        }


def build_tracking(environment: Environment, foundation: Foundation) -> Tracking:
    """MLflow with its database and artifact store, in a namespace of the platform's own."""
    opts, settings = foundation.opts, environment.tracking
    owner, cost_center = environment.owner, environment.cost_center
    home = Tenant(
        TRACKING,
        {
            "namespace": TRACKING,
            "owner": owner,
            "cost_center": cost_center,
            "quota": {
                "cpu": "8",
                # With the feature store's replicas and jobs.
                "memory": "32Gi" if environment.feature_store.enabled else "16Gi",
                "pods": 30,
                "storage": "1Ti",
            },
        },
        opts,
    )
    database = Database("database", database_args(environment, foundation, home.namespace), opts)
    artifacts = ArtifactStore(
        "artifacts", store_args(environment, foundation, home.namespace), opts
    )
    mlflow_args: MlflowServerArgs = {
        "namespace": home.namespace,
        "owner": owner,
        "cost_center": cost_center,
        "image": image(environment, foundation.environment, "mlflow"),
        "database": {
            "host": database.host,
            "port": database.port,
            "admin_secret_name": database.admin_secret_name,
            "requires_tls": database.requires_tls,
        },
        "artifacts_destination": artifacts.destination,
        "replicas": environment.tracking_replicas,
        "workers": settings.workers,
        "resources": {"cpu": "250m", "cpu_limit": "2", "memory": settings.memory},
        "allowed_hosts": list(settings.allowed_hosts),
        "monitoring": environment.monitored,
    }
    environment.monitoring.link(mlflow_args)
    if database.cidr is None:
        mlflow_args["database"]["pods"] = {"namespace": TRACKING}
    else:
        mlflow_args["database"]["cidr"] = database.cidr
    if artifacts.volume_claim_name is not None:
        mlflow_args["artifacts_volume_claim_name"] = artifacts.volume_claim_name
    if foundation.site is not None:
        mlflow_args["cloud_access"] = True
        mlflow_args["service_account_annotations"] = store_identity(
            environment, foundation.site, MLFLOW, artifacts, opts
        ).annotations
        _admit_balancers(environment, foundation.site, mlflow_args)
    server = MlflowServer(MLFLOW, mlflow_args, foundation.workloads)
    if foundation.site is not None:
        _lead_to(environment, foundation.site, server, foundation.workloads)
    _back_up(environment, foundation, mlflow_args)
    _collect_garbage(environment, foundation, mlflow_args)
    build_features(environment, foundation, mlflow_args["database"], home.namespace)
    return Tracking(
        {
            "url": server.url,
            "namespace": TRACKING,
            "username": server.reader_username,
            "password": server.reader_password,
        },
        mlflow_host(environment),
    )


def find_tracking(environment: Environment, base: BaseStack) -> Tracking:
    """The tracking server that the stack `base` made or found."""
    # All of an output that holds a secret is one.
    registry = pulumi.Output.secret(base.output("registry"))
    return Tracking(
        {
            "url": _URL,
            "namespace": TRACKING,
            "username": registry["username"],
            "password": registry["password"],
        },
        mlflow_host(environment),
    )


def _admit_balancers(environment: Environment, site: Site, server: MlflowServerArgs) -> None:
    """Let the server know its name outside the cluster, and who calls it by that."""
    host = mlflow_host(environment)
    if host is None:
        return
    server["allowed_hosts"] = [*environment.tracking.allowed_hosts, host, f"{host}:443"]
    # Its pages' own requests name where they come from, which is not what the pod was asked as.
    server["cors_allowed_origins"] = [f"https://{host}"]
    cloud, cidr = site.location["cloud"], site.network["cidr"]
    server["load_balancer_cidrs"] = balancer_cidrs(cloud, cidr)


def _lead_to(
    environment: Environment, site: Site, server: MlflowServer, opts: pulumi.ResourceOptions
) -> None:
    """HTTPS on private addresses, where the environment asks for it."""
    args = ingress_args(environment, site.environment, site.network, TRACKING)
    if args is None:
        return
    upon = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[server]))
    PrivateIngress(f"{MLFLOW}-private", args, upon)


def _back_up(environment: Environment, foundation: Foundation, server: MlflowServerArgs) -> None:
    """The database's backups, in a store that no user of the tracking server can read."""
    opts = foundation.opts
    kept = store_args(environment, foundation, server["namespace"])
    kept["purpose"] = BACKUPS
    kept["storage"] = environment.tracking.backup_storage
    store = ArtifactStore(BACKUPS, kept, opts)
    args: TrackingBackupArgs = {
        "namespace": server["namespace"],
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "image": server["image"],
        "database": server["database"],
        "destination": store.destination,
        "schedule": environment.backup_schedule,
        "monitoring": environment.monitored,
    }
    environment.monitoring.link(args)
    if store.volume_claim_name is not None:
        args["volume_claim_name"] = store.volume_claim_name
    if foundation.site is not None:
        args["cloud_access"] = True
        args["service_account_annotations"] = store_identity(
            environment, foundation.site, BACKUP_ACCOUNT, store, opts
        ).annotations
    TrackingBackup("backup", args, foundation.workloads)


def _collect_garbage(
    environment: Environment, foundation: Foundation, server: MlflowServerArgs
) -> None:
    settings = environment.tracking.garbage_collection
    if not settings.enabled:
        return
    args: TrackingGarbageCollectionArgs = {
        "namespace": server["namespace"],
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "image": server["image"],
        "database": server["database"],
        "schedule": settings.schedule,
        "deleted_days": settings.deleted_days,
    }
    TrackingGarbageCollection("garbage", args, foundation.workloads)
