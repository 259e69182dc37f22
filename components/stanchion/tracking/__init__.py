"""Experiments and the model registry."""

from stanchion.tracking.arguments import MlflowDatabase, MlflowServerArgs
from stanchion.tracking.mlflow_server import MlflowServer, mlflow_pod_labels

__all__ = ["MlflowDatabase", "MlflowServer", "MlflowServerArgs", "mlflow_pod_labels"]
