"""Whether a service is asked, and answers, as in its model's training: records and alerts.

The server counts values by the bins of the training reference. At every comparison what was counted
since the last one by all replicas of a version is recorded; over the window these counts are added
up, so a restart or another number of replicas changes nothing. Their shares are compared with
training's by the population stability index (PSI), the sum over bins of (share - reference) *
ln(share / reference).

Without any drift the index of `bins` bins is about (1/rows + 1/reference rows) times a chi-squared
number of bins - 1 degrees of freedom: both samples differ from the truth. What is recorded as drift
is the index beyond that number's mean and three deviations.
"""

from collections.abc import Iterator

from stanchion.monitoring.burn_rates import matchers
from stanchion.monitoring.drift_limits import (
    DEFAULT_EVERY_MINUTES,
    DEFAULT_MIN_ROWS,
    DEFAULT_PROBLEM_RATIO,
    DEFAULT_PSI,
    DEFAULT_WINDOW_HOURS,
)
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RecordingRule, RuleGroup
from stanchion.monitoring.watched import WatchedService

COUNTS = "model_service:field_values:increase"
BEYOND = "model_service:field_out_of_range:increase"
ROWS = "model_service:field_rows:window"
SHARE = "model_service:field_share:window"
REFERENCE = "model_service:field_reference:ratio"
CHANCE = "model_service:field_psi_chance:window"
PSI = "model_service:field_psi:window"
DRIFT = "model_service:field_drift:window"
PROBLEMS = "model_service:field_problems:window"

_SMALLEST_SHARE = 1e-4
"""Of an empty bin, whose logarithm would have no end."""
_RANGE_ROWS = 9
"""A field's range in training, of m rows, leaves out more than 9/m of its values in one of 800
samples: the probability that a Poisson number of mean 9 is below 2."""
_SHOWN = 5


def drift_rules(watched: WatchedService) -> list[RuleGroup]:
    """The rules about drift and data quality, in groups named after the service."""
    prefix = f"{watched.namespace}-{watched.service}"
    seconds = 60 * watched.drift.get("every_minutes", DEFAULT_EVERY_MINUTES)
    return [
        RuleGroup(f"{prefix}-drift-counts", [*_counts(watched, seconds)], seconds),
        RuleGroup(f"{prefix}-drift", [*_compared(watched), *_alerts(watched)], seconds),
    ]


def _counts(watched: WatchedService, seconds: int) -> Iterator[RecordingRule]:
    for record, metric, labels in (
        (COUNTS, "model_server_field_values_total", "version, side, field, bin"),
        (BEYOND, "model_server_field_out_of_range_total", "version, side, field"),
    ):
        rate = f"rate({metric}{watched.selector()}[{seconds // 60}m])"
        yield RecordingRule(record, f"sum by ({labels}) ({rate}) * {seconds}", watched.labels)


def _compared(watched: WatchedService) -> Iterator[RecordingRule]:
    def record(name: str, expr: str, **more: str) -> RecordingRule:
        return RecordingRule(name, expr, {**watched.labels, **more})

    def series(name: str, **more: str) -> str:
        return f"{name}{{{matchers({**watched.labels, **more})}}}"

    def added(name: str) -> str:
        return f"sum_over_time({series(name)}[{hours}h])"

    hours = watched.drift.get("window_hours", DEFAULT_WINDOW_HOURS)
    field, bins = "version, side, field", "version, side, field, bin"
    one_of_field = f"on ({field}) group_left ()"
    yield record(ROWS, f"sum by ({field}) ({added(COUNTS)})")
    many = f"({series(ROWS)} > 0)"
    yield record(SHARE, f"sum by ({bins}) ({added(COUNTS)}) / {one_of_field} {many}")
    # Replicas of a version have the same reference; where none runs, nothing is compared.
    ratio = f"model_server_field_reference_ratio{watched.selector()}"
    yield record(REFERENCE, f"max by ({bins}) ({ratio})")
    share, trained = (
        f"clamp_min({series(name)}, {_SMALLEST_SHARE:g})" for name in (SHARE, REFERENCE)
    )
    on_bins = f"on ({bins})"
    yield record(
        PSI,
        f"sum by ({field}) (({share} - {on_bins} {trained}) * {on_bins} "
        f"ln({share} / {on_bins} {trained}))",
    )
    free = f"(count by ({field}) ({series(REFERENCE)} > 0) - 1)"
    of_training = f"max by (version) (model_server_field_reference_rows{watched.selector()})"
    yield record(
        CHANCE,
        f"({free} + 3 * sqrt(2 * {free})) * on ({field}) "
        f"(1 / {many} + on (version) group_left () 1 / {of_training})",
    )
    beyond_chance = f"{series(PSI)} - on ({field}) {series(CHANCE)}"
    yield record(DRIFT, f"clamp_min({beyond_chance}, 0)")
    for problem, named in (("missing", "missing"), ("unseen", "other")):
        found, known = (series(name, side="input", bin=named) for name in (SHARE, REFERENCE))
        yield record(PROBLEMS, f"clamp_min({found} - on ({bins}) {known}, 0)", problem=problem)
    chance = f"on (version) group_left () {_RANGE_ROWS} / {of_training}"
    outside = f"sum by ({field}) ({added(BEYOND)}) / on ({field}) {many}"
    yield record(PROBLEMS, f"clamp_min({outside} - {chance}, 0)", problem="out_of_range")


def _alerts(watched: WatchedService) -> Iterator[AlertRule]:
    limits = watched.drift
    psi = limits.get("psi", DEFAULT_PSI)
    hours = limits.get("window_hours", DEFAULT_WINDOW_HOURS)
    rows = limits.get("min_rows", DEFAULT_MIN_ROWS)

    def watch(
        name: str, record: str, side: str, limit: float, *, shown: str, summary: str, says: str
    ) -> AlertRule:
        about = matchers({**watched.labels, "side": side})
        found = (
            f"{record}{{{about}}} > {limit:g} "
            f"and on (version, side, field) {ROWS}{{{about}}} >= {rows}"
        )
        worst = f"{{{{ range query `topk({_SHOWN}, {found})` }}}} {shown};{{{{ end }}}}"
        return watched.alert(
            name,
            f"count by (version) ({found})",
            AlertSeverity.TICKET,
            summary=summary,
            description=f"Over {hours} h and {rows} rows or more of version "
            f"{{{{ $labels.version }}}}: {says}:{worst}",
        )

    index = '{{ .Labels.field }} {{ printf "%.2f" .Value }}'
    yield watch(
        "ModelServiceFeatureDrift",
        DRIFT,
        "input",
        psi,
        shown=index,
        summary="is asked otherwise than its model was trained: "
        '{{ printf "%.0f" $value }} features have drifted',
        says=f"features whose stability index is more than {psi:g} above chance",
    )
    yield watch(
        "ModelServicePredictionDrift",
        DRIFT,
        "output",
        psi,
        shown=index,
        summary="answers otherwise than its model did in training: "
        '{{ printf "%.0f" $value }} outputs have drifted',
        says=f"outputs whose stability index is more than {psi:g} above chance",
    )
    ratio = limits.get("problem_ratio", DEFAULT_PROBLEM_RATIO)
    yield watch(
        "ModelServiceDataQuality",
        PROBLEMS,
        "input",
        ratio,
        shown="{{ .Labels.field }} {{ .Labels.problem }} {{ humanizePercentage .Value }}",
        summary="is asked with values that its model's training did not have: "
        '{{ printf "%.0f" $value }} kinds',
        says=f"more than {ratio:.4g} of a feature's values, beyond training's share",
    )
