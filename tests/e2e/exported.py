"""Series of two hours as exporters give them, where everything that panels ask for is exported."""

from __future__ import annotations

from collections.abc import Mapping

from e2e.simulation import counter, gauge
from stanchion.monitoring.kube_state import kube_state

MINUTES = 120
AT = f"{MINUTES}m"

NODES = ("node-a", "node-b")
SERVED = 'namespace="demo",service="wine",version="3",model="wine-cultivar"'
LLM = 'namespace="demo",service="llama",pod="llama-7f8d-x2x4z",model_name="llama",engine="0"'
GATEWAY = 'namespace="demo",service="gateway",pod="gateway-6c5-abcde",model="assistant"'
FIELD = 'namespace="demo",service="wine",version="3",side="input",field="alcohol"'
SLO = 'namespace="demo",service="wine",slo="availability"'
JOB = 'namespace="demo",job_name="wine-fit"'


def steady(value: float) -> str:
    """A gauge that stays."""
    return gauge((MINUTES + 1, value))


def growing(each_minute: float) -> str:
    """A counter that grows by so much every minute."""
    return counter((MINUTES, each_minute))


def histogram(name: str, labels: str) -> dict[str, str]:
    """A histogram of sixty values a minute."""
    parts = {"0.01": 20.0, "0.1": 50.0, "1.0": 59.0, "+Inf": 60.0}
    buckets = {
        f'{name}_bucket{{{labels},le="{le}"}}': growing(count) for le, count in parts.items()
    }
    return {
        **buckets,
        f"{name}_sum{{{labels}}}": growing(5),
        f"{name}_count{{{labels}}}": growing(60),
    }


def of_model_server() -> dict[str, str]:
    """Two replicas of a service and an activator, what its rules record, and its pods.

    Each replica answers 58 requests of three rows a minute.
    """
    series: dict[str, str] = {}
    for pod in ("wine-6f7d-aaaaa", "wine-6f7d-bbbbb"):
        of = f'{SERVED},pod="{pod}"'
        for outcome, rate in (("ok", 58.0), ("server_error", 1.0), ("client_error", 1.0)):
            series[f'model_server_requests_total{{{of},outcome="{outcome}"}}'] = growing(rate)
        series |= histogram("model_server_request_duration_seconds", f'{of},outcome="ok"')
        series |= histogram("model_server_batch_size", of)
        series[f"model_server_batch_size_sum{{{of}}}"] = growing(58 * 3)
        series[f"model_server_ready{{{of}}}"] = steady(1)
        series[f"model_server_in_flight{{{of}}}"] = steady(2)
        series[f"model_server_load_retries_total{{{of}}}"] = growing(0)
        pinned = 'registered_model="wine-cultivar",digest="sha256:aa"'
        series[f"model_server_info{{{of},{pinned}}}"] = steady(1)
        for value in ("0", "1"):
            answer = f'output="cultivar",value="{value}"'
            series[f"model_server_predictions_total{{{of},{answer}}}"] = growing(30)
        series |= of_container("demo", pod, "model-server", gpus=0)
    before = "wine-activator-5d-ccccc"
    series[f'activator_active{{namespace="demo",service="wine",pod="{before}"}}'] = steady(1)
    series |= of_container("demo", before, "activator", gpus=0)
    for name in ("errors:ratio_rate5m", "errors:ratio_rate1h", "errors:ratio_rate6h",
                 "errors:ratio_period"):  # fmt: skip
        series[f"model_service:slo_{name}{{{SLO}}}"] = steady(0.001)
    series[f"model_service:slo_error_budget:left_ratio{{{SLO}}}"] = steady(0.8)
    series[f"model_service:slo_objective:ratio{{{SLO}}}"] = steady(0.995)
    for name in ("psi", "psi_chance", "drift", "rows"):
        series[f"model_service:field_{name}:window{{{FIELD}}}"] = steady(0.1)
    series[f'model_service:field_share:window{{{FIELD},bin="3"}}'] = steady(0.1)
    series[f'model_service:field_problems:window{{{FIELD},problem="missing"}}'] = steady(0.01)
    judged = 'namespace="demo",service="wine",version="3"'
    for name in ("quality", "quality_baseline"):
        series[f'drift_monitor_{name}{{{judged},metric="accuracy"}}'] = steady(0.9)
    series[f"drift_monitor_label_coverage_ratio{{{judged}}}"] = steady(0.5)
    for part, count in (("status_current_replicas", 2), ("spec_max_replicas", 4)):
        of = 'namespace="demo",horizontalpodautoscaler="wine"'
        series[kube_state(f"kube_horizontalpodautoscaler_{part}", of)] = steady(count)
    return series


def asked(labels: str) -> str:
    """The series of what a container requests."""
    return kube_state("kube_pod_container_resource_requests", labels)


