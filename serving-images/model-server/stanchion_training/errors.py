"""Why a training ends before it begins, and whether another try could help."""

from __future__ import annotations

from typing import ClassVar, Final

DONE: Final = 0
"""Exit status of a script that did its work, or has no need to."""
FAILED: Final = 1
"""Exit status of what another try may cure: a store or an MLflow that does not answer."""
MISCONFIGURED: Final = 2
"""Exit status of settings or expectations that no try can work with."""
DATA_REFUSED: Final = 4
"""Exit status of data that are not what was promised, however often they are read."""
ENDED: Final = 143
"""Exit status of a process that was asked to end, as by the eviction of its pod."""


class TrainingError(SystemExit):
    """Ends the script with its text and no stack trace, and with a status that says what to do."""

    status: ClassVar[int]

    def __init__(self, message: str) -> None:
        super().__init__(self.status)
        self.message = message

    def __str__(self) -> str:
        return self.message


class WrongSettingsError(TrainingError):
    """The environment or the file of expectations is wrong."""

    status = MISCONFIGURED


class DataRefusedError(TrainingError):
    """The data are missing, are others than expected, or break an expectation."""

    status = DATA_REFUSED


class StoreFailedError(TrainingError):
    """MLflow, or the store of the data or the checkpoints, cannot be had now."""

    status = FAILED


class AlreadyTrainedError(TrainingError):
    """The Job trains once, and has: Kubernetes deletes Jobs, MLflow no run.

    No failure, but the one way to leave a script before its block.
    """

    status = DONE
