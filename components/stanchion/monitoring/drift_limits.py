"""How far a service's traffic may be from what its model was trained on."""

from typing import NotRequired, TypedDict

from stanchion.checks import Checks

DEFAULT_PSI = 0.2
DEFAULT_PROBLEM_RATIO = 0.05
DEFAULT_WINDOW_HOURS = 24
DEFAULT_MIN_ROWS = 1000
DEFAULT_EVERY_MINUTES = 5


class DriftLimits(TypedDict):
    """From where on a difference to the model's training is an alert.

    There is something to compare with where the model was registered with its training reference.
    """

    psi: NotRequired[float]
    """Population stability index of a feature or output over the window, beyond what chance makes
    of so many rows, 0.05 to 5: 0.1 is a small shift, 0.2 one that is worth a look. Default: 0.2."""
    problem_ratio: NotRequired[float]
    """Share of a feature's values that are missing, out of training's range or of no category that
    training had, beyond the share in training, 0.001 to 1. Default: 0.05."""
    window_hours: NotRequired[int]
    """Hours of traffic that are compared, 1 to 168. Default: 24."""
    min_rows: NotRequired[int]
    """Fewest rows in the window, 200 to 10000000; with fewer, nobody is alarmed. Default: 1000."""
    every_minutes: NotRequired[int]
    """Minutes from one comparison to the next, 1 to 60. The more often, the sooner a shift is
    seen and the more samples of its window Prometheus adds up. Default: 5."""


def check_drift(check: Checks, drift: DriftLimits) -> None:
    """Refuse limits that chance would cross, or nothing could.

    Args:
        check: Where it is noted.
        drift: The limits.
    """
    for field, value, low, high in (
        ("psi", drift.get("psi", DEFAULT_PSI), 0.05, 5),
        ("problem_ratio", drift.get("problem_ratio", DEFAULT_PROBLEM_RATIO), 0.001, 1),
        ("window_hours", drift.get("window_hours", DEFAULT_WINDOW_HOURS), 1, 168),
        ("min_rows", drift.get("min_rows", DEFAULT_MIN_ROWS), 200, 10_000_000),
        ("every_minutes", drift.get("every_minutes", DEFAULT_EVERY_MINUTES), 1, 60),
    ):
        check.between(f"drift.{field}", value, low, high)