def of_phase(pod: str, now: str) -> dict[str, str]:
    """A pod's phase: a series for each, 1 for the one that it is in."""
    return {
        kube_state("kube_pod_status_phase", f'{pod},phase="{phase}"'): steady(phase == now)
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown")
    }


def of_container(namespace: str, pod: str, name: str, *, gpus: int) -> dict[str, str]:
    """A container as kubelet, kube-state-metrics and OpenCost see it."""
    where = f'namespace="{namespace}",pod="{pod}",container="{name}"'
    at = f'{where},node="node-a"'
    series = {
        f"container_cpu_usage_seconds_total{{{where}}}": growing(6),
        f"container_memory_working_set_bytes{{{where}}}": steady(2e8),
        kube_state("kube_pod_container_status_restarts_total", where): growing(0),
        asked(f'{at},resource="cpu",unit="core"'): steady(0.5),
        asked(f'{at},resource="memory",unit="byte"'): steady(1e9),
        **of_phase(f'namespace="{namespace}",pod="{pod}"', "Running"),
        f"container_cpu_allocation{{{at}}}": steady(0.5),
        f"container_memory_allocation_bytes{{{at}}}": steady(2**30),
    }
    if gpus:
        series[asked(f'{at},resource="nvidia_com_gpu",unit="integer"')] = steady(gpus)
        series[f"container_gpu_allocation{{{at}}}"] = steady(gpus)
    return series


def of_cluster() -> dict[str, str]:
    """Nodes with a GPU each, jobs, quotas, volumes, alerts and what Prometheus says of itself."""
    series: dict[str, str] = {
        'ALERTS{alertname="Watchdog",alertstate="firing",severity="page"}': steady(1),
        'up{job="mlflow",service="mlflow"}': steady(1),
        'scrape_samples_scraped{job="mlflow"}': steady(300),
        'scrape_duration_seconds{job="mlflow"}': steady(0.02),
        kube_state("kube_pod_status_unschedulable", 'namespace="demo",pod="waits"'): steady(1),
        'apiserver_request_total{code="200"}': growing(600),
        'apiserver_request_total{code="500"}': growing(1),
    }
    for kind, value in (("used", 1.0), ("hard", 4.0)):
        of = 'namespace="demo",resourcequota="quota",resource="requests.cpu"'
        series[kube_state("kube_resourcequota", f'{of},type="{kind}"')] = steady(value)
    for part, value in (("used", 1e9), ("capacity", 4e9)):
        of = 'namespace="tracking",persistentvolumeclaim="artifacts"'
        series[f"kubelet_volume_stats_{part}_bytes{{{of}}}"] = steady(value)
    for node in NODES:
        ready = f'node="{node}",condition="Ready"'
        for status, value in (("true", 1.0), ("false", 0.0), ("unknown", 0.0)):
            of = f'{ready},status="{status}"'
            series[kube_state("kube_node_status_condition", of)] = steady(value)
        for resource, value in (("cpu", 4.0), ("memory", 16e9), ("nvidia_com_gpu", 1.0)):
            of = f'node="{node}",resource="{resource}"'
            series[kube_state("kube_node_status_allocatable", of)] = steady(value)
        for part, price in (("total", 1.2), ("cpu", 0.03), ("ram", 0.004), ("gpu", 0.7)):
            series[f'node_{part}_hourly_cost{{node="{node}"}}'] = steady(price)
        series[f'node_gpu_count{{node="{node}"}}'] = steady(1)
    return {**series, **of_jobs(), **of_gpus()}


def of_jobs() -> dict[str, str]:
    """A job that runs on a GPU after a pod of it was killed, one that gave up, a schedule, a queue.

    The killed pod is still there, with what it had asked for.
    """
    series = of_container("demo", "wine-fit-x", "train", gpus=1)
    killed = 'namespace="demo",pod="wine-fit-killed"'
    series |= of_phase(killed, "Failed")
    for resource, value in (("cpu", 2), ("memory", 8e9), ("nvidia_com_gpu", 1)):
        of = f'{killed},container="train",node="node-a",resource="{resource}"'
        series[asked(of)] = steady(value)
    for pod in ("x", "killed"):
        made = f'namespace="demo",pod="wine-fit-{pod}",created_by_kind="Job"'
        series[kube_state("kube_pod_info", f'{made},created_by_name="wine-fit"')] = steady(1)
    for name, value in (
        ("status_active", 1), ("status_suspended", 0), ("status_start_time", 0),
        ("status_completion_time", 3600), ("status_succeeded", 3), ("spec_completions", 4),
        ("spec_active_deadline_seconds", 7200),
    ):  # fmt: skip
        series[kube_state(f"kube_job_{name}", JOB)] = steady(value)
    series[kube_state("kube_job_status_failed", JOB)] = steady(1)
    gave_up = 'namespace="demo",job_name="wine-broken"'
    reason = f'{gave_up},reason="BackoffLimitExceeded"'
    series[kube_state("kube_job_status_failed", reason)] = steady(1)
    for condition, value in (("true", 1), ("false", 0), ("unknown", 0)):
        of = f'{gave_up},condition="{condition}"'
        series[kube_state("kube_job_failed", of)] = steady(value)
    for namespace, name in (("demo", "wine-nightly"), ("tracking", "mlflow-backup")):
        of = f'namespace="{namespace}",cronjob="{name}"'
        series[kube_state("kube_cronjob_status_last_successful_time", of)] = steady(60)
        series[kube_state("kube_cronjob_spec_suspend", of)] = steady(0)
    queue = 'cluster_queue="gpus"'
    series[f"kueue_admitted_active_workloads{{{queue}}}"] = steady(1)
    series[f'kueue_pending_workloads{{{queue},status="active"}}'] = steady(2)
    series[f'kueue_evicted_workloads_total{{{queue},reason="Preempted"}}'] = growing(0.1)
    return series


