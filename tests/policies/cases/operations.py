"""Cases of the policies about what a service and a job need around them."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cases.scaling import MONITORING, alerts
from policies.manifests import (
    DROP,
    LABELS,
    SELECTOR,
    UNKNOWN,
    Manifest,
    manifest,
    service,
    with_changes,
    workload,
)
from policies.node_pools import on_gpu

LABELLED: Any = {"metadata": {"labels": {**LABELS, "app.kubernetes.io/instance": "churn"}}}


def server(image: str = "registry.example/model-server:1", **change: Any) -> Manifest:
    """A model server."""
    return workload(server={"image": image}, **change)


def of_drift_monitor(about: str, kind: str = "CronJob") -> Manifest:
    """A workload of a `DriftMonitor`, which has a name of its own."""
    named = {"app.kubernetes.io/name": "drift-monitor", "app.kubernetes.io/instance": "eye"}
    told = {"env": [{"name": "SERVICE", "value": about}]}
    return workload(kind, "eye", server=told, metadata={"labels": named})


def monitor(kind: str = "ServiceMonitor", **change: Any) -> Manifest:
    """What collects the metrics of the service."""
    base = manifest(kind, apiVersion=MONITORING, spec={"selector": {"matchLabels": SELECTOR}})
    return with_changes(base, change)


ELSEWHERE: Any = {"metadata": {"namespace": "monitoring"}}
ANNOTATED: Any = {"metadata": {"annotations": {"prometheus.io/scrape": "true"}}}

SCRAPED: list[Case] = [
    passes("serving-scraped", "by its Service", server(), service(), monitor()),
    passes("serving-scraped", "by its pods", server(), monitor("PodMonitor")),
    passes(
        "serving-scraped",
        "from anywhere",
        server(),
        service(),
        monitor(spec={"namespaceSelector": {"any": True}}, **ELSEWHERE),
    ),
    passes("serving-scraped", "by annotation", server(template=ANNOTATED)),
    passes("serving-scraped", "no model", workload()),
    undecided(
        "serving-scraped", "unknown", server(), service(), monitor(spec={"selector": UNKNOWN})
    ),
    fails("serving-scraped", "nothing", server(), service()),
    fails("serving-scraped", "no Service", server(), monitor()),
    fails("serving-scraped", "another namespace", server(), service(), monitor(**ELSEWHERE)),
    fails(
        "serving-scraped",
        "other pods",
        server(),
        monitor(
            "PodMonitor", spec={"selector": {"matchLabels": {"app.kubernetes.io/name": "other"}}}
        ),
    ),
]


def alert(runbook: Any = None, expr: str = "up == 0", **change: Any) -> dict[str, Any]:
    noted = {} if runbook is None else {"annotations": {"runbook_url": runbook}}
    return {"alert": "Down", "expr": expr, **noted, **change}


HOME = "https://git.example/platform/blob/main/"

RUNBOOKS: list[Case] = [
    passes("alert-runbook", "elsewhere", alerts(alert("https://wiki.example/down"))),
    passes("alert-runbook", "a file", alerts(alert("docs/policies.md#levels"))),
    passes(
        "alert-runbook",
        "a file by address",
        alerts(alert(f"{HOME}docs/policies.md")),
        prefixes=[HOME],
    ),
    passes("alert-runbook", "a recording", alerts({"record": "a:b:c", "expr": "up"})),
    undecided("alert-runbook", "unknown", alerts(alert(UNKNOWN))),
    fails("alert-runbook", "none", alerts(alert())),
    fails("alert-runbook", "empty", alerts(alert(""))),
    fails("alert-runbook", "no such file", alerts(alert("docs/runbooks/nowhere.md"))),
    fails(
        "alert-runbook",
        "no such file by address",
        alerts(alert(f"{HOME}nowhere.md")),
        prefixes=[HOME],
    ),
]

ERRORS = 'sum(rate(model_server_requests_total{{service="{0}",outcome="server_error"}}[{1}])) > 0.1'


def burning(name: str = "churn", *windows: str) -> Manifest:
    query = " and ".join(ERRORS.format(name, window) for window in windows)
    return alerts(alert("https://wiki.example/burning", query))


WATCHED: list[Case] = [
    passes("serving-burn-rate", "two times", server(), burning("churn", "5m", "1h")),
    passes("serving-burn-rate", "named by a pattern", server(), burning("churn-.*", "5m", "1h")),
    passes(
        "serving-burn-rate",
        "recorded over two times",
        server(),
        alerts(alert(expr='slo:rate5m{sloth_service="churn"} > 1 and slo:rate1h > 1')),
    ),
    passes("serving-burn-rate", "no model", workload()),
    passes(
        "serving-burn-rate",
        "the platform's image with another program",
        workload(
            server={"image": "registry.example/model-server:1", "command": ["stanchion-retraining"]}
        ),
    ),
    passes(
        "serving-burn-rate",
        "a language model where they need none",
        server("vllm/vllm-openai:v0.11"),
        languageModels=False,
    ),
    fails("serving-burn-rate", "a language model", server("vllm/vllm-openai:v0.11")),
    passes(
        "serving-burn-rate",
        "a shadow that answers nobody",
        server(template={"metadata": {"labels": {"app.kubernetes.io/component": "shadow"}}}),
    ),
    fails("serving-burn-rate", "nothing", server()),
    fails(
        "serving-burn-rate",
        "nothing, where language models need none",
        server(),
        languageModels=False,
    ),
    fails("serving-burn-rate", "one time", server(), burning("churn", "5m")),
    fails("serving-burn-rate", "another service's", server(), burning("fraud", "5m", "1h")),
    passes(
        "serving-dashboard",
        "there",
        server(),
        manifest("ConfigMap", metadata={"labels": {"grafana_dashboard": "1"}}),
    ),
    passes("serving-dashboard", "no model", workload()),
    passes(
        "serving-dashboard",
        "by operator",
        server(),
        manifest("GrafanaDashboard", apiVersion="grafana.integreatly.org/v1beta1"),
    ),
    fails("serving-dashboard", "nothing", server()),
    fails("serving-dashboard", "another ConfigMap", server(), manifest("ConfigMap")),
    fails(
        "serving-dashboard",
        "of a rollout",
        workload("Rollout", server={"image": "vllm/vllm-openai:v0.11"}),
    ),
    passes(
        "drift-monitored",
        "watched",
        server(template=LABELLED),
        workload(
            "CronJob",
            "drift",
            metadata={
                "labels": {**LABELLED["metadata"]["labels"], "app.kubernetes.io/component": "drift"}
            },
        ),
    ),
    passes("drift-monitored", "no model", workload()),
    passes(
        "drift-monitored",
        "by setting",
        server(),
        workload(
            "CronJob",
            "eye",
            metadata={
                "labels": {
                    "app.kubernetes.io/instance": "churn",
                    "app.kubernetes.io/component": "eye",
                }
            },
        ),
        components=["eye"],
    ),
    passes("drift-monitored", "by a DriftMonitor", server(), of_drift_monitor("churn")),
    fails("drift-monitored", "another's DriftMonitor", server(), of_drift_monitor("fraud")),
    fails("drift-monitored", "reports alone", server(), of_drift_monitor("churn", "Deployment")),
    fails("drift-monitored", "nothing", server()),
    fails(
        "drift-monitored",
        "another service's",
        server(),
        workload(
            "CronJob",
            "drift",
            metadata={
                "labels": {
                    "app.kubernetes.io/instance": "fraud",
                    "app.kubernetes.io/component": "drift",
                }
            },
        ),
    ),
    fails("drift-monitored", "another job", server(), workload("CronJob", "drift")),
]

UNPAID: Any = {"metadata": {"labels": {"stanchion.dev/cost-center": DROP}}}


def trains(kind: str = "Job", tracked: bool = True, **spec: Any) -> Manifest:
    """A training job that is tidied up, and recorded where it is `tracked`."""
    env = [{"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow:5000"}] if tracked else []
    kept = {"ttlSecondsAfterFinished": 86400, **spec}
    change = kept if kind == "Job" else {"jobTemplate": {"spec": kept}}
    return on_gpu(kind, server={"env": env}, spec=change)


def logs(**values: str) -> Manifest:
    env = [{"name": name, "value": value} for name, value in values.items()]
    return workload(server={"env": env})


def redacted(settings: str) -> Manifest:
    """A log of the model server's, with what is said of columns."""
    return logs(**{LOG: "s3://log", KEPT: "30", MASKED: settings})


