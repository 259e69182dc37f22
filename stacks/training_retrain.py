"""`retrain` of a training's service file: what begins it again, and how often it may."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from stanchion import RetrainingReason
from validation import ShortName, Strict, by_value

BY_ALERT = (
    RetrainingReason.DRIFT,
    RetrainingReason.DATA_QUALITY,
    RetrainingReason.QUALITY,
)
"""What an alert about a service says."""
MOST_RUNS = 100
"""The highest `max_runs`."""


class Retrain(Strict):
    """What begins a training again, and how often it may.

    With `schedule` in the file it also begins by the clock, which nothing here holds back.
    """

    reasons: Annotated[
        tuple[Annotated[RetrainingReason, by_value(RetrainingReason)], ...], Field(min_length=1)
    ]
    """drift: the service's alerts that it is asked or answers otherwise than in training;
    data-quality: that values are missing, out of range or new; quality: the alert of the service's
    DriftMonitor that labels say it is worse than it may be; new-data: files of the data set that
    are newer than the last training."""
    service: ShortName | None = None
    """The tenant's ModelService whose alerts count; needed by drift, data-quality and quality."""
    cooldown_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    """Least hours from the beginning of one training to that of the next, no less than the
    training's deadline."""
    max_runs: Annotated[int, Field(ge=1, le=MOST_RUNS)] = 8
    """Most trainings in 30 days, scheduled ones counted."""
    settle_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    """How long the newest file must have been at rest, longer than an upload pauses."""

    @model_validator(mode="after")
    def _reasons_have_what_they_need(self) -> Self:
        twice = {each for each in self.reasons if self.reasons.count(each) > 1}
        if twice:
            raise ValueError(f"`reasons` has {', '.join(sorted(twice))} twice; remove one")
        by_alert = ", ".join(each for each in self.reasons if each in BY_ALERT)
        if by_alert and self.service is None:
            raise ValueError(
                f"{by_alert} are alerts of a service; add `service` with the name of a ModelService"
            )
        if not by_alert and self.service is not None:
            raise ValueError(
                "`service` is not looked at without drift, data-quality or quality; remove it"
            )
        return self
