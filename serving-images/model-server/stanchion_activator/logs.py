"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging

log = logging.getLogger("stanchion_activator")
