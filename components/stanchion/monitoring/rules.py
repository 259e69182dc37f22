"""Prometheus rules with types: what is recorded, what is an alert, and the object of both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pulumi
import pulumi_kubernetes as k8s


class AlertSeverity(StrEnum):
    """Who is to act on an alert, and when."""

    PAGE = "page"
    """Somebody, now: callers are hurt, or would be within hours."""
    TICKET = "ticket"
    """The owner, in working hours."""


NOT_TO_ACT = "none"
"""Severity of an alert on which nobody acts: that it comes is what is to be known."""


@dataclass(frozen=True)
class RecordingRule:
    """A query whose answer is kept as a series.

    Attributes:
        record: Its name, as `level:metric:operations`.
        expr: PromQL.
        labels: What the series get besides the query's own labels.
    """

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.record, "expr": self.expr, **labels}


@dataclass(frozen=True)
class AlertRule:
    """A query whose every answer is an alert.

    Attributes:
        alert: Its name, which is its runbook's.
        expr: PromQL.
        severity: Who is to act; `NOT_TO_ACT` for nobody.
        summary: One line with what was measured, in Prometheus' template language.
        description: What is affected and how, likewise.
        runbooks: Folder or address that the runbook is in.
        labels: What the alert is about, for routes.
        hold_seconds: How long the query must go on to answer first.
        dashboard: Where it is seen, below Grafana's own address; empty: nowhere.
        grafana: Grafana's own address; empty: it is not known.
    """

    alert: str
    expr: str
    severity: AlertSeverity | str
    summary: str
    description: str
    runbooks: str
    labels: Mapping[str, str]
    hold_seconds: int = 0
    dashboard: str = ""
    grafana: str = ""

    def manifest(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        seen = f"{self.grafana.rstrip('/')}{self.dashboard}"
        return {
            "alert": self.alert,
            "expr": self.expr,
            **({"for": f"{self.hold_seconds}s"} if self.hold_seconds else {}),
            "labels": {"severity": str(self.severity), **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{self.runbooks.rstrip('/')}/{self.alert}.md",
                **({"dashboard": seen} if self.dashboard else {}),
            },
        }


@dataclass(frozen=True)
class RuleGroup:
    """Rules that are evaluated one after the other: each sees what those before recorded.

    Attributes:
        name: Its name, one of its kind in the cluster.
        rules: In order.
        interval_seconds: How often.
    """

    name: str
    rules: Sequence[RecordingRule | AlertRule]
    interval_seconds: int

    def manifest(self) -> dict[str, Any]:
        """The group as Prometheus reads it."""
        return {
            "name": self.name,
            "interval": f"{self.interval_seconds}s",
            "rules": [rule.manifest() for rule in self.rules],
        }


def prometheus_rule(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    groups: Callable[[str], Sequence[RuleGroup]],
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """The object from which Prometheus Operator gives Prometheus rules.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the object.
        groups: The rules, given the namespace of what they watch.
        namespace: That namespace.
        opts: Its options.
    """
    return k8s.apiextensions.CustomResource(
        name,
        api_version="monitoring.coreos.com/v1",
        kind="PrometheusRule",
        metadata=metadata,
        spec=pulumi.Output.from_input(namespace).apply(
            lambda inside: {"groups": [group.manifest() for group in groups(inside)]}
        ),
        opts=opts,
    )
