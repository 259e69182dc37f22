"""Model services, tracking, GPUs and money of our own production environment, broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.manifests import DROP
from policies.mutations.mutation import (
    CLEANING,
    JOB,
    LIMITS,
    MAIN,
    POD,
    SCALER,
    Mutation,
    Path,
    changed,
    served,
    tracked,
)

POOL = ("NodePool", "l4")
SERVICE = ("Deployment", "wine")
AWS_BUDGET = ("aws:budgets/budget:Budget", "")
GCP_BUDGET = ("gcp:billing/budget:Budget", "")
GCP_AMOUNT: Path = ("amount", "specifiedAmount", "units")
DATABASES = ("Instance", "DatabaseInstance")
GPU = "nvidia.com/gpu"
POD_LIMITS: Path = ("template", "spec", "containers", 0, "resources", "limits")
SPOT = {"karpenter.sh/capacity-type": "spot"}
PREDICTIONS = {"name": "PREDICTION_LOG_URI", "value": "s3://predictions"}
ON_POOL: Mapping[Path, Any] = {
    (*POD, "nodeSelector"): {"stanchion.dev/pool": "l4"},
    (*POD, "tolerations"): [{"operator": "Exists"}],
}

SERVING = [
    served("model-pinned", (*MAIN, "env", 1, "value"), "champion", "MODEL_VERSION"),
    served("startup-allows-load", (*MAIN, "startupProbe", "failureThreshold"), 1, "killed"),
    served("release-can-go-back", ("spec", "revisionHistoryLimit"), 0),
    served("cost-labels", ("spec", "template", "metadata", "labels"), DROP),
    served("serving-drains", (*POD, "terminationGracePeriodSeconds"), 1),
    served("serving-scraped", (), None, "ServiceMonitor", without=("ServiceMonitor",)),
    served("serving-burn-rate", (), None, "no alert compares", without=("PrometheusRule",)),
    changed("scale-to-zero-budget", *SCALER, ("spec", "minReplicas"), 0, "minimum"),
    tracked("mlflow-secured", (*MAIN, "env", 7), DROP, "ALLOWED_HOSTS"),
    tracked("mlflow-artifacts-kept", (*MAIN, "env", 6, "value"), "/mlflow", "artifacts"),
    tracked(
        "mlflow-database",
        (*MAIN, "command"),
        ["mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db"],
        "SQLite",
    ),
    tracked("mlflow-version", (*MAIN, "image"), "registry.example/mlflow:3.1.0", "3.1.0"),
    tracked("mlflow-backed-up", (), None, "CronJob", without=("CronJob", *DATABASES)),
    tracked("mlflow-migrated-first", (), None, "Job", without=("Job",)),
    changed("mlflow-private", "Service", "mlflow", ("spec", "type"), "LoadBalancer", "public"),
    served("prediction-log-kept", (*MAIN, "env", 3), PREDICTIONS, "retention"),
    Mutation(
        "llm-model-pinned",
        *SERVICE,
        {
            (*MAIN, "image"): "vllm/vllm-openai:v0.11.0",
            (*MAIN, "command"): ["vllm", "serve", "owner/model"],
        },
        "--revision",
    ),
    served(
        "llm-guarded", (*MAIN, "command"), ["vllm", "serve", "/models"], "stanchion.dev/guardrail"
    ),
]

ON_GPUS = [
    served("gpu-requests-equal-limits", (*LIMITS, GPU), "0.5", GPU),
    served("gpu-reaches-pool", (*LIMITS, GPU), "1", "nodeSelector"),
    Mutation("gpu-fits-node", *SERVICE, {**ON_POOL, (*LIMITS, GPU): "64"}, GPU),
    Mutation("surge-fits-pool", *SERVICE, {**ON_POOL, (*LIMITS, GPU): "4"}, GPU),
    served("spot-serving", (*POD, "nodeSelector"), SPOT, "nodeSelector karpenter"),
    Mutation(
        "gpu-job-checkpoints",
        *CLEANING,
        {(*JOB, *POD_LIMITS, GPU): "1", (*JOB, "template", "spec", "nodeSelector"): SPOT},
        "checkpoints",
    ),
    changed("training-job-bounded", *CLEANING, (*JOB, *POD_LIMITS, GPU), "1", "TRACKING_URI"),
    changed("gpu-pool-tainted", *POOL, ("spec", "template", "spec", "taints"), DROP, "taint"),
    changed("gpu-pool-bounded", *POOL, ("spec", "limits"), DROP, "maximum"),
]

MONEY = [
    Mutation("budget-exists", "aws:eks/cluster:Cluster", "", {}, "budget", without=("Budget",)),
    Mutation(
        "budget-exists", "gcp:container/cluster:Cluster", "", {}, "budget", without=("Budget",)
    ),
    changed("budget-covers-floor", *AWS_BUDGET, ("limitAmount",), "1", "$1 a month"),
    changed("budget-covers-floor", *GCP_BUDGET, GCP_AMOUNT, "1", "$1 a month"),
    changed("budget-covers-ceiling", *AWS_BUDGET, ("limitAmount",), "1", "$1 a month"),
    changed("budget-covers-ceiling", *GCP_BUDGET, GCP_AMOUNT, "1", "$1 a month"),
]

MUTATIONS = [*SERVING, *ON_GPUS, *MONEY]