def of_gpus() -> dict[str, str]:
    """Two GPUs: one computes, one is held and idle."""
    series: dict[str, str] = {}
    for node, busy in zip(NODES, (90.0, 1.0), strict=True):
        of = f'Hostname="{node}",gpu="0",modelName="NVIDIA L4",exported_namespace="demo",' \
             f'exported_pod="pod-of-{node}"'  # fmt: skip
        for name, value in (
            ("GPU_UTIL", busy), ("FB_USED", 2000), ("FB_FREE", 20000), ("GPU_TEMP", 60),
            ("POWER_USAGE", 55), ("XID_ERRORS", 0), ("UNCORRECTABLE_REMAPPED_ROWS", 0),
            ("ROW_REMAP_FAILURE", 0),
        ):  # fmt: skip
            series[f"DCGM_FI_DEV_{name}{{{of}}}"] = steady(value)
        series[f"DCGM_FI_DEV_PCIE_REPLAY_COUNTER{{{of}}}"] = growing(0)
    return series


def of_language_models() -> dict[str, str]:
    """A server of a language model, and the gateway before it."""
    series: dict[str, str] = {}
    for name in ("time_to_first_token_seconds", "inter_token_latency_seconds",
                 "e2e_request_latency_seconds", "request_queue_time_seconds"):  # fmt: skip
        series |= histogram(f"vllm:{name}", LLM)
    for name, value in (
        ("num_requests_running", 3), ("num_requests_waiting", 1), ("kv_cache_usage_perc", 0.5)
    ):  # fmt: skip
        series[f"vllm:{name}{{{LLM}}}"] = steady(value)
    for name in ("prompt_tokens_total", "generation_tokens_total", "num_preemptions_total",
                 "prefix_cache_hits_total", "prefix_cache_queries_total"):  # fmt: skip
        series[f"vllm:{name}{{{LLM}}}"] = growing(100)
    series[f'vllm:request_success_total{{{LLM},finished_reason="stop"}}'] = growing(60)
    series |= histogram("llm_gateway_overhead_seconds", GATEWAY)
    series |= histogram("llm_gateway_groundedness_ratio", GATEWAY)
    series[f'llm_gateway_traces_total{{{GATEWAY},result="sent"}}'] = growing(6)
    for name, labels in (
        ("requests_total", 'outcome="ok",consumer="chat"'),
        ("fallbacks_total", 'backend="llama"'),
        ("cost_dollars_total", 'consumer="chat",backend="llama"'),
        ("backend_failures_total", 'backend="llama",reason="timeout"'),
        ("limited_total", 'consumer="chat",limit="tokens_per_minute"'),
        ("guardrail_hits_total", 'direction="input",kind="pii",action="redact"'),
    ):
        series[f"llm_gateway_{name}{{{GATEWAY},{labels}}}"] = growing(1)
    left = 'consumer="chat",budget="tokens"'
    series[f"llm_gateway_budget_left_ratio{{{GATEWAY},{left}}}"] = steady(0.7)
    return series


def of_mlflow() -> dict[str, str]:
    """The tracking server."""
    of = 'service="mlflow",namespace="tracking",pod="mlflow-5d-x"'
    asked = f'{of},method="GET",handler="/api/2.0/mlflow/runs"'
    return {
        f'mlflow_http_requests_total{{{asked},status="200"}}': growing(30),
        f"mlflow_http_requests_in_flight{{{of}}}": steady(1),
        **histogram("mlflow_http_request_duration_seconds", asked),
        **of_container("tracking", "mlflow-5d-x", "mlflow", gpus=0),
    }


EVERYTHING: Mapping[str, str] = {
    **of_model_server(),
    **of_cluster(),
    **of_language_models(),
    **of_mlflow(),
}
