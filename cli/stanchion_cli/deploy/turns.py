"""One `up` of an environment at a time: whoever comes second waits for a while."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console

_PATIENCE_SECONDS = 600
_POLL_SECONDS = 10
_T = TypeVar("_T")


class BusyError(StanchionError):
    """Somebody else brings the environment up: nothing was changed, and nothing failed."""


def in_turn(environment: str, begin: Callable[[], _T]) -> _T:
    """Do something as soon as nobody else is at it.

    Args:
        environment: What it is done to.
        begin: Does it; where somebody else is at it, raises a `BusyError` and has changed nothing.

    Raises:
        BusyError: when somebody is at it for over ten minutes.
    """
    limit, told = time.monotonic() + _PATIENCE_SECONDS, False
    while True:
        try:
            return begin()
        except BusyError as error:
            if time.monotonic() > limit:
                raise
            if not told:
                console.print(f"{environment}: waiting, since {error.reason}", markup=False)
                told = True
            time.sleep(_POLL_SECONDS)


@contextmanager
def alone(root: Path, environment: str) -> Iterator[None]:
    """Nobody else brings up what this checkout declares, while the block runs.

    Whoever applied objects beside another run would take away what that one has just pinned. It
    ends with the process, however that ends.

    Raises:
        BusyError: when somebody is at it for over ten minutes.
    """
    handle = os.open(root / "stacks", os.O_RDONLY)

    def lock() -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "another `up` of this checkout is running",
                where=environment,
                fix="wait until that has ended, then run this again",
            ) from None

    try:
        in_turn(environment, lock)
        yield
    finally:
        os.close(handle)