LOG, KEPT, MASKED = "PREDICTION_LOG_URI", "PREDICTION_LOG_RETENTION_DAYS", "PREDICTION_LOG_REDACT"
GUARDED = {"annotations": {"stanchion.dev/guardrail": "pii", "stanchion.dev/evaluation": "runs/7"}}
LLM = "vllm/vllm-openai:v0.11"


def store(**services: Any) -> Manifest:
    return manifest("FeatureStore", apiVersion="feast.dev/v1alpha1", spec={"services": services})


def config(text: str) -> Manifest:
    return manifest("ConfigMap", data={"feature_store.yaml": text})


OWED: list[Case] = [
    passes("cost-labels", "there", workload()),
    passes("cost-labels", "by setting", workload("Job"), labels=["app.kubernetes.io/name"]),
    passes(
        "cost-labels",
        "unknown is there",
        workload(template={"metadata": {"labels": {"stanchion.dev/cost-center": UNKNOWN}}}),
    ),
    fails("cost-labels", "none on the pod", workload(template=UNPAID)),
    fails("cost-labels", "none on a job's", workload("CronJob", template=UNPAID)),
    fails(
        "cost-labels",
        "empty",
        workload(template={"metadata": {"labels": {"stanchion.dev/cost-center": ""}}}),
    ),
    passes("training-job-bounded", "bounded", trains()),
    passes("training-job-bounded", "every night", trains("CronJob")),
    passes("training-job-bounded", "no training", workload("Job")),
    undecided("training-job-bounded", "unknown", trains(backoffLimit=UNKNOWN)),
    fails("training-job-bounded", "stays", trains(ttlSecondsAfterFinished=DROP)),
    fails("training-job-bounded", "never gives up", trains(backoffLimit=100)),
    passes(
        "training-job-bounded",
        "each part is",
        trains(backoffLimitPerIndex=3, backoffLimit=300),
    ),
    fails(
        "training-job-bounded",
        "no part gives up",
        trains(backoffLimitPerIndex=100, backoffLimit=1),
    ),
    fails("training-job-bounded", "not recorded", trains(tracked=False)),
    fails(
        "training-job-bounded",
        "queued",
        workload("Job", metadata={"labels": {"kueue.x-k8s.io/queue-name": "team"}}),
    ),
    passes(
        "prediction-log-kept",
        "kept and masked",
        logs(**{LOG: "s3://log", KEPT: "30", MASKED: "email"}),
    ),
    passes("prediction-log-kept", "no log", logs(**{KEPT: "30"})),
    passes("prediction-log-kept", "switched off", logs(**{LOG: ""})),
    fails("prediction-log-kept", "for ever", logs(**{LOG: "s3://log", MASKED: "email"})),
    fails("prediction-log-kept", "as it came", logs(**{LOG: "s3://log", KEPT: "30"})),
    fails("prediction-log-kept", "neither", logs(PREDICTION_LOG_TOPIC="predictions")),
    passes(
        "prediction-log-kept", "harmless text kept", redacted('{"keep": ["label", "shipment"]}')
    ),
    passes("prediction-log-kept", "hashed", redacted('{"hash": ["email"], "keep": []}')),
    passes(
        "prediction-log-kept",
        "by setting",
        redacted('{"keep": ["contact_email"]}'),
        personal=["iban"],
    ),
    fails("prediction-log-kept", "mail addresses", redacted('{"keep": ["contact_email"]}')),
    fails("prediction-log-kept", "in capitals", redacted('{"drop": [], "keep": ["clientIP"]}')),
    passes("llm-guarded", "both", server(LLM, metadata=GUARDED)),
    passes("llm-guarded", "another model", server()),
    passes("llm-guarded", "on the pods", server(LLM, template={"metadata": GUARDED})),
    fails("llm-guarded", "neither", server(LLM)),
    fails(
        "llm-guarded",
        "not evaluated",
        server(LLM, metadata={"annotations": {"stanchion.dev/guardrail": "pii"}}),
    ),
    fails(
        "llm-guarded", "a rollout", workload("Rollout", server={"args": ["vllm", "serve", "/m"]})
    ),
    passes(
        "feature-store-durable",
        "databases",
        store(onlineStore={"persistence": {"store": {"type": "redis"}}}),
    ),
    passes(
        "feature-store-durable",
        "volume",
        store(offlineStore={"persistence": {"file": {"pvc": {"create": {}}}}}),
    ),
    passes(
        "feature-store-durable",
        "expires",
        config("online_store:\n  type: redis\n  key_ttl_seconds: 604800\n"),
    ),
    passes("feature-store-durable", "another ConfigMap", manifest("ConfigMap", data={"a": "b"})),
    fails(
        "feature-store-durable",
        "online file",
        store(onlineStore={"persistence": {"file": {"path": "/data/a.db"}}}),
    ),
    fails(
        "feature-store-durable",
        "offline file",
        store(offlineStore={"persistence": {"file": {"type": "duckdb"}}}),
    ),
    fails("feature-store-durable", "never expires", config("online_store:\n  type: redis\n")),
]

CASES = [*SCRAPED, *RUNBOOKS, *WATCHED, *OWED]
