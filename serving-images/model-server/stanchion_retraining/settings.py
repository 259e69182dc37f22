"""What the trigger is told by its environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from stanchion_training.settings import Address

_Text = Annotated[str, StringConstraints(min_length=1)]
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
BUDGET_DAYS: Final = 30
"""The days that `max_runs` is about, up to now."""


class TriggerSettings(BaseModel):
    """One environment variable per field, its name in capitals. Unset means the default."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    namespace: _Text
    """Where the training and its Jobs are."""
    cron_job: _Text
    """Name of the CronJob whose template is the training."""
    alerts: str = ""
    """Names of alerts that start it, each with its reason, as
    `ModelServiceFeatureDrift=drift,ModelServiceDataQuality=data-quality`. Default: none."""
    service: str = ""
    """The model service that the alerts must be about."""
    served_version: str = ""
    """The version that it serves; alerts about another one start nothing. Default: any."""
    data_uri: Address | None = None
    """Folder of the data set, where new files start a training; unset: nobody looks."""
    settle_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    """How long the data must have been at rest, so that an upload is not trained on by half."""
    cooldown_seconds: Annotated[int, Field(ge=0)]
    """Least time from the beginning of a training to that of the next."""
    max_runs: Annotated[int, Field(ge=1, le=100)]
    """Most trainings in 30 days."""
    poll_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300
    """How often the data and the Jobs are looked at."""
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside itself
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of `/alerts`, health and `/metrics`."""
    kubernetes_url: _Text = "https://kubernetes.default.svc"
    """Where the Kubernetes API answers."""
    kubernetes_account_dir: Path = _ACCOUNT
    """Folder with the files `token` and `ca.crt`."""

    @property
    def reasons(self) -> dict[str, str]:
        """The reason that an alert's name stands for."""
        pairs = (each.partition("=") for each in self.alerts.split(",") if each)
        return {name: reason for name, _, reason in pairs}

    @property
    def cooldown(self) -> timedelta:
        """`cooldown_seconds` as a time."""
        return timedelta(seconds=self.cooldown_seconds)
