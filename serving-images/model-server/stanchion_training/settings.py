"""What a training is told by its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_ADDRESS: Final = r"^(file:///|s3://[a-z0-9]|gs://[a-z0-9])\S+$"
Address = Annotated[str, StringConstraints(pattern=_ADDRESS)]


class TrainingSettings(BaseModel):
    """One environment variable per field, its name in capitals. Unset means the default."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    registered_model_name: Annotated[str, StringConstraints(min_length=1)]
    """The registered model's name, and that of the MLflow experiment."""
    mlflow_tracking_uri: Annotated[str, StringConstraints(pattern=r"^(https?|sqlite)://")]
    """Where MLflow answers."""
    registry_credentials_dir: Path | None = None
    """Folder with the files `username` and `password`; unset for an MLflow without users."""
    data_uri: Address
    """Folder of the data set."""
    data_digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """The data set's digest; unset: whatever is there is trained on, and its digest is logged."""
    data_version: str = ""
    """What people call this state of the data set."""
    code_version: Annotated[str, StringConstraints(min_length=1)]
    """Git commit or tree of the training code."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Where every random number begins."""
    checkpoint_uri: Address | None = None
    """Folder for checkpoints; unset: an interrupted training begins anew."""
    training_job: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]*$")] = ""
    """The Job that trains once; empty where a schedule, a trigger or a person trains again."""
    training_job_uid: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]*$")] = ""
    """Tells it from one of the same name that is made when Kubernetes has deleted it."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Which of the processes of one training this is, as torchrun says; 0 writes for all."""
    node_rank: Annotated[int, Field(ge=0)] = 0
    """Which node of the training this process is on."""
    retraining_reason: str = ""
    """What started it, as drift; empty where a person or a schedule did."""
    retraining_cause: str = ""
    """The alert, or the data, that it was started for."""
    retraining_parent: str = ""
    """The version that was served then."""

    @property
    def because(self) -> dict[str, str]:
        """Why it runs, as tags of the run and of the version; none where nothing is known."""
        told = {
            "reason": self.retraining_reason,
            "cause": self.retraining_cause,
            "parent": self.retraining_parent,
        }
        return {f"stanchion.retraining.{key}": value for key, value in told.items() if value}
