"""Experiments and the model registry."""

from stanchion.tracking.arguments import MlflowDatabase, MlflowServerArgs
from stanchion.tracking.backup import TrackingBackup, TrackingBackupArgs
from stanchion.tracking.mlflow_server import MlflowServer, mlflow_pod_labels

__all__ = [
    "MlflowDatabase",
    "MlflowServer",
    "MlflowServerArgs",
    "TrackingBackup",
    "TrackingBackupArgs",
    "mlflow_pod_labels",
]
