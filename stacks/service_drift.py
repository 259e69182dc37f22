"""`drift` of a service file: how far its traffic may be from its model's training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from stanchion import DriftLimits
from validation import Strict


class Drift(Strict):
    """From where on a difference to the model's training is an alert.

    The alerts are there where the environment has the operator kube-prometheus-stack, and have
    something to compare with where the model was registered with its training reference.
    """

    psi: Annotated[float, Field(ge=0.05, le=5)] = 0.2
    """Population stability index of a feature or output over the window, beyond what chance makes
    of so many rows: 0.1 is a small shift, 0.2 one that is worth a look."""
    problem_ratio: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    """Share of a feature's values that are missing, out of training's range or of no category that
    training had, beyond the share in training."""
    window_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """Hours of traffic that are compared."""
    min_rows: Annotated[int, Field(ge=200, le=10_000_000)] = 1000
    """Fewest rows in the window; with fewer, nobody is alarmed."""
    every_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    """Minutes from one comparison to the next. The more often, the sooner a shift is seen and the
    more samples of its window Prometheus adds up."""

    def arguments(self) -> DriftLimits:
        """The same for the component."""
        return {
            "psi": self.psi,
            "problem_ratio": self.problem_ratio,
            "window_hours": self.window_hours,
            "min_rows": self.min_rows,
            "every_minutes": self.every_minutes,
        }
