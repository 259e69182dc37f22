"""The metrics that alerts read: names and labels are a contract, catalog/metrics.yaml.

What the jobs did is kept in the database; the server, which lives on between them, exports it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from stanchion_feature_store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stanchion_feature_store.state import State

log = logging.getLogger("stanchion_feature_store")
OUTCOMES: Final = ("answered", "refused", "failed")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class _Known(Collector):
    """What the database knows, asked at each scrape."""

    def __init__(self, read: Callable[[], State]) -> None:
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        ready = GaugeMetricFamily(
            "feature_store_ready", "1 while the database answers this replica."
        )
        until = GaugeMetricFamily(
            "feature_store_materialized_until_timestamp_seconds",
            "Moment up to which a view's values are served; its registration before the first run.",
            labels=["feature_view"],
        )
        checked = GaugeMetricFamily(
            "feature_store_checked_timestamp_seconds",
            "Last check of a view's values; its registration before the first.",
            labels=["feature_view"],
        )
        compared = GaugeMetricFamily(
            "feature_store_values_compared",
            "Values of a feature that the last check compared.",
            labels=["feature_view", "feature"],
        )
        inconsistent = GaugeMetricFamily(
            "feature_store_values_inconsistent",
            "Values of a feature that were not served as training reads them.",
            labels=["feature_view", "feature"],
        )
        try:
            known = self._read()
        except StoreError as error:
            log.warning("metrics without what the database knows: %s", error)
            ready.add_metric([], 0)
            return [ready]
        ready.add_metric([], 1)
        for view, moment in known.until.items():
            until.add_metric([view], moment)
        for view, moment in known.checked.items():
            checked.add_metric([view], moment)
        for each in known.found:
            compared.add_metric([each.feature_view, each.feature], each.compared)
            inconsistent.add_metric([each.feature_view, each.feature], each.inconsistent)
        return [ready, until, checked, compared, inconsistent]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: the database is not asked when the collector is registered."""
        return []


class Metrics:
    """One process's metrics.

    Args:
        read: What the database knows; raises `StoreError` where it does not answer.
    """

    def __init__(self, read: Callable[[], State]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(_Known(read))
        self.requests = Counter(
            "feature_store_requests",
            "Requests for features by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "feature_store_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            ["outcome"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        for outcome in OUTCOMES:
            self.requests.labels(outcome)
            self.duration.labels(outcome)
