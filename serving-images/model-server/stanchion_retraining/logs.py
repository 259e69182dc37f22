"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging

from stanchion_serving import logs

log = logging.getLogger("stanchion_retraining")


def configure() -> None:
    """Send every logger of this process out as JSON, libraries from warning up."""
    logs.configure(log, silenced=("urllib3",))
