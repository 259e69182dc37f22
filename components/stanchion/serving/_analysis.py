"""The queries that a new version is judged by, as Argo Rollouts' AnalysisTemplates.

A measurement is good or bad only where its query yields a number; where it yields none, it is
inconclusive and the release holds.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion.monitoring import PROMETHEUS_URL
from stanchion.serving._release_queries import Queries
from stanchion.serving.release_analysis import (
    DEFAULT_DEADLINE_SECONDS,
    DEFAULT_INTERVAL_SECONDS,
    ReleaseAnalysis,
)

API_VERSION = "argoproj.io/v1alpha1"
UNKNOWN_SUFFIX = ".unknown"
"""Of the metric that fails when one of a user's own never yields a number; in no name of theirs."""
_KNOWN = "len(result) > 0 && !isNaN(result[0])"
# Neither how many measurements of health there are nor that some have no number ends a run: only
# good ones, a bad one and the deadline do. Argo Rollouts wants a count where a step waits for it.
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


def arguments(good_intervals: int | None = None) -> list[dict[str, Any]]:
    """What a run of the template is given, with the number that ends it where one does."""
    versions = [
        {"name": "canary-hash", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "stable-hash", "valueFrom": {"podTemplateHashValue": "Stable"}},
    ]
    if good_intervals is None:
        return versions
    return [*versions, {"name": "good-intervals", "value": str(good_intervals)}]


def health(queries: Queries, *, lasting: bool = False) -> list[dict[str, Any]]:
    """What tells a good version from a bad one.

    Args:
        queries: What is asked of Prometheus.
        lasting: Whether it goes on as long as the release does, rather than until enough
            intervals in a row were good.
    """
    analysis = queries.analysis
    failed = analysis.get("max_error_ratio", 0.01)
    limits = (
        ("error-ratio", queries.error_ratio(), failed),
        ("unusable-ratio", queries.unusable_ratio(), failed),
        ("latency-ratio", queries.latency_ratio(), analysis.get("max_latency_ratio", 1.5)),
        ("class-shift", queries.class_shift(), analysis.get("max_class_shift", 0.2)),
        ("mean-shift", queries.mean_shift(), analysis.get("max_mean_shift", 0.5)),
        ("restarts", queries.restarts(), 0),
    )
    judged = [_judged(analysis, name, query, {"maximum": limit}) for name, query, limit in limits]
    judged += [
        _judged(
            analysis,
            own["name"],
            own["query"],
            {bound: own[bound] for bound in ("minimum", "maximum") if bound in own},
        )
        for own in analysis.get("metrics", [])
    ]
    if lasting:
        return judged
    until = {"count": _NO_LIMIT, "consecutiveSuccessLimit": "{{args.good-intervals}}"}
    return [{**metric, **until} for metric in judged]


def deadline(analysis: ReleaseAnalysis, seconds: int) -> list[dict[str, Any]]:
    """What ends a release in the background after a time in which every good one is through.

    A step ends long before: by its own `numbers`, unless requests cease in the moment in which
    those are enough and a measure of `health` still wants another interval.
    """
    return [
        {
            "name": "deadline",
            "initialDelay": f"{seconds}s",
            "count": 1,
            "failureCondition": "true",
            "provider": _prometheus(analysis, "vector(1)"),
        }
    ]


def numbers(queries: Queries) -> list[dict[str, Any]]:
    """What ends a run at its deadline in which too few numbers came."""
    analysis = queries.analysis
    seconds = analysis.get("deadline_seconds", DEFAULT_DEADLINE_SECONDS)
    interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    asked = {"traffic": queries.known()}
    asked |= {own["name"] + UNKNOWN_SUFFIX: own["query"] for own in analysis.get("metrics", [])}
    return [
        {
            "name": name,
            "initialDelay": f"{interval}s",
            "interval": f"{interval}s",
            "count": max(1, seconds // interval),
            "failureLimit": -1,
            "consecutiveSuccessLimit": "{{args.good-intervals}}",
            "successCondition": _KNOWN,
            "failureCondition": f"!({_KNOWN})",
            "provider": _prometheus(analysis, query),
        }
        for name, query in asked.items()
    ]


def _judged(
    analysis: ReleaseAnalysis, name: str, query: str, bounds: Mapping[str, float]
) -> dict[str, Any]:
    interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    within = {"minimum": ">=", "maximum": "<="}
    good = " && ".join(f"result[0] {within[bound]} {limit:g}" for bound, limit in bounds.items())
    return {
        "name": name,
        "initialDelay": f"{interval}s",
        "interval": f"{interval}s",
        "failureLimit": 0,
        "inconclusiveLimit": _NO_LIMIT,
        "successCondition": f"{_KNOWN} && {good}",
        "failureCondition": f"{_KNOWN} && !({good})",
        "provider": _prometheus(analysis, query),
    }


def _prometheus(analysis: ReleaseAnalysis, query: str) -> dict[str, Any]:
    address = analysis.get("prometheus_url", PROMETHEUS_URL)
    return {"prometheus": {"address": address, "query": query}}
