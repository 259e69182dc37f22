"""What the tracking server keeps and where: database, stores, and who may read and write them."""

from __future__ import annotations

import pulumi
from environment import Environment
from features import FEATURES
from foundation import Foundation, Site
from images import image
from provider import LocalProvider
from stanchion import (
    ArtifactStore,
    ArtifactStoreArgs,
    Cloud,
    DatabaseArgs,
    Grant,
    GrantKind,
    WorkloadIdentity,
    feature_store_pod_labels,
    mlflow_pod_labels,
)
from tracking_ingress import MLFLOW

TRACKING = "tracking"
BACKUPS = "backups"
BACKUP_ACCOUNT = f"{MLFLOW}-backup"
"""Service account that `TrackingBackup` makes for itself."""


def database_args(
    environment: Environment, foundation: Foundation, namespace: pulumi.Output[str]
) -> DatabaseArgs:
    """MLflow's database, and the feature store's where there is one, as the environment has it."""
    users = [mlflow_pod_labels(MLFLOW)]
    if environment.feature_store.enabled:
        users.append(feature_store_pod_labels(FEATURES))
    args: DatabaseArgs = {
        "cloud": Cloud(environment.provider.cloud),
        "namespace": namespace,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "clients": [{"namespace": TRACKING, "pod_labels": each} for each in users],
        "keep": environment.keep,
    }
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        args["image"] = image(environment, foundation.environment, "postgres")
        args["storage"] = environment.tracking.database_storage
        if provider.storage_class is not None:
            args["storage_class"] = provider.storage_class
    if foundation.site is not None:
        args["location"] = foundation.site.location
        args["environment"] = foundation.environment
        args["network"] = foundation.site.network
        args["secret_store"] = foundation.site.secret_store
        args["machine"] = environment.database_machine
        args["high_availability"] = environment.keep
    return args


def store_args(
    environment: Environment, foundation: Foundation, namespace: pulumi.Input[str]
) -> ArtifactStoreArgs:
    """A store of what the tracking server keeps, as the environment has it."""
    args: ArtifactStoreArgs = {
        "cloud": Cloud(environment.provider.cloud),
        "namespace": namespace,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "storage": environment.tracking.artifact_storage,
        "keep": environment.keep,
    }
    provider = environment.provider
    if isinstance(provider, LocalProvider) and provider.storage_class is not None:
        args["storage_class"] = provider.storage_class
    if foundation.site is not None:
        args["location"] = foundation.site.location
        args["environment"] = foundation.environment
    return args


def store_identity(
    environment: Environment,
    site: Site,
    account: str,
    store: ArtifactStore,
    opts: pulumi.ResourceOptions,
) -> WorkloadIdentity:
    """Who a service account is to the cloud: the one that reads and writes its store alone."""
    grant: Grant = {
        "name": "artifacts" if account == MLFLOW else BACKUPS,
        "kind": GrantKind.BUCKET_WRITE,
        "resource": store.destination.apply(lambda uri: uri.partition("://")[2]),
    }
    if store.encryption_key is not None:
        grant["key"] = store.encryption_key
    return WorkloadIdentity(
        f"{account}-identity",
        {
            "location": site.location,
            "environment": site.environment,
            "owner": environment.owner,
            "cost_center": environment.cost_center,
            "cluster": site.cluster,
            "namespace": TRACKING,
            "service_account": account,
            "grants": [grant],
        },
        opts,
    )
