"""What a service file demands of a model version before it is pinned (`gates:`).

Here is what may be written; `stanchion promote` runs the gates. Digest, signature and a smoke
test are demanded of every version; each block here demands more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from validation import Strict

SHARE = (0.0, 1.0)
NO_LESS_THAN_0 = (0.0, math.inf)
Metric = Literal[
    "accuracy",
    "balancedAccuracy",
    "precision",
    "recall",
    "f1",
    "rocAuc",
    "logLoss",
    "mae",
    "rmse",
    "mape",
    "r2",
]
_REGRESSION: tuple[Metric, ...] = ("mae", "rmse", "mape", "r2")
_OF_PROBABILITIES: tuple[Metric, ...] = ("rocAuc", "logLoss")
_SMALLER_IS_BETTER: tuple[Metric, ...] = ("logLoss", "mae", "rmse", "mape")
_BETWEEN: Mapping[Metric, tuple[float, float]] = {
    **dict.fromkeys(("accuracy", "balancedAccuracy", "precision", "recall", "f1", "rocAuc"), SHARE),
    **dict.fromkeys(_SMALLER_IS_BETTER, NO_LESS_THAN_0),
    "r2": (-math.inf, 1),
}
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Column = Annotated[str, Field(min_length=1, max_length=250)]


def check_within(name: str, between: tuple[float, float], *bounds: float | None) -> None:
    """Refuse a bound that every value of `name` is on one side of, so that it judges nothing.

    Args:
        name: What is bounded.
        between: Its least and its largest value.
        bounds: What was written of it, where something was.

    Raises:
        ValueError: for the first that is not between them.
    """
    low, high = between
    for bound in bounds:
        if bound is not None and not low <= bound <= high:
            lies = f"at most {high:g}" if low == -math.inf else f"at least {low:g}"
            lies = f"{low:g} to {high:g}" if math.isfinite(high - low) else lies
            raise ValueError(f"`{name}` is {lies}, and never {bound:g}; write such a bound")


def _check_order(least: float | None, most: float | None) -> None:
    if least is not None and most is not None and least > most:
        raise ValueError(f"`min: {least}` is above `max: {most}`; swap them")


class Bounds(Strict):
    """Between what a metric must lie, the bounds included."""

    min: _Finite | None = None
    """Smallest value that passes."""
    max: _Finite | None = None
    """Largest value that passes."""

    @model_validator(mode="after")
    def _bound_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("bounds nothing; write `min`, `max` or both")
        _check_order(self.min, self.max)
        return self


class Slice(Strict):
    """How a metric may differ between the groups that one column makes."""

    column: _Column
    """Column of the data set; each of its values is a group, at most 50 of them."""
    metric: Metric
    """What is computed for each group."""
    max_disparity: _NotNegative | None = None
    """Largest distance between the best group and the worst."""
    min: _Finite | None = None
    """Smallest value that passes, in every group."""
    max: _Finite | None = None
    """Largest value that passes, in every group."""
    min_rows: Annotated[int, Field(ge=1)] = 5
    """Groups of fewer rows are shown and not judged."""

    @model_validator(mode="after")
    def _judge_something(self) -> Self:
        if self.max_disparity is None and self.min is None and self.max is None:
            raise ValueError("judges nothing; write `maxDisparity`, `min` or `max`")
        _check_order(self.min, self.max)
        return self


class Evaluation(Strict):
    """Predictions for a pinned data set, made in the serving image and judged by their metrics."""

    data: Annotated[
        str,
        Field(
            max_length=500,
            pattern=r"^((runs|mlflow-artifacts):/)?[^:\s]+\.(csv|jsonl)$",
        ),
    ]
    """The data set, `.csv` or `.jsonl` with one object per line: a file of this repository (at
    most 700 KiB), or `runs:/RUN/PATH` or `mlflow-artifacts:/PATH` in the environment's MLflow."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the file, as `sha256sum FILE` prints it; another file is refused."""
    label: _Column
    """Column that holds the truth. Columns that the signature does not name are not sent."""
    task: Literal["classification", "regression"]
    """Which metrics there are. `precision`, `recall` and `f1` are means over the classes."""
    thresholds: Mapping[Metric, Bounds] = {}
    """Between what each metric must lie."""
    not_worse_than_champion_by: Mapping[Metric, _NotNegative] = {}
    """By how much a metric may be worse than that of the version with the alias `champion`,
    measured on the same data in the same image. No champion yet: nothing is compared."""
    slices: Annotated[tuple[Slice, ...], Field(max_length=20)] = ()
    """Groups of rows that must be served alike."""
    min_rows: Annotated[int, Field(ge=1)] = 30
    """Fewest rows that the data set must have, for its metrics to mean anything."""
    max_failed_rows: Annotated[int, Field(ge=0)] = 0
    """Rows for which the model may fail to answer; they count in no metric."""

    @model_validator(mode="after")
    def _judge_something(self) -> Self:
        if not (self.thresholds or self.not_worse_than_champion_by or self.slices):
            raise ValueError(
                "judges nothing; write `thresholds`, `notWorseThanChampionBy` or `slices`"
            )
        return self

    @model_validator(mode="after")
    def _metrics_of_the_task(self) -> Self:
        named = {*self.thresholds, *self.not_worse_than_champion_by}
        for metric in sorted(named | {each.metric for each in self.slices}):
            if (metric in _REGRESSION) != (self.task == "regression"):
                raise ValueError(
                    f"`{metric}` is no metric of `task: {self.task}`; write one of "
                    f"{', '.join(self._metrics())}"
                )
        return self

    @model_validator(mode="after")
    def _bounds_on_the_side_that_counts(self) -> Self:
        bounds = [
            *self.thresholds.items(),
            *((each.metric, each) for each in self.slices if each.max_disparity is None),
        ]
        for metric, bound in bounds:
            wanted = "max" if metric in _SMALLER_IS_BETTER else "min"
            if getattr(bound, wanted) is None:
                better = "smaller" if wanted == "max" else "larger"
                raise ValueError(f"`{metric}` is better when {better}; write its `{wanted}`")
        return self

    @model_validator(mode="after")
    def _bounds_can_be_met_and_missed(self) -> Self:
        for metric, bound in self.thresholds.items():
            check_within(metric, _BETWEEN[metric], bound.min, bound.max)
        for each in self.slices:
            check_within(each.metric, _BETWEEN[each.metric], each.min, each.max)
        for metric, allowance in self.not_worse_than_champion_by.items():
            if _BETWEEN[metric] == SHARE:
                check_within(metric, SHARE, allowance)
        return self

    @model_validator(mode="after")
    def _groups_have_labels_alone(self) -> Self:
        for each in self.slices:
            if each.metric in _OF_PROBABILITIES:
                raise ValueError(
                    f"`{each.metric}` is not computed by group, where a class may be missing; "
                    "write `accuracy` or another metric of labels"
                )
        return self

    def _metrics(self) -> tuple[str, ...]:
        of_classes = ("accuracy", "balancedAccuracy", "precision", "recall", "f1")
        regression = self.task == "regression"
        return _REGRESSION if regression else (*of_classes, *_OF_PROBABILITIES)


