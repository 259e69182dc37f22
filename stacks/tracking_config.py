"""The part of an environment file about MLflow, its database and its artifact store."""

from __future__ import annotations

from typing import Annotated

from provider import DatabaseSize
from pydantic import Field
from validation import Memory, Schedule, Strict, by_value


class GarbageCollectionConfig(Strict):
    """What users delete in MLflow goes for good after a while, with its artifacts."""

    enabled: bool = True
    """Whether it goes at all."""
    deleted_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which a deleted run, model or experiment can be restored."""
    schedule: Schedule = "47 3 * * *"
    """When it is looked for: cron's five fields in UTC."""


class TrackingConfig(Strict):
    """The MLflow server with its database and artifact store."""

    replicas: Annotated[int, Field(ge=1, le=10)] | None = None
    """MLflow replicas; default 1 in dev, 2 elsewhere; one is the most on local volumes."""
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    """Server processes in each replica; each takes about 400 MiB."""
    memory: Memory = "1Gi"
    """Memory of each replica, request and limit alike."""
    database_size: Annotated[DatabaseSize, by_value(DatabaseSize)] | None = None
    """Size of a managed database: small, medium or large; default: small in dev, else medium."""
    database_storage: Memory = "2Gi"
    """Size of the database's volume, where it runs in the cluster."""
    artifact_storage: Memory = "5Gi"
    """Size of the artifact store's volume, where it is one."""
    backup_schedule: Schedule | None = None
    """When the database is backed up: cron's five fields in UTC; default: every six hours in prod,
    daily elsewhere."""
    backup_storage: Memory = "2Gi"
    """Size of the volume of backups, where they are on one."""
    garbage_collection: GarbageCollectionConfig = GarbageCollectionConfig()
    private_ingress: bool = False
    """Whether https://mlflow.DOMAIN leads to it from networks around the cluster, where DOMAIN is
    that of `provider.dns`; clouds alone."""
    allowed_hosts: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = ()
    """Host names besides the in-cluster ones under which MLflow may be asked."""
