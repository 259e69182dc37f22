"""The queries that a new version is judged by, as Argo Rollouts' AnalysisTemplates.

A measurement is good or bad only where its query yields a number; where it yields none, it is
inconclusive and the release holds. So every query but that of restarts yields a number only when
both versions had enough requests in the interval.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion.monitoring import PROMETHEUS_URL
from stanchion.serving.release_analysis import (
    DEFAULT_DEADLINE_SECONDS,
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_MIN_REQUESTS,
    ReleaseAnalysis,
)

HASH_LABEL = "rollouts-pod-template-hash"
"""What Argo Rollouts writes on the pods of each version."""
API_VERSION = "argoproj.io/v1alpha1"
_METRIC_LABEL = HASH_LABEL.replace("-", "_")
_FAILED = "server_error|timeout|unavailable"
_REFUSED = 'outcome="client_error"'
_QUANTILE = 0.95
# Neither how many measurements there are nor that some have no number ends a run: only good
# ones, a bad one and the deadline do. Argo Rollouts wants a count where a step waits for the run.
_NO_LIMIT = 1_000_000
_ARGUMENTS = [
    {"name": "canary-hash"},
    {"name": "stable-hash"},
    {"name": "good-intervals"},
]


MetricsOf = Callable[[str], list[dict[str, Any]]]
"""The metrics of an analysis, given the namespace of the service."""


def template(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    metrics_of: MetricsOf,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """An AnalysisTemplate of some metrics, with the arguments that they refer to."""

    def spec(inside: str) -> dict[str, Any]:
        metrics = metrics_of(inside)
        used = [
            each for each in _ARGUMENTS if f"{{{{args.{each['name']}}}}}" in json.dumps(metrics)
        ]
        return {"args": used, "metrics": metrics}

    return k8s.apiextensions.CustomResource(
        name,
        api_version=API_VERSION,
        kind="AnalysisTemplate",
        metadata=metadata,
        spec=pulumi.Output.from_input(namespace).apply(spec),
        opts=opts,
    )


def arguments(good_intervals: int) -> list[dict[str, Any]]:
    """What a run of the template is given."""
    return [
        {"name": "canary-hash", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "stable-hash", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "good-intervals", "value": str(good_intervals)},
    ]


def health(queries: "Queries") -> list[dict[str, Any]]:
    """What tells a good version from a bad one."""
    analysis = queries.analysis
    limits = (
        ("error-ratio", queries.error_ratio(), analysis.get("max_error_ratio", 0.01)),
        ("latency-ratio", queries.latency_ratio(), analysis.get("max_latency_ratio", 1.5)),
        ("class-shift", queries.class_shift(), analysis.get("max_class_shift", 0.2)),
        ("mean-shift", queries.mean_shift(), analysis.get("max_mean_shift", 0.5)),
        ("restarts", queries.restarts(), 0),
    )
    found = [_judged(analysis, name, query, {"maximum": limit}) for name, query, limit in limits]
    return found + [
        _judged(
            analysis,
            own["name"],
            own["query"],
            {bound: own[bound] for bound in ("minimum", "maximum") if bound in own},
        )
        for own in analysis.get("metrics", [])
    ]


def deadline(analysis: ReleaseAnalysis) -> list[dict[str, Any]]:
    """What ends a release in the background that was not found good in time."""
    seconds = analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)
    return [
        {
            "name": "deadline",
            "initialDelay": f"{seconds}s",
            "count": 1,
            "failureCondition": "true",
            "provider": _prometheus(analysis, "vector(1)"),
        }
    ]


def traffic(queries: "Queries") -> list[dict[str, Any]]:
    """What ends a run, where none goes on in the background, that saw too few requests."""
    analysis = queries.analysis
    seconds = analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)
    interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    return [
        {
            "name": "traffic",
            "initialDelay": f"{interval}s",
            "interval": f"{interval}s",
            "count": max(1, seconds // interval),
            "failureLimit": -1,
            "consecutiveSuccessLimit": "{{args.good-intervals}}",
            "successCondition": "len(result) > 0",
            "failureCondition": "len(result) == 0",
            "provider": _prometheus(analysis, queries.enough()),
        }
    ]


def _judged(
    analysis: ReleaseAnalysis, name: str, query: str, bounds: Mapping[str, float]
) -> dict[str, Any]:
    interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    within = {"minimum": ">=", "maximum": "<="}
    good = " && ".join(f"result[0] {within[bound]} {limit:g}" for bound, limit in bounds.items())
    known = "len(result) > 0 && !isNaN(result[0])"
    return {
        "name": name,
        "initialDelay": f"{interval}s",
        "interval": f"{interval}s",
        "count": _NO_LIMIT,
        "failureLimit": 0,
        "inconclusiveLimit": _NO_LIMIT,
        "consecutiveSuccessLimit": "{{args.good-intervals}}",
        "successCondition": f"{known} && {good}",
        "failureCondition": f"{known} && !({good})",
        "provider": _prometheus(analysis, query),
    }


def _prometheus(analysis: ReleaseAnalysis, query: str) -> dict[str, Any]:
    address = analysis.get("prometheus_url", PROMETHEUS_URL)
    return {"prometheus": {"address": address, "query": query}}


class Queries:
    """PromQL over one interval of a service, of its new version and the one before."""

    def __init__(
        self,
        service: str,
        namespace: str,
        analysis: ReleaseAnalysis,
        *,
        start_seconds: int,
        past_seconds: int | None = None,
    ) -> None:
        """Name what the queries are about.

        Args:
            service: Name of the service.
            namespace: Where it runs.
            analysis: Length of the interval and what counts.
            start_seconds: Longest that a server takes until it counts as ready: one that went in
                an interval comes back in a later one.
            past_seconds: How far to look back for the version before, where it gets no requests
                beside the new one; by default the interval, where both do.
        """
        self.analysis = analysis
        interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
        of_service = f'namespace="{namespace}",service="{service}",{_METRIC_LABEL}'
        new = f'{of_service}="{{{{args.canary-hash}}}}"'
        self._new, self._restarted = _Pods(new, interval), _Pods(new, interval + start_seconds)
        self._old = _Pods(f'{of_service}="{{{{args.stable-hash}}}}"', past_seconds or interval)

    def enough(self) -> str:
        """A number when both versions had enough requests, nothing otherwise."""
        fewest = self.analysis.get("min_requests", DEFAULT_MIN_REQUESTS)
        new, old = (
            f"(sum({pods.increase('requests_total')}) >= {fewest})"
            for pods in (self._new, self._old)
        )
        return f"{new} and {old}"

    def error_ratio(self) -> str:
        """Share of the new version's requests that failed and would not have before.

        What the server failed, and refused requests beyond the share that the version before
        refuses, less twice what chance gives: a model that raises on inputs it used to take
        refuses them.
        """
        n, m = (f"sum({pods.increase('requests_total')})" for pods in (self._new, self._old))
        failed = self._new.increase("requests_total", f'outcome=~"{_FAILED}"')
        p, q = (
            f"(sum({pods.increase('requests_total', _REFUSED)}) / {count})"
            for pods, count in ((self._new, n), (self._old, m))
        )
        chance = f"2 * sqrt({q} * (1 - {q}) * (1 / {n} + 1 / {m}))"
        share = f"sum({failed}) / {n} + clamp_min({p} - {q} - {chance}, 0)"
        return f"({share}) and ({self.enough()})"

    def latency_ratio(self) -> str:
        """95th percentile of the new version over that of the one before."""
        floor = self.analysis.get("latency_floor_ms", 25) / 1000
        new, old = (
            f"clamp_min(histogram_quantile({_QUANTILE}, sum by (le) "
            f"({pods.increase('request_duration_seconds_bucket')})), {floor:g})"
            for pods in (self._new, self._old)
        )
        return f"({new} / {old}) and ({self.enough()})"

    def class_shift(self) -> str:
        """Total variation between predicted classes, less its mean where there is none.

        With n and m predictions of shares p, chance alone gives a mean total variation of
        sum(sqrt(2 p (1 - p) (1/n + 1/m) / pi)) / 2: half the mean absolute value of a normal
        variable for each class. The largest of all outputs; 0 for a model without classes.
        """
        new, old = (
            f"sum by (output, value) ({pods.increase('predictions_total')})"
            for pods in (self._new, self._old)
        )
        all_new, all_old = (f"sum by (output) ({counts})" for counts in (new, old))
        # A class that one of them never predicts has a share of 0 there.
        p = f"(({new} or {old} * 0) / on (output) group_left {all_new})"
        q = f"(({old} or {new} * 0) / on (output) group_left {all_old})"
        distance = f"sum by (output) (abs({p} - {q})) / 2"
        chance = (
            f"0.4 * sum by (output) (sqrt({q} * (1 - {q}))) * sqrt(1 / {all_new} + 1 / {all_old})"
        )
        return self._or_zero(f"max({distance} - {chance})")

    def mean_shift(self) -> str:
        """Distance of mean predictions in standard deviations, less twice what chance gives.

        The largest of all outputs; 0 for a model without numbers.
        """
        n, m = (
            f"sum by (output) ({pods.increase('prediction_values_total')})"
            for pods in (self._new, self._old)
        )
        mean_new, mean_old = (
            f"({pods.signed('prediction_value_sum_total')} / {count})"
            for pods, count in ((self._new, n), (self._old, m))
        )
        squares = self._old.increase("prediction_value_squares_total")
        variance = f"sum by (output) ({squares}) / {m} - {mean_old} ^ 2"
        deviation = f"sqrt(clamp_min({variance}, 1e-12))"
        distance = f"abs({mean_new} - {mean_old}) / {deviation}"
        return self._or_zero(f"max({distance} - 2 * sqrt(1 / {n} + 1 / {m}))")

    def restarts(self) -> str:
        """How often the new version's servers started anew, as one does that ran out of memory.

        A server that takes longer than the interval to come back has both of its starts within
        what is looked at.
        """
        return f"sum(changes(process_start_time_seconds{self._restarted.range()}))"

    def _or_zero(self, query: str) -> str:
        return f"(({query}) and ({self.enough()})) or 0 * ({self.enough()})"


@dataclass(frozen=True)
class _Pods:
    """The pods of one version, and how far to look back."""

    labels: str
    seconds: int

    def range(self, labels: str = "") -> str:
        """The pods' series with the labels, as far back as is looked."""
        both = ",".join(filter(None, (self.labels, labels)))
        return f"{{{both}}}[{self.seconds}s]"

    def increase(self, metric: str, labels: str = "") -> str:
        """What a counter grew by, series by series."""
        return f"increase(model_server_{metric}{self.range(labels)})"

    def signed(self, metric: str) -> str:
        """What a sum changed by that is counted by its sign, output by output."""
        up, down = (
            f"sum by (output) ({self.increase(metric, sign)})"
            for sign in ('sign="positive"', 'sign="negative"')
        )
        return f"({up} - {down})"
