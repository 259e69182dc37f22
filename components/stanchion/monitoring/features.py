"""What is watched about a feature store."""

from dataclasses import dataclass

from stanchion.monitoring.burn_rates import matchers
from stanchion.monitoring.rules import AlertSeverity, RuleGroup
from stanchion.monitoring.watched import Watched

_INTERVAL_SECONDS = 60
_UNANSWERED_SECONDS = 300


@dataclass(frozen=True)
class WatchedFeatures(Watched):
    """A feature store as its alerts know it.

    Attributes:
        stale_seconds: How old served values may be; a check may be twice as old.
    """

    stale_seconds: int

    @property
    def subject(self) -> str:
        """The store, of which something is said then."""
        return f"{super().subject}:"


def feature_store_rules(watched: WatchedFeatures) -> list[RuleGroup]:
    """The alerts of a feature store: it does not answer, is old, differs, or nobody looked."""
    own = matchers(watched.labels)

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
                watched.alert(
                    "FeatureStoreUnavailable",
                    f"absent({ready}) or {ready} == 0",
                    AlertSeverity.PAGE,
                    summary="no replica answers with features",
                    description="Callers get no features: no replica runs, none can be scraped, "
                    "or the database does not answer any of them.",
                    hold_seconds=_UNANSWERED_SECONDS,
                ),
                watched.alert(
                    "FeatureStoreStale",
                    f"{until} > {watched.stale_seconds}",
                    AlertSeverity.TICKET,
                    summary="{{ $labels.feature_view }} was brought up to date "
                    "{{ humanizeDuration $value }} ago",
                    description="Materialisation does not run, fails, or cannot keep up. The old "
                    "values are served until they expire; then none are.",
                ),
                watched.alert(
                    "FeatureStoreInconsistent",
                    f"{differing} / {compared} > 0",
                    AlertSeverity.TICKET,
                    summary="{{ humanizePercentage $value }} of the compared values of "
                    "{{ $labels.feature_view }}:{{ $labels.feature }} are not served as training "
                    "reads them",
                    description="Models get other values than they were trained on, and no error "
                    "says so.",
                ),
                watched.alert(
                    "FeatureStoreUnchecked",
                    f"{checked} > {2 * watched.stale_seconds}",
                    AlertSeverity.TICKET,
                    summary="{{ $labels.feature_view }} was checked "
                    "{{ humanizeDuration $value }} ago",
                    description="The consistency check does not run or fails: that nothing is "
                    "inconsistent says nothing.",
                ),
            ],
            _INTERVAL_SECONDS,
        )
    ]
