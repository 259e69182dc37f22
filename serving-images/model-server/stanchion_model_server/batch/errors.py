"""Why a shard cannot be scored, and whether another try could."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
"""Exit status of what another try may cure: a store or a registry that does not answer."""
MISCONFIGURED: Final = 2
"""Exit status of settings that no pod of the job can work with."""
MODEL_REFUSED: Final = 3
"""Exit status of a pin that cannot be met: no pod of the job can."""
INPUT_REFUSED: Final = 4
"""Exit status of an input that this model cannot score, however often it is tried."""


class InputRefusedError(Exception):
    """The input is missing, is no Parquet, lacks columns, or has too many rows to refuse."""


class OtherWorkError(OSError):
    """Other work writes to the same output now: a try after its end finds things in order."""
