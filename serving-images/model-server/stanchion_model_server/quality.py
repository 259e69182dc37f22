"""How good answers are beside the truth: the same for gates and for labels that come late."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

OF_LABELS: Final[dict[str, Callable[[Any, Any], float]]] = {
    "accuracy": metrics.accuracy_score,
    "balancedAccuracy": metrics.balanced_accuracy_score,
    "precision": lambda y, p: metrics.precision_score(y, p, average="macro", zero_division=0),
    "recall": lambda y, p: metrics.recall_score(y, p, average="macro", zero_division=0),
    "f1": lambda y, p: metrics.f1_score(y, p, average="macro", zero_division=0),
}
OF_NUMBERS: Final[dict[str, Callable[[Any, Any], float]]] = {
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "mape": metrics.mean_absolute_percentage_error,
    "r2": lambda y, p: metrics.r2_score(y, p) if len(y) > 1 else math.nan,
}
SMALLER_IS_BETTER: Final = frozenset({"logLoss", "mae", "rmse", "mape"})


def finite(value: Any) -> float | None:
    """The number, or None where there is none: JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None


def of_probabilities(known: Any, scores: Any, truth: Any) -> dict[str, float | None]:
    """Metrics of probabilities, one column a class, in the order of the sorted classes.

    Args:
        known: The truth of each row.
        scores: The probabilities.
        truth: Labels among which every class is.
    """
    classes = np.unique(truth)
    found = {"logLoss": finite(metrics.log_loss(known, scores, labels=classes))}
    if len(np.unique(known)) == len(classes) > 1:
        positive = scores[:, 1] if len(classes) == 2 else scores
        found["rocAuc"] = finite(
            metrics.roc_auc_score(known, positive, multi_class="ovr", labels=classes)
        )
    return found
