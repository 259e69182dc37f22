"""One training: checked before it begins, logged as it goes, resumed where it was cut off."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import mlflow.data
import numpy as np
from mlflow.exceptions import MlflowException
from stanchion_models import (
    CANDIDATE,
    DIGEST_TAG,
    Credentials,
    ModelVersion,
    Reference,
    Registry,
    register,
)

from stanchion_training import data
from stanchion_training.checkpoints import Checkpoints
from stanchion_training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from mlflow.entities import LoggedModel, Run
    from mlflow.models.model import ModelInfo
    from mlflow.tracking import MlflowClient
    from pyarrow import fs

    from stanchion_training.checkpoints import Checkpoint

DATA_DIGEST = "stanchion.data.digest"
CODE_VERSION = "stanchion.code.version"


class TrainingRun:
    """What a script is given by `training_run`.

    With several processes all have the same data, seed and checkpoint to begin from, and the
    leading one alone writes: ask `leads` before logging to MLflow or registering.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        frame: pd.DataFrame | None,
        folder: Path | None,
        digest: str,
        scratch: Path,
    ) -> None:
        self.settings = settings
        self.data_digest = digest
        """What tells the data set from every other."""
        self.seed = settings.seed
        """For libraries that want one; `random` and NumPy are seeded with it."""
        self.generator = np.random.default_rng(settings.seed)
        """Random numbers that go on after a checkpoint as if nothing had happened."""
        self.leads = settings.rank == 0 and settings.node_rank == 0
        """Whether this process writes for all."""
        self._frame, self._folder, self._scratch = frame, folder, scratch
        self._checkpoints: Checkpoints | None = None
        if settings.checkpoint_uri is not None:
            self._checkpoints = Checkpoints(settings.checkpoint_uri, identity(settings, digest))
        self._client: MlflowClient | None = None
        self.run_id = ""
        """MLflow's name of the run; empty where this process does not lead."""

    @property
    def data_folder(self) -> Path:
        """The data set's files, not to be changed.

        Raises:
            RuntimeError: They are where they were, for the training is `in_place`.
        """
        if self._folder is None:
            raise RuntimeError("the data of a training in place are not copied; ask run.sources")
        return self._folder

    @property
    def data(self) -> pd.DataFrame:
        """The Parquet and CSV files of the data set as one frame.

        Raises:
            DataRefusedError: There are none, or they do not go together.
            RuntimeError: The training is `in_place`.
        """
        if self._frame is None:
            self._frame = data.read(self.settings.data_uri, self.data_folder)
        return self._frame

    @property
    def sources(self) -> tuple[fs.FileSystem, list[str]]:
        """PyArrow's file system of the data set, and the paths there of its Parquet and CSV files.

        For readers that go through them piece by piece or on other machines, as Ray Data.
        """
        return data.sources(self.settings.data_uri)

    def resume(self) -> Checkpoint | None:
        """The newest whole checkpoint, with the random numbers set to where they stood then.

        None for a training that begins, or that keeps no checkpoints.
        """
        if self._checkpoints is None:
            return None
        return self._checkpoints.latest(self._scratch / "resumed", self.generator)

    @contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """A folder for the block to write its state to; it counts once all of it is kept.

        It is thrown away where no checkpoints are kept, and by processes that do not lead.

        Args:
            step: How far the training is; 0 or more, and higher each time.
        """
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Path(folder)
            if self._checkpoints is not None and self.leads:
                self._checkpoints.save(step, Path(folder), self.generator)

    def register(
        self,
        model: str | ModelInfo | LoggedModel,
        *,
        reference: Reference | None = None,
        description: str | None = None,
    ) -> ModelVersion:
        """Register the model that the run logged, once: a run that has a version keeps it.

        The version's tags say which data and code it is of, and what started the training. It gets
        the alias `candidate`, unless a newer one has it. Nothing is promoted.

        Args:
            model: What `log_model` returned, or its address.
            reference: What it was trained on; None: nobody sees drift.
            description: Its card, in Markdown; None: the version has none.

        Raises:
            stanchion_models.RegistryError: The registry refuses the model.
            RuntimeError: This process does not lead.
        """
        if self._client is None:
            raise RuntimeError("another process of the training leads; ask run.leads first")
        name = self.settings.registered_model_name
        version = self._registered(name)
        if version is None:
            tags = {
                DATA_DIGEST: self.data_digest,
                CODE_VERSION: self.settings.code_version,
                **self.settings.because,
            }
            version = register(model, name, client=self._client, tags=tags, reference=reference)
        if description is not None:
            self._client.update_model_version(name, version.version, description=description)
        self._propose(name, version.version)
        return version

    def _registered(self, name: str) -> ModelVersion | None:
        """The version that the run has, should it have been cut off after registering it."""
        assert self._client is not None  # noqa: S101 - for the type checker
        for found in self._client.search_model_versions(f"run_id = '{self.run_id}'"):
            if found.name == name:
                known = dict(found.tags)
                return ModelVersion(name, str(found.version), known.get(DIGEST_TAG), known)
        return None

    def _propose(self, name: str, version: str) -> None:
        """Make a version the model's candidate, unless a newer one is."""
        assert self._client is not None  # noqa: S101 - it has registered, for the type checker
        current = self._client.get_registered_model(name).aliases.get(CANDIDATE)
        if current is None or int(current) < int(version):
            self._client.set_registered_model_alias(name, CANDIDATE, version)

    def open(self) -> None:
        """Open the MLflow run, that of the interrupted training where there was one.

        `training_run` does it before a script sees the run.

        Raises:
            stanchion_models.RegistryError: The credentials cannot be read.
            mlflow.exceptions.MlflowException: MLflow failed.
            OSError: The checkpoints' store failed.
        """
        tracking = registry(self.settings)
        self._client = tracking.client()
        mlflow.set_tracking_uri(tracking.tracking_uri)
        mlflow.set_experiment(self.settings.registered_model_name)
        # The script logs the one model that it registers, with its signature.
        mlflow.autolog(log_models=False, log_datasets=False, silent=True)
        opened = mlflow.start_run(run_id=self._earlier())
        self.run_id = opened.info.run_id
        if self._checkpoints is not None:
            self._checkpoints.run_id = self.run_id
        self._describe(opened)

    def close(self, status: str) -> None:
        """End the MLflow run; one that is FINISHED needs its checkpoints no more."""
        if self._client is None:
            return
        mlflow.end_run(status)
        if self._checkpoints is not None and status == "FINISHED":
            self._checkpoints.clear()

    def _earlier(self) -> str | None:
        """The run to go on with, unless it was deleted."""
        known = self._checkpoints.run_id if self._checkpoints is not None else None
        if known is None or self._client is None:
            return None
        try:
            return known if self._client.get_run(known).info.lifecycle_stage == "active" else None
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _describe(self, opened: Run) -> None:
        settings = self.settings
        mlflow.set_tags(
            {
                "stanchion.data.uri": settings.data_uri,
                "stanchion.data.version": settings.data_version,
                DATA_DIGEST: self.data_digest,
                CODE_VERSION: settings.code_version,
                **settings.because,
            }
        )
        mlflow.log_param("seed", settings.seed)
        described_before = opened.inputs is not None and opened.inputs.dataset_inputs
        if self._frame is not None and not described_before:
            described = mlflow.data.from_pandas(  # type: ignore[attr-defined]
                self._frame,
                source=settings.data_uri,
                name=settings.data_version or "data",
                # MLflow keeps 36 characters of it; the tag has them all.
                digest=self.data_digest.removeprefix("sha256:")[:32],
            )
            mlflow.log_input(described, context="training")


def registry(settings: TrainingSettings) -> Registry:
    """MLflow, as a training reaches it."""
    # Readers try again themselves; a training of hours outlives two minutes without MLflow.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "6")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "2")
    directory = settings.registry_credentials_dir
    return Registry(settings.mlflow_tracking_uri, Credentials(directory) if directory else None)


def identity(settings: TrainingSettings, *more: str) -> str:
    """Tells a training from every other by what it is told, its script and its arguments.

    Args:
        settings: What it is told.
        more: What else it is known by.
    """
    parts = [
        settings.registered_model_name,
        settings.code_version,
        settings.seed,
        *more,
        # As in its command, which every try of a training has alike; `-c` there is no script yet.
        *(sys.orig_argv if sys.argv[0] == "-c" else sys.argv),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
