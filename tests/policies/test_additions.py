"""What our production environments do not have yet, added unready: its policy says what is wrong.

What they have is broken in `test_own_platform`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from policies.conftest import PACK
from policies.in_process import judged, linked, seen
from policies.manifests import Manifest, resource
from policies.own_environment import registered
from pulumi_policy.policy import PolicyResource
from stanchion_policies import RULES

LEVELS = json.loads((PACK / "environments" / "prod.json").read_text())
RBAC = "rbac.authorization.k8s.io"
BY_NAME = {rule.name: rule for rule in RULES}


@dataclass(frozen=True)
class Addition:
    """Something that is added to an environment, and what is to be said.

    Attributes:
        policy: The policy that is to see it.
        told: A part of what it says.
        manifest: What is added.
        about: Names of the Pulumi resources that it says it about; what is added where empty.
        settings: Settings beside those of the environment.
    """

    policy: str
    told: str
    manifest: Manifest | None = None
    about: frozenset[str] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.policy}: {self.told}"


def added(kind: str, api: str, **spec: Any) -> Manifest:
    """An object in the model service's namespace."""
    metadata = {"name": "added", "namespace": "demo"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def rollout(**canary: Any) -> Manifest:
    return added("Rollout", "argoproj.io/v1alpha1", strategy={"canary": canary})


def scaled(query: str, minimum: int = 1) -> Manifest:
    """An autoscaler of the model service by a query."""
    trigger = {"type": "prometheus", "metadata": {"query": query}}
    return added(
        "ScaledObject",
        "keda.sh/v1alpha1",
        scaleTargetRef={"name": "wine"},
        minReplicaCount=minimum,
        triggers=[trigger],
    )


def alert(query: str, **annotations: str) -> Manifest:
    rule = {"alert": "Slow", "expr": query, "annotations": annotations}
    return added(
        "PrometheusRule", "monitoring.coreos.com/v1", groups=[{"name": "added", "rules": [rule]}]
    )


def role(resource: str, verb: str, group: str = "") -> Manifest:
    """A role with one right."""
    rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
    return {**added("ClusterRole", f"{RBAC}/v1"), "rules": [rule]}


def store(**persistence: Any) -> Manifest:
    services = {"onlineStore": {"persistence": persistence}}
    return added("FeatureStore", "feast.dev/v1alpha1", services=services)


ADDITIONS = [
    Addition("rollout-analysed", "no analysis", rollout(steps=[{"setWeight": 5}])),
    Addition("canary-differs", "one Service", rollout(canaryService="a", stableService="a")),
    Addition("query-exported", "nobody is known to export", scaled("sum(wine_waiting)")),
    Addition("query-exported", "label code", alert('model_server_requests_total{code="5"}')),
    Addition("query-exported", "leaves out by default", alert("DCGM_FI_DEV_RETIRED_DBE > 0")),
    Addition("scale-from-zero-signal", "none do", scaled("sum(model_server_in_flight)", 0)),
    Addition("alert-runbook", "no annotations.runbook_url", alert("up == 0")),
    Addition("alert-runbook", "no file", alert("up == 0", runbook_url="docs/runbooks/none.md")),
    Addition("rbac-not-everything", "allows all verbs", role("*", "*", "*")),
    Addition("rbac-no-wildcards", "rules[0]", role("*", "get")),
    Addition("rbac-no-secrets-read", "rules[0] grants get on secrets", role("secrets", "get")),
    Addition("rbac-no-exec", "create on pods/exec", role("pods/exec", "create")),
    Addition("rbac-no-escalation", "escalate on roles", role("roles", "escalate", RBAC)),
    Addition("rbac-no-impersonation", "impersonate on users", role("users", "impersonate")),
    Addition("rbac-no-binding", "create on rolebindings", role("rolebindings", "create", RBAC)),
    Addition("rbac-no-pod-creation", "create on pods", role("pods", "create")),
    Addition("rbac-no-token-creation", "token", role("serviceaccounts/token", "create")),
    Addition(
        "rbac-no-certificate-approval",
        "approval",
        role("certificatesigningrequests/approval", "update", "certificates.k8s.io"),
    ),
    Addition(
        "rbac-no-webhook-control",
        "webhookconfigurations",
        role("validatingwebhookconfigurations", "update", "admissionregistration.k8s.io"),
    ),
    Addition("workload-has-controller", "a Pod of its own", added("Pod", "v1")),
    Addition("stateful-set-service", "serviceName", added("StatefulSet", "apps/v1")),
    Addition(
        "queue-leads-to-nodes",
        "nodeLabels",
        added("ResourceFlavor", "kueue.x-k8s.io/v1beta2", nodeLabels={"pool": "none"}),
    ),
    Addition("feature-store-durable", "onlineStore", store(file={"path": "online.db"})),
]
IN_ONE_CLOUD = {
    "prod-aws": [
        Addition(
            "pools-within-quota",
            "quota L-DB2E81BA, of which the pools need 512",
            about=frozenset({"pool-l4-pool"}),
            settings={"granted": ["L-DB2E81BA=128"]},
        )
    ],
    "prod-gcp": [
        Addition(
            "pools-within-quota",
            "quota NVIDIA_L4_GPUS, of which the pools need 8",
            about=frozenset({"pool-l4-on-demand"}),
            settings={"granted": ["NVIDIA_L4_GPUS=4"]},
        )
    ],
}
ALL = [
    (environment, addition)
    for environment, own in IN_ONE_CLOUD.items()
    for addition in (*ADDITIONS, *own)
]


@cache
def shown(environment: str) -> tuple[PolicyResource, ...]:
    """The environment as policies see it; made once."""
    return tuple(map(seen, registered(environment)))


def said(environment: str, addition: Addition, *, before: bool) -> list[tuple[str, str]]:
    """What the policy says with the addition or without it, by URN."""
    configured = LEVELS[addition.policy]
    level = {} if isinstance(configured, str) else configured
    settings = level if before else {**level, **addition.settings}
    new = [] if before or addition.manifest is None else [resource(addition.manifest)]
    resources = [*map(copy.copy, shown(environment)), *map(seen, new)]
    told, undecided = judged(
        BY_NAME[addition.policy], settings, linked(resources, [*registered(environment), *new])
    )
    assert not undecided
    return told


@pytest.mark.parametrize(("environment", "addition"), ALL, ids=str)
def test_the_policy_says_what_is_wrong_with_the_addition(
    environment: str, addition: Addition
) -> None:
    told = said(environment, addition, before=False)
    names = {urn.rpartition("::")[2] for urn, _ in told}
    if addition.manifest is not None:
        assert names == {resource(addition.manifest).name}
    else:
        assert names == addition.about
    assert any(addition.told in message for _, message in told), told
    assert not said(environment, addition, before=True)
