"""Values that are not known before a deployment, as checks meet them."""

from __future__ import annotations

from collections.abc import Sequence


class UnknownValueError(Exception):
    """A check needs a value that only the deployment will tell.

    Attributes:
        message: Which value it is; never the value of anything.
    """

    def __init__(self, _sentinel: str, path: Sequence[str]) -> None:
        super().__init__()
        self.message = f"the value at .{'.'.join(path)} can't be known during preview"
