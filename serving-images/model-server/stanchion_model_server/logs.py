"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging

from stanchion_serving import logs
from stanchion_serving.logs import AccessLog, timestamp

__all__ = ["AccessLog", "configure", "log", "timestamp"]

log = logging.getLogger("stanchion_model_server")
# What MLflow and urllib3 say while the registry is away repeats our one line a retry.
_REPETITIVE = ("urllib3", "mlflow.store", "mlflow.tracking", "mlflow.models.utils")


def configure(*, to_stderr: bool = False) -> None:
    """Send every logger of this process out as JSON, libraries from warning up.

    Args:
        to_stderr: Leave standard output to a command's own result.
    """
    logs.configure(log, silenced=_REPETITIVE, to_stderr=to_stderr)
