"""A training as a process: what it is told, what it is held to before it begins, how it ends."""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow.exceptions import MlflowException
from stanchion_model_server.settings import SettingsError
from stanchion_model_server.settings import read as read_settings
from stanchion_models import RegistryError

from stanchion_training import data
from stanchion_training.errors import (
    DONE,
    ENDED,
    AlreadyTrainedError,
    DataRefusedError,
    StoreFailedError,
    TrainingError,
    WrongSettingsError,
)
from stanchion_training.expectations import Expectations
from stanchion_training.once import Script
from stanchion_training.run import TrainingRun
from stanchion_training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_script = Script()


@contextmanager
def training_run(
    *,
    expectations: Path | None = None,
    in_place: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[TrainingRun]:
    """Check settings and data, open the MLflow run, and close it as the block ends.

    Before the block begins the data are fetched, held to their digest and to the expectations,
    and `random` and NumPy are seeded. Parameters and metrics of the usual libraries are logged by
    themselves. A block that ends well clears the checkpoints; one that is killed is gone on with
    by the next process of the same code, data, seed, script and arguments. `sys.exit(0)` ends a
    block well, every other status does not.

    A Job that trains once does so even where it is made again after Kubernetes has deleted it:
    a script that ended well, with all its blocks, is left before the first of them. One that did
    not is run from its beginning, for no block can be skipped alone. The status with which a
    script exits after its last block is not known here: what may fail belongs into a block.

    It seeds no other library (PyTorch has a seed of its own) and takes no checkpoint by itself.

    Args:
        expectations: YAML file of `Expectations`. Default: none, the data are not looked at.
        in_place: Whether the data stay where they are, as data that outgrow the pod's disk or
            memory must: they are read through once for their digest, and no more. It takes no
            `expectations`, which look at all rows at once. Default: false.
        environment: Variables of `TrainingSettings`. Default: those of the process.

    Raises:
        ValueError: `expectations` with `in_place`.
        WrongSettingsError: Of the variables or the file; one message, exit status 2.
        DataRefusedError: One message with all that is wrong, exit status 4.
        AlreadyTrainedError: As said; one message, exit status 0.
        StoreFailedError: MLflow or a store does not answer or gives no access as the training
            begins; one message, exit status 1, for another try may succeed.
    """
    if in_place and expectations is not None:
        raise ValueError("expectations look at all rows at once; remove them, or in_place")
    _script.block_begins()
    with tempfile.TemporaryDirectory(prefix="stanchion-training-") as scratch, _ends_on_request():
        try:
            run = _prepared(
                os.environ if environment is None else environment,
                expectations,
                Path(scratch),
                in_place=in_place,
            )
            if run.leads:
                run.open()
        except TrainingError as error:
            sys.stderr.write(f"{error}\n")
            raise
        except (MlflowException, RegistryError, OSError) as error:
            sys.stderr.write(f"{' '.join(str(error).split())}\n")
            raise StoreFailedError(str(error)) from None
        # Last of all: MLflow draws numbers of its own as it opens a run.
        random.seed(run.seed)
        np.random.seed(run.seed)
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        except SystemExit as error:
            if isinstance(error, TrainingError):
                sys.stderr.write(f"{error}\n")
            if error.code in (None, DONE):
                status = "FINISHED"
            elif error.code == ENDED:
                status = "KILLED"
            raise
        finally:
            run.close(status)
            if status == "FINISHED":
                _script.block_ended_well(run.run_id)


def _prepared(
    environment: Mapping[str, str], expectations: Path | None, scratch: Path, *, in_place: bool
) -> TrainingRun:
    try:
        settings = read_settings(environment, TrainingSettings)
    except SettingsError as error:
        raise WrongSettingsError("\n".join(error.problems)) from None
    expected = Expectations.from_file(expectations) if expectations is not None else None
    before = _script.done_before(settings)
    if before is not None:
        raise AlreadyTrainedError(
            f"{settings.training_job} trains once, and has ended well with run {before}: nothing "
            "is trained. To train all the same, delete that run in MLflow or change the seed"
        )
    uri = settings.data_uri
    folder = None if in_place else data.fetch(uri, scratch / "data")
    digest = data.verified_digest(uri, folder, settings.data_digest)
    frame = None
    if expected is not None and folder is not None:
        frame = data.read(uri, folder)
        problems = expected.problems(frame)
        if problems:
            told = [f"{uri} is not as expected, and nothing was trained:", *problems]
            raise DataRefusedError("\n  ".join(told))
    return TrainingRun(settings, frame, folder, digest, scratch)


@contextmanager
def _ends_on_request() -> Iterator[None]:
    """Unwind on SIGTERM, as of an evicted pod, so that MLflow hears how the run ended."""

    def end(*_: Any) -> None:
        raise SystemExit(ENDED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
