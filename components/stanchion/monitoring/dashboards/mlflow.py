"""The tracking server: does it answer, how soon, and are its jobs done."""

from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Section,
    Unit,
    lines,
    quantiles,
    stat,
    table,
)
from stanchion.monitoring.kube_state import kube_state

_REQUESTS = "mlflow_http_requests_total"
_SUCCEEDED = kube_state("kube_cronjob_status_last_successful_time", 'cronjob=~"mlflow-.+"')

MLFLOW = Dashboard(
    "mlflow",
    "MLflow",
    "Whether experiments and the registry answer, and whether backups and clean-up are done.",
    sections=(
        Section(
            "Now",
            (
                stat(
                    "Answers",
                    "Replicas that Prometheus reaches; at 0 no model can be trained, released or "
                    "loaded by a new replica.",
                    'sum(up{service="mlflow"})',
                    limits=Limits(1, falling=True),
                ),
                stat(
                    "Requests in flight",
                    "Requests accepted and not yet answered.",
                    "sum(mlflow_http_requests_in_flight)",
                    limits=Limits(50, 20),
                ),
                stat(
                    "Hours since a scheduled job succeeded",
                    "Of the job that waits longest: backup and garbage collection run daily at "
                    "least.",
                    f"max(time() - {_SUCCEEDED}) / 3600",
                    limits=Limits(50, 26),
                ),
            ),
        ),
        Section(
            "Requests",
            (
                lines(
                    "Requests",
                    "A second, by HTTP status.",
                    f"sum by (status) (rate({_REQUESTS}[5m]))",
                    "{{status}}",
                    Unit.PER_SECOND,
                ),
                lines(
                    "Errors",
                    "Share of requests that the server failed.",
                    f'(sum(rate({_REQUESTS}{{status=~"5.."}}[5m])) or vector(0)) / '
                    f"sum(rate({_REQUESTS}[5m]))",
                    "errors",
                    Unit.RATIO,
                    Limits(0.05, 0.01),
                ),
                Panel(
                    "Time to an answer",
                    "From a request's headers to the end of its answer; uploads of artifacts are "
                    "in it.",
                    quantiles("mlflow_http_request_duration_seconds", 'service="mlflow"'),
                    Unit.SECONDS,
                    limits=Limits(30, 5),
                ),
            ),
        ),
        Section(
            "By what is asked",
            (
                table(
                    "Requests of the last hour",
                    "By method, part of the API and status.",
                    f"sum by (method, handler, status) (increase({_REQUESTS}[1h]))",
                ),
                lines(
                    "Slowest parts",
                    "95th percentile by part of the API.",
                    "topk(8, histogram_quantile(0.95, sum by (le, handler) "
                    "(rate(mlflow_http_request_duration_seconds_bucket[5m]))))",
                    "{{handler}}",
                    Unit.SECONDS,
                ),
            ),
        ),
        Section(
            "Below it",
            (
                lines(
                    "CPU",
                    "Cores that each container uses.",
                    "sum by (pod, container) (rate(container_cpu_usage_seconds_total"
                    '{pod=~"mlflow-.+",container=~".+"}[5m]))',
                    "{{pod}} {{container}}",
                ),
                lines(
                    "Memory",
                    "Working set of each container: at its limit it is killed.",
                    "sum by (pod, container) (container_memory_working_set_bytes"
                    '{pod=~"mlflow-.+",container=~".+"})',
                    "{{pod}} {{container}}",
                    Unit.BYTES,
                ),
            ),
        ),
    ),
)
