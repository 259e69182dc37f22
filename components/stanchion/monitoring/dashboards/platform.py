"""Is the platform well: alerts, what is scraped, services in short, nodes, quotas, storage."""

from stanchion.monitoring.burn_rates import BUDGET_LEFT
from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Section,
    Unit,
    Variable,
    lines,
    stat,
    table,
)
from stanchion.monitoring.kube_state import kube_state, requested

_ANY = Limits(1)
_FULL = Limits(0.95, 0.85)
_OF = 'namespace=~"$tenant"'
_NOT_READY = kube_state("kube_node_status_condition", 'condition="Ready",status!="true"')
_PENDING = kube_state("kube_pod_status_phase", 'phase="Pending"')
_FIRING = 'ALERTS{alertstate="firing",severity="%s"}'


def _taken(resource: str) -> str:
    """The share of each node's allocatable resource that pods ask for."""
    there = kube_state("kube_node_status_allocatable", f'resource="{resource}"')
    return f"sum by (node) {requested(resource)} / on (node) (sum by (node) ({there}) > 0)"


def _quota(part: str) -> str:
    quota = kube_state("kube_resourcequota", f'type="{part}",{_OF}')
    return f"max by (namespace, resource) ({quota})"


PLATFORM = Dashboard(
    "platform",
    "Platform",
    "Who has to act now, which service is in danger, and what the cluster runs out of.",
    variables=(Variable("tenant", "Tenant", "model_server_ready", "namespace"),),
    sections=(
        Section(
            "Now",
            (
                stat(
                    "Pages",
                    "Alerts of severity page that fire: somebody has to act now. Their runbooks "
                    "are in docs/runbooks.",
                    f"count({_FIRING % 'page'}) or vector(0)",
                    limits=_ANY,
                ),
                stat(
                    "Tickets",
                    "Alerts of severity ticket that fire: for working hours.",
                    f"count({_FIRING % 'ticket'}) or vector(0)",
                    limits=Limits(10, 1),
                ),
                stat(
                    "Targets that do not answer",
                    "What Prometheus cannot scrape; nothing about it can alarm anybody.",
                    "count(up == 0) or vector(0)",
                    limits=_ANY,
                ),
                stat(
                    "Nodes that are not ready",
                    "Their pods move elsewhere; `kubectl describe node` says why.",
                    f"sum({_NOT_READY})",
                    limits=_ANY,
                ),
            ),
        ),
        Section(
            "Alerts",
            (
                table(
                    "Alerts that fire",
                    "With the team that owns them and what they are about.",
                    "sum by (alertname, severity, owner, namespace, service) "
                    '(ALERTS{alertstate="firing"})',
                ),
                lines(
                    "Alerts over time",
                    "How many fire, by severity.",
                    'sum by (severity) (ALERTS{alertstate="firing"})',
                    "{{severity}}",
                ),
            ),
        ),
        Section(
            "Model services",
            (
                table(
                    "Error budget left",
                    "Share of what the objective leaves to fail that is not spent; 0 and below: "
                    "the promise is broken over its window.",
                    f"min by (namespace, service, slo) ({BUDGET_LEFT}{{{_OF}}})",
                    Unit.RATIO,
                    Limits(0, 0.25, falling=True),
                ),
                lines(
                    "Requests",
                    "Requests a second that servers answered, by service.",
                    f"sum by (namespace, service) (rate(model_server_requests_total{{{_OF}}}[5m]))",
                    "{{namespace}}/{{service}}",
                    Unit.PER_SECOND,
                ),
                lines(
                    "Ready replicas",
                    "Replicas that serve their pinned model; at 0 every request fails.",
                    f"sum by (namespace, service) (model_server_ready{{{_OF}}})",
                    "{{namespace}}/{{service}}",
                    limits=Limits(1, falling=True),
                ),
            ),
        ),
        Section(
            "Room in the cluster",
            (
                lines(
                    "CPU asked for",
                    "Share of each node's allocatable CPU that its pods request.",
                    _taken("cpu"),
                    "{{node}}",
                    Unit.RATIO,
                    _FULL,
                ),
                lines(
                    "Memory asked for",
                    "Share of each node's allocatable memory that its pods request.",
                    _taken("memory"),
                    "{{node}}",
                    Unit.RATIO,
                    _FULL,
                ),
                lines(
                    "Pods that wait",
                    "Pods without a node, by namespace: no pool has room, or the quota of the "
                    "cloud is used up.",
                    f"sum by (namespace) ({_PENDING})",
                    "{{namespace}}",
                    limits=Limits(10, 1),
                ),
                lines(
                    "Quota used",
                    "Share of each tenant's quota; at 1 no further pod is admitted.",
                    f"{_quota('used')} / on (namespace, resource) ({_quota('hard')} > 0)",
                    "{{namespace}} {{resource}}",
                    Unit.RATIO,
                    _FULL,
                ),
            ),
        ),
        Section(
            "Below it",
            (
                lines(
                    "Volumes",
                    "Share of each volume that is used.",
                    "max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_used_bytes / "
                    "kubelet_volume_stats_capacity_bytes)",
                    "{{namespace}}/{{persistentvolumeclaim}}",
                    Unit.RATIO,
                    _FULL,
                ),
                lines(
                    "API server errors",
                    "Share of requests that the API server fails.",
                    '(sum(rate(apiserver_request_total{code=~"5.."}[5m])) or vector(0)) / '
                    "sum(rate(apiserver_request_total[5m]))",
                    "errors",
                    Unit.RATIO,
                    Limits(0.03, 0.01),
                ),
                lines(
                    "Samples",
                    "Samples that Prometheus takes in at a scrape of each job: its memory grows "
                    "with them.",
                    "sum by (job) (scrape_samples_scraped)",
                    "{{job}}",
                ),
                lines(
                    "Time of a scrape",
                    "Slowest target of each job; a scrape ends after 10 s.",
                    "max by (job) (scrape_duration_seconds)",
                    "{{job}}",
                    Unit.SECONDS,
                    Limits(10, 5),
                ),
            ),
        ),
    ),
)
