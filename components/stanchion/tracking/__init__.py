"""Experiments and the model registry."""

from stanchion.tracking.arguments import MlflowDatabase, MlflowServerArgs
from stanchion.tracking.backup import TrackingBackup, TrackingBackupArgs
from stanchion.tracking.garbage_collection import (
    TrackingGarbageCollection,
    TrackingGarbageCollectionArgs,
)
from stanchion.tracking.mlflow_server import MlflowServer, mlflow_pod_labels

__all__ = [
    "MlflowDatabase",
    "MlflowServer",
    "MlflowServerArgs",
    "TrackingBackup",
    "TrackingBackupArgs",
    "TrackingGarbageCollection",
    "TrackingGarbageCollectionArgs",
    "mlflow_pod_labels",
]
