"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging

from stanchion_serving import logs

log = logging.getLogger("stanchion_llm_gateway")


def configure() -> None:
    """Send every logger of this process out as JSON, libraries from warning up."""
    # Presidio says for each recognizer that it has loaded it.
    logs.configure(log, silenced=("presidio-analyzer", "tldextract"))
