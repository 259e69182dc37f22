"""Reads that outlast an API server which starts anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from stanchion_cli.deploy.api import UnreachableError

_SILENT_SECONDS = 120
"""How long the API server may not answer while what is waited for goes on without us."""
_POLL_SECONDS = 1.0
_T = TypeVar("_T")


def patiently(read: Callable[[], _T]) -> _T:
    """What `read` finds, also when the API server takes a while to answer.

    Args:
        read: Changes nothing, so that it may be tried again.

    Raises:
        UnreachableError: when the API server has not answered for two minutes.
    """
    limit = None
    while True:
        try:
            return read()
        except UnreachableError:
            limit = limit or time.monotonic() + _SILENT_SECONDS
            if time.monotonic() > limit:
                raise
            time.sleep(_POLL_SECONDS)
