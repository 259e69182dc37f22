"""One model service: does it keep its promises, and if not, where is the time or the error."""

from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Unit,
    Variable,
    lines,
    quantiles,
    stat,
    table,
)
from stanchion.monitoring.dashboards.promises import promises_section
from stanchion.monitoring.kube_state import kube_state

OF = 'namespace=~"$tenant",service=~"$service"'
VARIABLES = (
    Variable("tenant", "Tenant", "model_server_ready", "namespace"),
    Variable("service", "Service", 'model_server_ready{namespace=~"$tenant"}', "service"),
)
_NAMED = "{{namespace}}/{{service}}"
_VERSION = 'version=~"$version"'
# Of a Deployment's or Rollout's pod: the service's name and two parts more.
_PODS = 'namespace=~"$tenant",pod=~"($service)-[a-z0-9]+-[a-z0-9]+",container="model-server"'
_RESTARTS = kube_state("kube_pod_container_status_restarts_total", _PODS)
_AUTOSCALER = 'namespace=~"$tenant",horizontalpodautoscaler=~"(keda-hpa-)?($service)"'


def _of_autoscaler(part: str) -> str:
    replicas = kube_state(f"kube_horizontalpodautoscaler_{part}", _AUTOSCALER)
    return f"max by (horizontalpodautoscaler) ({replicas})"


MODEL_SERVICE = Dashboard(
    "model-service",
    "Model service",
    "Whether a service keeps its promises, how it is asked, and where the time goes.",
    variables=(
        *VARIABLES,
        Variable("version", "Version", f"model_server_ready{{{OF}}}", "version"),
    ),
    sections=(
        promises_section(OF),
        Section(
            "Requests",
            (
                lines(
                    "Requests",
                    "A second, by how they ended; client_error counts in no promise.",
                    f"sum by (outcome) (rate(model_server_requests_total{{{OF},{_VERSION}}}[5m]))",
                    "{{outcome}}",
                    Unit.PER_SECOND,
                ),
                lines(
                    "Failures",
                    "Share of requests that the server failed, timed out or turned away.",
                    "sum by (namespace, service) (rate(model_server_requests_total"
                    f'{{{OF},{_VERSION},outcome!~"ok|client_error"}}[5m])) / '
                    "sum by (namespace, service) (rate(model_server_requests_total"
                    f'{{{OF},{_VERSION},outcome!="client_error"}}[5m])) or '
                    f"0 * sum by (namespace, service) (model_server_ready{{{OF}}})",
                    _NAMED,
                    Unit.RATIO,
                    Limits(0.05, 0.005),
                ),
                Panel(
                    "Time to an answer",
                    "From a request's headers to its answer, in bounds of the server's histogram.",
                    quantiles(
                        "model_server_request_duration_seconds", f'{OF},{_VERSION},outcome="ok"'
                    ),
                    Unit.SECONDS,
                ),
                lines(
                    "By version",
                    "Requests a second by model version: how far a release has come.",
                    f"sum by (version) (rate(model_server_requests_total{{{OF},{_VERSION}}}[5m]))",
                    "{{version}}",
                    Unit.PER_SECOND,
                ),
            ),
        ),
        Section(
            "Replicas",
            (
                lines(
                    "Ready",
                    "Replicas that serve their pinned model.",
                    f"sum by (namespace, service) (model_server_ready{{{OF}}})",
                    _NAMED,
                    limits=Limits(1, falling=True),
                ),
                Panel(
                    "Autoscaler",
                    "Replicas that there are, and the most that there may be.",
                    (
                        Query(
                            _of_autoscaler("status_current_replicas"),
                            "{{horizontalpodautoscaler}}",
                        ),
                        Query(
                            _of_autoscaler("spec_max_replicas"),
                            "{{horizontalpodautoscaler}} at most",
                        ),
                    ),
                ),
                lines(
                    "In flight",
                    "Requests accepted and not yet answered, of each replica: what KEDA scales by.",
                    f"sum by (pod) (model_server_in_flight{{{OF},{_VERSION}}})",
                    "{{pod}}",
                ),
                lines(
                    "Restarts",
                    "Containers that ended and were started again, in half an hour.",
                    f"sum by (namespace, pod) (increase({_RESTARTS}[30m]))",
                    "{{pod}}",
                    limits=Limits(3, 1),
                ),
            ),
        ),
        Section(
            "Inside",
            (
                lines(
                    "Rows of a call",
                    "Mean number of rows that the model is given at once: what batching makes.",
                    "sum by (namespace, service) "
                    f"(rate(model_server_batch_size_sum{{{OF},{_VERSION}}}[5m])) / "
                    "sum by (namespace, service) "
                    f"(rate(model_server_batch_size_count{{{OF},{_VERSION}}}[5m]))",
                    _NAMED,
                ),
                lines(
                    "CPU",
                    "Cores that the server uses, of each replica.",
                    f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{_PODS}}}[5m]))",
                    "{{pod}}",
                ),
                lines(
                    "Memory",
                    "Working set of each replica: at its limit it is killed.",
                    f"sum by (pod) (container_memory_working_set_bytes{{{_PODS}}})",
                    "{{pod}}",
                    Unit.BYTES,
                ),
                stat(
                    "Failed tries to load",
                    "Tries to fetch the pinned model that failed in an hour, of all replicas: the "
                    "registry or the model is not there.",
                    f"sum(increase(model_server_load_retries_total{{{OF}}}[1h]))",
                    limits=Limits(10, 1),
                ),
            ),
        ),
        Section(
            "What is served",
            (
                table(
                    "Pinned models",
                    "Replicas by the model, version and digest that they hold.",
                    "count by (namespace, service, registered_model, version, digest) "
                    f"(model_server_info{{{OF}}})",
                ),
            ),
        ),
    ),
)
