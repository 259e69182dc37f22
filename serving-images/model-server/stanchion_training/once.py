"""A Job that trains once: MLflow remembers it when Kubernetes has deleted it."""

from __future__ import annotations

import atexit
import sys

from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from stanchion_models import RegistryError

from stanchion_training.run import identity, registry
from stanchion_training.settings import TrainingSettings

_JOB, _UID, _SCRIPT = "stanchion.job", "stanchion.job.uid", "stanchion.job.script"


class Script:
    """What this process runs: a block of `training_run`, or several one after the other.

    No block can be skipped from within, so a script is left at its first block or not at all. It
    is left where another Job of the same name has run it to its end: every block ended well, and
    so did the process, whose last run in MLflow has tags that say so. Another try of the same Job
    is never left: there would be none, had the one before ended well.

    The status with which a script exits after its last block cannot be seen from here.
    """

    def __init__(self) -> None:
        self._first: TrainingSettings | None = None
        self._open = 0
        self._last_run = ""

    def block_begins(self) -> None:
        """Count a block, before anything of it can fail."""
        self._open += 1

    def block_ended_well(self, run_id: str) -> None:
        """The end of a block that began; of others nothing is told.

        Args:
            run_id: Its run; empty where another process leads.
        """
        self._open -= 1
        self._last_run = run_id

    def done_before(self, settings: TrainingSettings) -> str | None:
        """The run with which the script has ended before, asked at its first block; else None.

        Raises:
            stanchion_models.RegistryError: The credentials cannot be read.
            mlflow.exceptions.MlflowException: MLflow failed.
        """
        if self._first is not None or not (settings.training_job and settings.training_job_uid):
            return None
        client = registry(settings).client()
        experiment = client.get_experiment_by_name(settings.registered_model_name)
        if experiment is not None:
            tags = _tags(settings)
            others = [
                f"tags.`{key}` {'!=' if key == _UID else '='} '{tag}'" for key, tag in tags.items()
            ]
            found = client.search_runs(
                [experiment.experiment_id], " AND ".join(others), max_results=1
            )
            if found:
                return str(found[0].info.run_id)
        self._first = settings
        atexit.register(self._remember)
        return None

    def _remember(self) -> None:
        """As the process ends. One that is killed never comes here."""
        if self._first is None or self._open or not self._last_run or hasattr(sys, "last_value"):
            return
        tags = [RunTag(key, tag) for key, tag in _tags(self._first).items()]
        try:
            client = registry(self._first).client()
            client.log_batch(self._last_run, tags=tags, synchronous=True)
        except (MlflowException, RegistryError, OSError) as error:
            sys.stderr.write(
                f"{self._first.training_job} has ended well, and will train again if it is made "
                f"again, for MLflow could not be told: {' '.join(str(error).split())}\n"
            )


def _tags(settings: TrainingSettings) -> dict[str, str]:
    """Which Job runs which script."""
    return {
        _JOB: settings.training_job,
        _UID: settings.training_job_uid,
        _SCRIPT: identity(settings),
    }
