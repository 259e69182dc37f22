"""Experiments and the model registry."""

from stanchion.tracking.access import TrackingAccess
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
    "TrackingAccess",
    "TrackingBackup",
    "TrackingBackupArgs",
    "TrackingGarbageCollection",
    "TrackingGarbageCollectionArgs",
    "mlflow_pod_labels",
]
