"""Structured logs: one JSON object a line."""

from __future__ import annotations

import logging

from stanchion_serving import logs

log = logging.getLogger("stanchion_drift_monitor")


def configure(*, to_stderr: bool = False) -> None:
    """Send every logger of this process out as JSON, libraries from warning up.

    Args:
        to_stderr: Leave standard output to a command's own result.
    """
    silenced = ("urllib3", "mlflow.store", "mlflow.tracking", "mlflow.models.utils")
    logs.configure(log, silenced=silenced, to_stderr=to_stderr)
