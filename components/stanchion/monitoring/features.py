"""What is watched about a feature store."""

from collections.abc import Mapping
from dataclasses import dataclass

from stanchion.monitoring.burn_rates import matchers
from stanchion.monitoring.rules import AlertRule, AlertSeverity, RuleGroup

_INTERVAL_SECONDS = 60
_UNANSWERED_SECONDS = 300


@dataclass(frozen=True)
class WatchedFeatures:
    """A feature store as its alerts know it.

    Attributes:
        service: Name of its Service.
        namespace: Its namespace.
        owner: Team that answers for it.
        stale_seconds: How old served values may be; a check may be twice as old.
        runbooks: Folder or address of the runbooks.
    """

    service: str
    namespace: str
    owner: str
    stale_seconds: int
    runbooks: str

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of its metrics."""
        return {"namespace": self.namespace, "service": self.service}


def feature_store_rules(watched: WatchedFeatures) -> list[RuleGroup]:
    """The alerts of a feature store: it does not answer, is old, differs, or nobody looked."""
    own = matchers(watched.labels)
    subject = f"{watched.service} in {watched.namespace}"

    def alert(  # noqa: PLR0917 - an alert's own parts
        name: str,
        expr: str,
        severity: AlertSeverity,
        summary: str,
        description: str,
        hold_seconds: int = 0,
    ) -> AlertRule:
        return AlertRule(
            name,
            expr,
            severity,
            summary=f"{subject}: {summary}",
            description=description,
            runbooks=watched.runbooks,
            labels={**watched.labels, "owner": watched.owner},
            hold_seconds=hold_seconds,
        )

    def age(metric: str) -> str:
        return f"time() - max by (feature_view) ({metric}{{{own}}})"

    ready = f"max(feature_store_ready{{{own}}})"
    until = age("feature_store_materialized_until_timestamp_seconds")
    checked = age("feature_store_checked_timestamp_seconds")
    differing, compared = (
        f"max by (feature_view, feature) (feature_store_values_{part}{{{own}}})"
        for part in ("inconsistent", "compared")
    )
    return [
        RuleGroup(
            f"{watched.namespace}-{watched.service}",
            [
                alert(
                    "FeatureStoreUnavailable",
                    f"absent({ready}) or {ready} == 0",
                    AlertSeverity.PAGE,
                    "no replica answers with features",
                    "Callers get no features: no replica runs, none can be scraped, or the "
                    "database does not answer any of them.",
                    hold_seconds=_UNANSWERED_SECONDS,
                ),
                alert(
                    "FeatureStoreStale",
                    f"{until} > {watched.stale_seconds}",
                    AlertSeverity.TICKET,
                    "{{ $labels.feature_view }} was brought up to date "
                    "{{ humanizeDuration $value }} ago",
                    "Materialisation does not run, fails, or cannot keep up. The old values are "
                    "served until they expire; then none are.",
                ),
                alert(
                    "FeatureStoreInconsistent",
                    f"{differing} / {compared} > 0",
                    AlertSeverity.TICKET,
                    "{{ humanizePercentage $value }} of the compared values of "
                    "{{ $labels.feature_view }}:{{ $labels.feature }} are not served as training "
                    "reads them",
                    "Models get other values than they were trained on, and no error says so.",
                ),
                alert(
                    "FeatureStoreUnchecked",
                    f"{checked} > {2 * watched.stale_seconds}",
                    AlertSeverity.TICKET,
                    "{{ $labels.feature_view }} was checked {{ humanizeDuration $value }} ago",
                    "The consistency check does not run or fails: that nothing is inconsistent "
                    "says nothing.",
                ),
            ],
            _INTERVAL_SECONDS,
        )
    ]
