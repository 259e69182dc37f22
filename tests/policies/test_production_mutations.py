"""Our own production environments, made unready for models: the policy meant for it says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from policies.conftest import PACK
from policies.in_process import inputs_of, judged, linked, seen
from policies.manifests import Manifest, resource
from policies.own_environment import registered
from pulumi_policy.policy import PolicyResource
from stanchion_cli.policies import AnalyzedResource
from stanchion_policies import RULES

LEVELS = json.loads((PACK / "environments" / "prod.json").read_text())
BY_NAME = {rule.name: rule for rule in RULES}
GPU = "nvidia.com/gpu"
TOLERATION = {"key": GPU, "operator": "Exists"}

Inputs = dict[str, Any]
Change = Callable[[Inputs], None]


@dataclass(frozen=True)
class Unready:
    """A change of an environment, and what is to be said of it.

    Attributes:
        policy: The policy that is to see it.
        environment: Which one.
        told: A part of what it says.
        about: The type and name of what it says it about; empty for what is added.
        changes: By the type's last part and the resource's name, what is done to its inputs.
        without: Types, by their last part, of resources that are taken away.
        adds: Manifests that are added.
        settings: Settings beside those of the environment.
    """

    policy: str
    environment: str
    told: str
    about: tuple[str, str] = ("", "")
    changes: Mapping[tuple[str, str], Change] | None = None
    without: tuple[str, ...] = ()
    adds: tuple[Manifest, ...] = ()
    settings: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.policy} in {self.environment}"


def last(token: str) -> str:
    return token.rpartition(":")[2]


def sets(*path: str | int, to: Any) -> Change:
    """A change of one field."""

    def change(inputs: Inputs) -> None:
        holder: Any = inputs
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to

    return change


def on_gpu(gpus: int) -> Change:
    """The model service on a pool of L4s."""

    def change(inputs: Inputs) -> None:
        pod = inputs["spec"]["template"]["spec"]
        pod |= {"nodeSelector": {"stanchion.dev/pool": "l4"}, "tolerations": [TOLERATION]}
        pod["containers"][0]["resources"]["limits"][GPU] = gpus

    return change


def added(kind: str, api: str, **body: Any) -> Manifest:
    """An object in the model service's namespace."""
    metadata = {"name": "added", "namespace": "demo"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def job(pool: str, **spec: Any) -> Manifest:
    """A training job on a pool that has spot nodes."""
    limits = {"limits": {GPU: 1}}
    pod = {
        "nodeSelector": {"stanchion.dev/pool": pool},
        "tolerations": [
            TOLERATION,
            {"key": "cloud.google.com/compute-class", "operator": "Exists"},
        ],
        "containers": [{"name": "train", "image": "train", "resources": limits}],
    }
    return added("Job", "batch/v1", spec={"template": {"spec": pod}, **spec})


def rollout(**canary: Any) -> Manifest:
    return added("Rollout", "argoproj.io/v1alpha1", spec={"strategy": {"canary": canary}})


def scaled(query: str, minimum: int = 1) -> Manifest:
    trigger = {"type": "prometheus", "metadata": {"query": query}}
    target = {"kind": "Deployment", "name": "wine"}
    spec = {"scaleTargetRef": target, "minReplicaCount": minimum, "triggers": [trigger]}
    return added("ScaledObject", "keda.sh/v1alpha1", spec=spec)


def alert(query: str, **annotations: str) -> Manifest:
    rule = {"alert": "Slow", "expr": query, "annotations": annotations}
    spec = {"groups": [{"name": "added", "rules": [rule]}]}
    return added("PrometheusRule", "monitoring.coreos.com/v1", spec=spec)


WINE, MLFLOW = ("Deployment", "wine-deployment"), ("Deployment", "mlflow-server")
SCALER = ("HorizontalPodAutoscaler", "wine-autoscaler")
SERVER = ("spec", "template", "spec", "containers", 0)
AWS_POOL, GCP_POOL = ("NodePool", "pool-l4-pool"), ("NodePool", "pool-l4-on-demand")
AWS_BUDGET, GCP_BUDGET = ("Budget", "budget-budget"), ("Budget", "budget-budget-example-ml-prod")
BACKUPS = ("CronJob", "Instance", "DatabaseInstance")


def both(policy: str, told: str, **rest: Any) -> list[Unready]:
    """The same in both clouds."""
    return [Unready(policy, environment, told, **rest) for environment in ("prod-aws", "prod-gcp")]


def edited(policy: str, told: str, target: tuple[str, str], change: Change) -> list[Unready]:
    """A change of what both clouds have."""
    return both(policy, told, about=target, changes={target: change})


UNREADY = [
    *edited("gpu-fits-node", "asks for 2 nvidia.com/gpu", WINE, on_gpu(2)),
    *both("gpu-job-checkpoints", "names no place for checkpoints", adds=(job("train"),)),
    *both("training-job-bounded", "ttlSecondsAfterFinished", adds=(job("train"),)),
    Unready(
        "gpu-pool-tainted",
        "prod-aws",
        "has GPUs and no taint",
        AWS_POOL,
        {AWS_POOL: sets("spec", "template", "spec", "taints", to=[])},
    ),
    Unready(
        "gpu-pool-tainted",
        "prod-gcp",
        "has GPUs and no taint",
        GCP_POOL,
        {GCP_POOL: sets("nodeConfig", "taints", to=[])},
    ),
    Unready(
        "gpu-pool-bounded",
        "prod-aws",
        "no maximum",
        AWS_POOL,
        {AWS_POOL: sets("spec", "limits", to={})},
    ),
    Unready(
        "gpu-pool-bounded",
        "prod-gcp",
        "no maximum",
        GCP_POOL,
        {GCP_POOL: sets("autoscaling", to={"totalMinNodeCount": 0})},
    ),
    Unready(
        "gpu-pool-idle",
        "prod-gcp",
        "keeps 1 of its GPU nodes",
        GCP_POOL,
        {GCP_POOL: sets("autoscaling", "totalMinNodeCount", to=1)},
        settings={"toZero": True},
    ),
    *edited(
        "llm-model-pinned",
        "no --revision",
        WINE,
        sets(*SERVER, "args", to=["vllm", "serve", "meta/llama"]),
    ),
    *both(
        "surge-fits-pool",
        "an update adds 1 to 8 replicas",
        about=WINE,
        changes={WINE: on_gpu(1), SCALER: sets("spec", "maxReplicas", to=8)},
    ),
    *both("rollout-analysed", "no analysis", adds=(rollout(steps=[{"setWeight": 5}]),)),
    *both(
        "canary-differs", "are one Service", adds=(rollout(canaryService="a", stableService="a"),)
    ),
    *both("query-exported", "nobody is known to export", adds=(scaled("sum(wine_waiting)"),)),
    *both("query-exported", "label code", adds=(alert('model_server_requests_total{code="5"}'),)),
    *both("scale-from-zero-signal", "none do", adds=(scaled("sum(model_server_in_flight)", 0),)),
    *both("alert-runbook", "no annotations.runbook_url", adds=(alert("up == 0"),)),
    *both(
        "alert-runbook",
        "no file of the repository",
        adds=(alert("up == 0", runbook_url="docs/runbooks/nowhere.md"),),
    ),
    *edited(
        "mlflow-version",
        "MLflow v3.14.0",
        MLFLOW,
        sets(*SERVER, "image", to="registry.example/mlflow:v3.14.0"),
    ),
    *both("mlflow-backed-up", "nothing in the stack backs", about=MLFLOW, without=BACKUPS),
    *both("mlflow-migrated-first", "migrates its database", about=MLFLOW, without=("Job",)),
    *edited(
        "mlflow-private",
        "public",
        ("Service", "mlflow-service"),
        sets("spec", "type", to="LoadBalancer"),
    ),
    *edited(
        "prediction-log-kept",
        "no retention",
        WINE,
        sets(*SERVER, "env", to=[{"name": "PREDICTION_LOG_URI", "value": "s3://log"}]),
    ),
    *both(
        "feature-store-durable",
        "onlineStore",
        adds=(
            added(
                "FeatureStore",
                "feast.dev/v1alpha1",
                spec={"services": {"onlineStore": {"persistence": {"file": {"path": "a.db"}}}}},
            ),
        ),
    ),
    *both("budget-exists", "no budget", about=("Cluster", "cluster-cluster"), without=("Budget",)),
    Unready(
        "budget-covers-floor",
        "prod-aws",
        "$10 a month",
        AWS_BUDGET,
        {AWS_BUDGET: sets("limitAmount", to="10")},
    ),
    Unready(
        "budget-covers-ceiling",
        "prod-gcp",
        "$9,000 a month",
        GCP_BUDGET,
        {GCP_BUDGET: sets("amount", to={"specifiedAmount": {"units": "9000"}})},
    ),
    Unready(
        "pools-within-quota",
        "prod-aws",
        "quota L-DB2E81BA, of which the pools need 512",
        AWS_POOL,
        settings={"granted": ["L-DB2E81BA=128"]},
    ),
]


def made(unready: Unready) -> tuple[list[AnalyzedResource], set[str]]:
    """The environment after the change, and the URNs that may be spoken of."""
    after, meant = [], set()
    for each in registered(unready.environment):
        key = (last(each.type), each.name)
        if key == unready.about:
            meant.add(each.urn)
        if key[0] not in unready.without or each.type.startswith("stanchion:"):
            after.append(each)
    new = [resource(manifest) for manifest in unready.adds]
    return [*after, *new], meant or {each.urn for each in new}


@cache
def shown(environment: str) -> dict[str, PolicyResource]:
    """The environment as policies see it, by URN; made once."""
    return {each.urn: seen(each) for each in registered(environment)}


def as_seen(unready: Unready, each: AnalyzedResource) -> PolicyResource:
    """A resource as the policy sees it after the change."""
    known = shown(unready.environment)
    change = (unready.changes or {}).get((last(each.type), each.name))
    if change is None:
        return copy.copy(known[each.urn]) if each.urn in known else seen(each)
    inputs = copy.deepcopy(inputs_of(each))
    change(inputs)
    return seen(each, inputs)


def said(
    policy: str, resources: list[PolicyResource], settings: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What the policy says under the environment's settings and some more."""
    configured = LEVELS[policy]
    level = {} if isinstance(configured, str) else configured
    told, undecided = judged(BY_NAME[policy], {**level, **settings}, resources)
    assert not undecided
    return told


@cache
def said_before(policy: str, environment: str) -> list[tuple[str, str]]:
    resources = linked(map(copy.copy, shown(environment).values()), registered(environment))
    return said(policy, resources, {})


@pytest.mark.parametrize("unready", UNREADY, ids=str)
def test_the_policy_says_what_is_wrong_with_what(unready: Unready) -> None:
    after, meant = made(unready)
    resources = linked([as_seen(unready, each) for each in after], after)
    told = said(unready.policy, resources, unready.settings or {})
    assert {urn for urn, _ in told} == meant
    assert any(unready.told in message for _, message in told), told
    assert not said_before(unready.policy, unready.environment)
