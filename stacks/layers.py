"""The layers of the platform below its services: cluster, tracking, tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s
from environment import Environment, Profile
from images import image
from stanchion import (
    ArtifactStore,
    ArtifactStoreArgs,
    Cloud,
    Database,
    DatabaseArgs,
    MlflowServer,
    MlflowServerArgs,
    Role,
    Tenant,
    mlflow_pod_labels,
)

if TYPE_CHECKING:
    from stanchion_cli.cluster.layout import Layout

TRACKING = "tracking"
MLFLOW = "mlflow"
DATABASE = "database"


def kubernetes_provider(environment: Environment) -> k8s.Provider:
    """The one cluster that everything of the environment is made in."""
    cluster = environment.cluster
    if cluster.bundled is not None:
        node = bundled_node(cluster.bundled)
        kubeconfig: str | None = str(node.kubeconfig)
        context: str | None = node.node
    else:
        kubeconfig, context = cluster.kubeconfig, cluster.context
    return k8s.Provider(
        "cluster",
        kubeconfig=kubeconfig,
        context=context,
        cluster_identifier=f"{pulumi.get_project()}-{pulumi.get_stack()}",
        enable_server_side_apply=True,
    )


def bundled_node(name: str) -> Layout:
    """Where the bundled node of that name keeps its kubeconfig; a preview needs none.

    Raises:
        pulumi.RunError: when an update would find no node there; nothing is created by then.
    """
    from stanchion_cli.cluster.layout import Layout

    node = Layout.of(name)
    if not pulumi.runtime.is_dry_run() and not node.kubeconfig.exists():
        raise pulumi.RunError(
            f"stanchion:cluster.bundled: no node {name} runs on this machine; "
            f"`stanchion up {pulumi.get_stack()}` starts it, loads its images and goes on from here"
        )
    return node


@dataclass(frozen=True)
class Tracking:
    """What services and people need of the tracking server."""

    server: MlflowServer
    namespace: str = TRACKING

    def summary(self) -> Mapping[str, object]:
        """Where it is, for the stack's outputs; holds names of secrets, never their content."""
        return {
            "namespace": self.namespace,
            "service": MLFLOW,
            "port": 5000,
            "url": f"http://{MLFLOW}.{self.namespace}.svc.cluster.local:5000",
            "adminSecret": f"{MLFLOW}-admin",
            "readerSecret": f"{MLFLOW}-reader",
        }


def build_tracking(environment: Environment, opts: pulumi.ResourceOptions) -> Tracking:
    """MLflow with its database and artifact store, in a namespace of the platform's own."""
    settings = environment.tracking
    cloud = Cloud(environment.cloud)
    owner, cost_center = environment.owner, environment.cost_center
    home = Tenant(
        TRACKING,
        {
            "namespace": TRACKING,
            "owner": owner,
            "cost_center": cost_center,
            "quota": {"cpu": "8", "memory": "16Gi", "pods": 30, "storage": "1Ti"},
        },
        opts,
    )
    keep = environment.profile is Profile.PROD
    database_args: DatabaseArgs = {
        "cloud": cloud,
        "namespace": home.namespace,
        "owner": owner,
        "cost_center": cost_center,
        "clients": [{"namespace": TRACKING, "pod_labels": mlflow_pod_labels(MLFLOW)}],
        "image": image(environment.images, "postgres"),
        "storage": settings.database_storage,
        "keep": keep,
    }
    artifact_args: ArtifactStoreArgs = {
        "cloud": cloud,
        "namespace": home.namespace,
        "owner": owner,
        "cost_center": cost_center,
        "storage": settings.artifact_storage,
        "keep": keep,
    }
    if environment.cluster.storage_class is not None:
        database_args["storage_class"] = environment.cluster.storage_class
        artifact_args["storage_class"] = environment.cluster.storage_class
    database = Database(DATABASE, database_args, opts)
    artifacts = ArtifactStore("artifacts", artifact_args, opts)
    mlflow_args: MlflowServerArgs = {
        "namespace": home.namespace,
        "owner": owner,
        "cost_center": cost_center,
        "image": image(environment.images, "mlflow"),
        "database": {
            "host": database.host,
            "port": database.port,
            "admin_username": database.admin_username,
            "admin_password": database.admin_password,
            "pods": {"namespace": TRACKING},
        },
        "artifacts_destination": artifacts.destination,
        "replicas": environment.tracking_replicas,
        "workers": settings.workers,
        "resources": {"cpu": "250m", "cpu_limit": "2", "memory": settings.memory},
        "allowed_hosts": list(settings.allowed_hosts),
        "monitoring": environment.monitoring,
    }
    if artifacts.volume_claim_name is not None:
        mlflow_args["artifacts_volume_claim_name"] = artifacts.volume_claim_name
    server = MlflowServer(MLFLOW, mlflow_args, opts)
    return Tracking(server)


def build_tenants(
    environment: Environment, opts: pulumi.ResourceOptions
) -> Mapping[str, pulumi.Output[str]]:
    """Every tenant's namespace, by the tenant's name."""
    return {
        tenant.name: Tenant(
            f"tenant-{tenant.name}",
            {
                "namespace": tenant.name,
                "owner": tenant.owner,
                "cost_center": tenant.cost_center,
                "access": [
                    {"group": access.group, "role": Role(access.role)} for access in tenant.access
                ],
                "quota": {
                    "cpu": tenant.quota.cpu,
                    "memory": tenant.quota.memory,
                    "pods": tenant.quota.pods,
                    "storage": tenant.quota.storage,
                    "gpus": tenant.quota.gpus,
                },
                "tracking_client": True,
            },
            opts,
        ).namespace
        for tenant in environment.tenants
    }
