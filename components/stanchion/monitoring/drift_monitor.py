"""What comes of the reports of a drift monitor, and how it is known that they come at all."""

from dataclasses import dataclass

from stanchion.monitoring.burn_rates import matchers
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RuleGroup
from stanchion.monitoring.watched import Watched

_INTERVAL_SECONDS = 60
_UNSEEN_SECONDS = 900
"""Its pod is moved to another node in less."""
_SHOWN = 5


@dataclass(frozen=True)
class WatchedMonitor(Watched):
    """A drift monitor as its alerts know it: by the model service whose log it judges.

    Attributes:
        monitor: Its own name.
        metric: What its labels are judged by; empty where there are none.
        min_labels: Fewest labels that are judged.
        overdue_seconds: How old the end of the newest judged window may be.
    """

    monitor: str
    metric: str
    min_labels: int
    overdue_seconds: int


def drift_monitor_rules(watched: WatchedMonitor) -> list[RuleGroup]:
    """The alerts: quality is lost or unknown, the log is not as training, no report comes."""
    rules = [_log_drift(watched), *_blind(watched)]
    if watched.metric:
        rules = [_quality(watched), _unknown(watched), *rules]
    name = f"{watched.namespace}-{watched.monitor}-reports"
    return [RuleGroup(name, rules, _INTERVAL_SECONDS)]


def _alert(
    watched: WatchedMonitor,
    name: str,
    expr: str,
    *,
    summary: str,
    description: str,
    hold_seconds: int = 0,
) -> AlertRule:
    return watched.alert(
        name,
        expr,
        AlertSeverity.TICKET,
        summary=summary,
        description=description,
        labels={"monitor": watched.monitor},
        hold_seconds=hold_seconds,
    )


def _breached(watched: WatchedMonitor, check: str) -> str:
    """The checks that are breached, of versions that answered in the newest window."""
    own = matchers(watched.labels)
    return (
        f'max by (version, check) (drift_monitor_verdict{{{own},verdict="breach",{check}}}) == 1 '
        f"{_answering(watched)}"
    )


def _answering(watched: WatchedMonitor) -> str:
    """Narrows a query by version to those that answered in the newest window."""
    own = matchers(watched.labels)
    return f"and on (version) max by (version) (drift_monitor_rows{{{own}}}) > 0"


def _quality(watched: WatchedMonitor) -> AlertRule:
    own, metric = matchers(watched.labels), watched.metric
    breached = _breached(watched, 'check="quality"')
    now = f'max by (version) (drift_monitor_quality{{{own},metric="{metric}"}})'
    then = f'max by (version) (drift_monitor_quality_baseline{{{own},metric="{metric}"}})'
    rows = f"max by (version) (drift_monitor_labelled_rows{{{own}}})"
    shown = "version {{ .Labels.version }}"
    return _alert(
        watched,
        "ModelServiceQualityLost",
        f"{now} and on (version) ({breached})",
        summary="is worse than it may be: of the answers whose label has come, "
        f'{metric} is {{{{ printf "%.4g" $value }}}}',
        description="It is about version {{ $labels.version }}. Answers with a label:"
        f'{{{{ range query `{rows}` }}}} {shown} {{{{ printf "%.0f" .Value }}}};{{{{ end }}}} '
        f"{metric} in the evaluation:{{{{ range query `{then}` }}}} {shown} "
        '{{ printf "%.4g" .Value }};{{ end }} The report says which limit it is, and in which '
        "group.",
    )


def _unknown(watched: WatchedMonitor) -> AlertRule:
    own = matchers(watched.labels)
    undecided = f'drift_monitor_verdict{{{own},verdict="inconclusive",check="quality"}}'
    # Where answers and labels cannot be compared nothing is counted.
    few = f"max by (version) (drift_monitor_labelled_rows{{{own}}}) < {watched.min_labels}"
    return _alert(
        watched,
        "ModelServiceQualityUnknown",
        f"(max by (version) ({undecided}) == 1 unless on (version) {few}) {_answering(watched)}",
        summary=f"is not judged by its labels: {watched.metric} cannot be said of them",
        description="It is about version {{ $labels.version }}. Labels are not too few: they, or "
        "the logged answers, cannot be read or compared, or there is nothing to hold them "
        "against. The report says why.",
    )


def _log_drift(watched: WatchedMonitor) -> AlertRule:
    found = _breached(watched, 'check!="quality"')
    own = matchers(watched.labels)
    names = f"{{{{ range query `{found}` }}}} {{{{ .Labels.check }}}};{{{{ end }}}}"
    far = f"topk({_SHOWN}, max by (version, side, field) (drift_monitor_field_drift{{{own}}}) > 0)"
    shown = '{{ .Labels.field }} {{ printf "%.2f" .Value }}'
    return _alert(
        watched,
        "ModelServiceLogDrift",
        f"count by (version) ({found})",
        summary="was asked, or answered, otherwise than in training: "
        '{{ printf "%.0f" $value }} checks of its prediction log',
        description=f"In the newest window of version {{{{ $labels.version }}}}:{names} The "
        f"fields that are farthest beyond chance:{{{{ range query `{far}` }}}} {shown};"
        "{{ end }}",
    )


def _blind(watched: WatchedMonitor) -> list[AlertRule]:
    ended = f"max(drift_monitor_window_end_timestamp_seconds{{{matchers(watched.labels)}}})"
    hours = watched.overdue_seconds // 3600

    def blind(expr: str, hold_seconds: int) -> AlertRule:
        return _alert(
            watched,
            "DriftMonitorBlind",
            expr,
            summary="is not judged: no report of its prediction log comes",
            description=f"The newest window ended more than {hours} h ago, there has been none for "
            "that long, or nobody tells it.",
            hold_seconds=hold_seconds,
        )

    late = f"absent({ended}) or ({ended} > 0 < time() - {watched.overdue_seconds})"
    # One that is new has no report yet, and gets as long for its first.
    return [blind(late, _UNSEEN_SECONDS), blind(f"{ended} == 0", watched.overdue_seconds)]
