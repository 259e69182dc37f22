"""Cases of the policies about autoscalers, and about queries of every kind."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import (
    DROP,
    UNKNOWN,
    Manifest,
    manifest,
    scaled_object,
    with_changes,
    workload,
)
from policies.node_pools import karpenter, on_gpu

MONITORING = "monitoring.coreos.com/v1"
SLOW = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10, "failureThreshold": 30}


def to_zero(budget: str = "", minimum: Any = 0, **change: Any) -> Manifest:
    """An autoscaler that keeps no replica."""
    noted = {"annotations": {"stanchion.dev/cold-start-seconds": budget}} if budget else {}
    base = scaled_object(spec={"minReplicaCount": minimum}, metadata=noted)
    return with_changes(base, change)


def slow(**change: Any) -> Manifest:
    """A model server on the pool of GPUs that may take five minutes to start."""
    return on_gpu(server={"startupProbe": SLOW}, **change)


def hpa(minimum: int) -> Manifest:
    target = {"kind": "Deployment", "name": "churn"}
    spec = {"minReplicas": minimum, "maxReplicas": 3, "scaleTargetRef": target}
    return manifest("HorizontalPodAutoscaler", spec=spec)


ZERO: list[Case] = [
    passes("scale-to-zero-budget", "keeps one", to_zero(minimum=1), slow()),
    passes("scale-to-zero-budget", "enough", to_zero("600"), slow(), karpenter()),
    passes("scale-to-zero-budget", "no node to wait for", to_zero("300"), slow()),
    passes("scale-to-zero-budget", "target of another stack", to_zero()),
    passes(
        "scale-to-zero-budget",
        "stated on the workload",
        to_zero(),
        slow(metadata={"annotations": {"stanchion.dev/cold-start-seconds": "900"}}),
    ),
    undecided("scale-to-zero-budget", "unknown", to_zero(minimum=UNKNOWN), slow()),
    fails("scale-to-zero-budget", "none", to_zero(), slow()),
    fails(
        "scale-to-zero-budget", "no minimum", scaled_object(spec={"minReplicaCount": DROP}), slow()
    ),
    fails("scale-to-zero-budget", "too little", to_zero("120"), slow()),
    fails("scale-to-zero-budget", "no time for the node", to_zero("400"), slow(), karpenter()),
    fails("scale-to-zero-budget", "no number", to_zero("soon"), slow()),
    fails("scale-to-zero-budget", "HPA", hpa(0), slow()),
]


def draining(grace: Any = 45, **server: Any) -> Manifest:
    """A model server with a grace period."""
    image = "registry.example/model-server:1"
    return workload(server={"image": image, **server}, pod={"terminationGracePeriodSeconds": grace})


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


SLEEP = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 20"]}}}

DRAINS: list[Case] = [
    passes("serving-drains", "enough", draining()),
    passes("serving-drains", "no model", workload(pod={"terminationGracePeriodSeconds": 1})),
    passes(
        "serving-drains",
        "stated",
        draining(65, env=env(REQUEST_TIMEOUT_SECONDS="50", DRAIN_SECONDS="10")),
    ),
    passes("serving-drains", "by setting", draining(10), requestSeconds=5),
    undecided("serving-drains", "unknown", draining(UNKNOWN)),
    fails("serving-drains", "too short", draining(10)),
    fails("serving-drains", "long requests", draining(env=env(REQUEST_TIMEOUT_SECONDS="60"))),
    fails("serving-drains", "long hook", draining(35, lifecycle=SLEEP)),
    fails("serving-drains", "by option", draining(args=["--timeout", "120"])),
]


def asks(query: str, **change: Any) -> Manifest:
    """An autoscaler by a query."""
    metadata = {"serverAddress": "http://prometheus:9090", "query": query, "threshold": "5"}
    spec = {"triggers": [{"type": "prometheus", "metadata": metadata}]}
    return scaled_object(spec={**spec, **change})


def alerts(*rules: Any, name: str = "churn") -> Manifest:
    """A PrometheusRule; a text is an alert by that query."""
    made = [{"alert": "Churn", "expr": rule} if isinstance(rule, str) else rule for rule in rules]
    spec = {"groups": [{"name": name, "rules": made}]}
    return manifest("PrometheusRule", name, apiVersion=MONITORING, spec=spec)


def measures(query: str, kind: str = "AnalysisTemplate") -> Manifest:
    """An analysis by a query."""
    metric = {"name": "errors", "provider": {"prometheus": {"query": query}}}
    return manifest(kind, apiVersion="argoproj.io/v1alpha1", spec={"metrics": [metric]})


COUNTERS = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL, counter, double-bit errors"
RECORDED = {"record": "churn:errors:rate5m", "expr": "rate(model_server_requests_total[5m])"}

QUERIES: list[Case] = [
    passes("query-exported", "model server", asks('sum(model_server_in_flight{model="churn"})')),
    passes("query-exported", "vLLM", asks('sum(vllm:num_requests_waiting{model_name="llama"})')),
    passes("query-exported", "activator", alerts('activator_waiting{service="churn"} > 0')),
    fails("query-exported", "not the activator's", alerts("activator_queue > 0")),
    passes(
        "query-exported",
        "histogram by le",
        alerts(
            "histogram_quantile(0.99, sum by (le, model) "
            "(rate(model_server_request_duration_seconds_bucket[5m]))) > 1"
        ),
    ),
    passes(
        "query-exported", "default counter", alerts('DCGM_FI_DEV_GPU_TEMP{pod=~"churn.*"} > 85')
    ),
    passes(
        "query-exported",
        "counter that is switched on",
        alerts("increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL[1h]) > 0"),
        manifest("ConfigMap", "counters", data={"counters.csv": COUNTERS}),
    ),
    passes(
        "query-exported",
        "kube-state-metrics",
        alerts('kube_deployment_status_replicas_available{deployment="churn"} < 1'),
    ),
    passes("query-exported", "labels of labels", alerts('kube_pod_labels{label_app="churn"} == 0')),
    passes(
        "query-exported",
        "known by its prefix",
        alerts('rate(container_network_receive_bytes_total{pod="a"}[5m]) > 1', "up == 0"),
    ),
    passes(
        "query-exported", "recorded in the stack", alerts(RECORDED, "churn:errors:rate5m > 0.1")
    ),
    passes(
        "query-exported",
        "label of the pods that are scraped",
        measures('sum(model_server_in_flight{rollouts_pod_template_hash="a"})'),
        manifest(
            "ServiceMonitor",
            apiVersion=MONITORING,
            spec={"podTargetLabels": ["rollouts-pod-template-hash"], "selector": {}},
        ),
    ),
    fails(
        "query-exported",
        "label of the pods that nobody takes along",
        measures('sum(model_server_in_flight{rollouts_pod_template_hash="a"})'),
    ),
    passes("query-exported", "by setting", asks("shop_orders_total"), exported=["shop_*"]),
    passes(
        "query-exported",
        "placeholders",
        measures('sum(rate(model_server_requests_total{model="{{args.model}}"}[{{args.window}}]))'),
    ),
    passes(
        "query-exported", "another trigger", scaled_object(spec={"triggers": [{"type": "cron"}]})
    ),
    undecided("query-exported", "unknown", asks(UNKNOWN)),
    fails("query-exported", "misspelt", asks("sum(vllm:num_requests_wating)")),
    fails("query-exported", "misspelt of Kueue", alerts("kueue_pending_workload > 9")),
    fails(
        "query-exported",
        "a label that the kubelet has no more",
        alerts("sum by (pod_name) (container_memory_working_set_bytes) > 9e9"),
    ),
    fails("query-exported", "nobody's", asks("sum(http_requests_in_flight_now)")),
    fails("query-exported", "another's label", asks('vllm:num_requests_waiting{model="llama"}')),
    fails(
        "query-exported", "label that is not", measures('model_server_requests_total{code="500"}')
    ),
    fails(
        "query-exported",
        "grouped by nothing",
        alerts("sum by (model_name) (model_server_in_flight) > 9"),
    ),
    fails("query-exported", "counter that is off", alerts("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL > 0")),
    fails(
        "query-exported",
        "histogram itself",
        alerts("rate(model_server_request_duration_seconds[5m]) > 1"),
    ),
    fails("query-exported", "no PromQL", measures("sum(up", "ClusterAnalysisTemplate")),
    fails("query-exported", "empty", asks("")),
    passes("scale-from-zero-signal", "a queue", to_zero(spec={"triggers": [{"type": "rabbitmq"}]})),
    passes(
        "scale-from-zero-signal",
        "the gateway",
        asks("sum(envoy_cluster_upstream_rq_active)", minReplicaCount=0),
    ),
    passes(
        "scale-from-zero-signal", "keeps one", asks("vllm:num_requests_waiting", minReplicaCount=1)
    ),
    passes(
        "scale-from-zero-signal",
        "one of two",
        to_zero(spec={"triggers": [{"type": "cpu"}, {"type": "cron"}]}),
    ),
    undecided(
        "scale-from-zero-signal",
        "unknown",
        to_zero(minimum=UNKNOWN, spec={"triggers": [{"type": "cpu"}]}),
    ),
    fails(
        "scale-from-zero-signal",
        "its own queue",
        asks("vllm:num_requests_waiting", minReplicaCount=0),
    ),
    fails(
        "scale-from-zero-signal",
        "its own requests",
        asks("sum(model_server_in_flight)", minReplicaCount=DROP),
    ),
    fails("scale-from-zero-signal", "its own use", to_zero(spec={"triggers": [{"type": "cpu"}]})),
]

CASES = [*ZERO, *DRAINS, *QUERIES]
