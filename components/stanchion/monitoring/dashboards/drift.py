"""What a model is asked and answers, beside its training."""

from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Unit,
    Variable,
    lines,
    table,
)
from stanchion.monitoring.dashboards.model_service import OF, VARIABLES
from stanchion.monitoring.drift import CHANCE, DRIFT, PROBLEMS, PSI, ROWS, SHARE
from stanchion.monitoring.drift_limits import DEFAULT_PROBLEM_RATIO, DEFAULT_PSI

_FIELD = f'{OF},field=~"$field"'
_NAMED = "{{side}} {{field}} ({{version}})"
_INDEX = Limits(DEFAULT_PSI, DEFAULT_PSI / 2)

DRIFT_OF_MODELS = Dashboard(
    "drift",
    "Drift and data quality",
    "Whether a model is asked, and answers, as in its training, feature by feature.",
    variables=(
        *VARIABLES,
        Variable("field", "Field", f"{DRIFT}{{{OF}}}", "field"),
    ),
    sections=(
        Section(
            "In short",
            (
                table(
                    "Drift",
                    "Stability index (PSI) of each field beyond what chance makes of so many rows. "
                    f"Services are alarmed from {DEFAULT_PSI:g} on unless their file says "
                    "otherwise.",
                    f"max by (namespace, service, version, side, field) ({DRIFT}{{{_FIELD}}})",
                    limits=_INDEX,
                ),
                table(
                    "Data quality",
                    "Share of a feature's values that training did not have, beyond training's "
                    "share: missing, unseen category, out of range.",
                    "max by (namespace, service, version, field, problem) "
                    f'({PROBLEMS}{{{_FIELD},side="input"}})',
                    Unit.RATIO,
                    Limits(DEFAULT_PROBLEM_RATIO, DEFAULT_PROBLEM_RATIO / 2),
                ),
            ),
        ),
        Section(
            "Over time",
            (
                lines(
                    "Drift",
                    "The same index over time: a step is a change upstream, a slope one of the "
                    "world.",
                    f"{DRIFT}{{{_FIELD}}}",
                    _NAMED,
                    limits=_INDEX,
                ),
                Panel(
                    "Index and chance",
                    "The plain index, and what it would be without any drift with so many rows.",
                    (
                        Query(f"{PSI}{{{_FIELD}}}", f"{_NAMED} index"),
                        Query(f"{CHANCE}{{{_FIELD}}}", f"{_NAMED} by chance"),
                    ),
                ),
                lines(
                    "Rows compared",
                    "Rows in the window; with fewer than `minRows` nobody is alarmed.",
                    f"{ROWS}{{{_FIELD}}}",
                    _NAMED,
                ),
            ),
        ),
        Section(
            "By labels that came late",
            (
                lines(
                    "Quality",
                    "Metrics of the answers whose label has come, as the newest report of the "
                    "service's drift monitor has them.",
                    f"max by (version, metric) (drift_monitor_quality{{{OF}}})",
                    "{{metric}} ({{version}})",
                ),
                lines(
                    "Quality in the evaluation",
                    "The judged metric when the version was promoted.",
                    f"max by (version, metric) (drift_monitor_quality_baseline{{{OF}}})",
                    "{{metric}} ({{version}})",
                ),
                lines(
                    "Labelled",
                    "Share of logged rows whose label has come.",
                    f"max by (version) (drift_monitor_label_coverage_ratio{{{OF}}})",
                    "{{version}}",
                    Unit.RATIO,
                ),
            ),
        ),
        Section(
            "Values",
            (
                lines(
                    "Shares of bins",
                    "Share of the window's values in each bin of the training reference.",
                    f"{SHARE}{{{_FIELD}}}",
                    "{{field}} {{bin}} ({{version}})",
                    Unit.RATIO,
                ),
                lines(
                    "Answers",
                    "Share of each answer of an output that is text, a boolean or a whole number, "
                    "over an hour.",
                    "sum by (version, output, value) "
                    f"(rate(model_server_predictions_total{{{OF}}}[1h])) / "
                    "on (version, output) group_left () (sum by (version, output) "
                    f"(rate(model_server_predictions_total{{{OF}}}[1h])) > 0)",
                    "{{output}} {{value}} ({{version}})",
                    Unit.RATIO,
                ),
            ),
        ),
    ),
)