class ModelCard(Strict):
    """The text by which people judge whether a model is for their purpose.

    It is the version's description, else a `model_card.md` or `README.md` beside the model, else
    the registered model's description.
    """

    sections: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=30)] = (
        "Intended use",
        "Data",
        "Limits",
    )
    """Headings that it must have, with text below them; upper and lower case are the same."""


class Scan(Strict):
    """What the files of a model may hold, read before any of them is loaded.

    Pickles may refer to the classes of scikit-learn, XGBoost, LightGBM and what NumPy, SciPy and
    pandas need to restore their data; nothing else, and no function. What cannot be looked into
    (compressed pickles, archives) is refused.
    """

    allow: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[\w.*?]+:[\w.*?]+$")], ...], Field(max_length=200)
    ] = ()
    """More that pickles may refer to, as `MODULE:NAME`; `*` stands for anything. To allow
    `cloudpickle.*:*` is to allow any code."""
    refused_file_types: tuple[Annotated[str, Field(pattern=r"^\.[a-z0-9]+$")], ...] = (
        ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".pyc", ".jar",
    )  # fmt: skip
    """File types that a model may not have among its files."""


class SmokeLimits(Strict):
    """What loading the model and asking it for its input example may take.

    Asked one request after another, in the image and the memory limit that will serve it.
    """

    requests: Annotated[int, Field(ge=20, le=100_000)] = 200
    """How many requests are sent; fewer, but at least 20, once a minute has passed."""
    max_p99_milliseconds: _Positive | None = None
    """Largest 99th percentile of the time of a request, the network not included."""
    max_memory_mebibytes: _Positive | None = None
    """Most memory that the process may have resident."""
    max_memory_growth_mebibytes: _Positive | None = None
    """By how much resident memory may grow during the requests."""
    max_latency_ratio_to_champion: _Positive | None = None
    """Largest median time of a request as a multiple of the champion's, measured alike."""


class Gates(Strict):
    """What a version must pass besides digest, signature and a smoke test."""

    evaluation: Evaluation | None = None
    """Metrics on a pinned data set."""
    model_card: ModelCard | None = None
    """A description with the sections that people need; `{}` for the usual ones."""
    scan: Scan | None = None
    """What the model's files may hold; `{}` for the usual limits."""
    smoke: SmokeLimits = SmokeLimits()
    """Limits of the smoke test."""
