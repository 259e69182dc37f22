"""Our production environments, broken one field at a time: each policy sees it and names it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache

import pytest
from policies.conftest import PACK
from policies.in_process import inputs_of, judged, linked, seen
from policies.manifests import put
from policies.mutations import objects, pods, services
from policies.mutations.mutation import Mutation
from policies.own_environment import registered
from policies.test_additions import ALL as ADDITIONS
from pulumi_policy.policy import PolicyResource
from stanchion_cli.policies import AnalyzedResource
from stanchion_policies import RULES
from stanchion_policies.rules import Rule

ENVIRONMENTS = ("prod-aws", "prod-gcp")
LEVELS = json.loads((PACK / "environments" / "prod.json").read_text())
BY_NAME = {rule.name: rule for rule in RULES}
MUTATIONS = [*pods.MUTATIONS, *objects.MUTATIONS, *services.MUTATIONS]
OF_CLOUDS = ("aws-", "gcp-", "karpenter-")
"""How the policies begin whose resources `test_cloud_mutations` breaks."""

NOT_MET = {
    "image-registry": "prod names no registries, each tenant has its own",
    "gpu-pool-idle": "prod may keep GPUs warm",
    "queue-within-pools": "we declare no queue",
    "ray-job-ends-its-cluster": "prod has no RayJob",
    "ray-closed": "prod has no RayJob",
    "ray-head-stays": "prod has no RayJob",
    "route-backend-exists": "prod has no Gateway, and so no routes",
}
"""Policies that nothing in prod can violate yet, and why."""


@cache
def shown(environment: str) -> dict[str, PolicyResource]:
    """The environment as policies see it, by URN; made once."""
    return {each.urn: seen(each) for each in registered(environment)}


def found(environment: str, kind: str, name: str) -> AnalyzedResource | None:
    """The Kubernetes object of that kind and name, or the resource of that type."""
    for each in registered(environment):
        own = _kind(each.type) if each.type.startswith("kubernetes:") else each.type
        if own == kind and (not name or name == inputs_of(each)["metadata"]["name"]):
            return each
    return None


def _kind(type_token: str) -> str:
    return type_token.rpartition(":")[2]


def broken(environment: str, mutation: Mutation) -> tuple[AnalyzedResource, list[PolicyResource]]:
    """The object that a mutation is about, and the environment after it."""
    target = found(environment, mutation.kind, mutation.name)
    assert target is not None
    inputs = copy.deepcopy(inputs_of(target))
    for path, value in mutation.changes.items():
        if path:
            put(inputs, path, value)
    resources = dict(shown(environment))
    token = mutation.type_token or target.type
    ignored = () if mutation.heeded else target.ignore_changes
    made = replace(target, type=token, ignore_changes=ignored)
    resources[target.urn] = seen(made, inputs)
    namespace = inputs.get("metadata", {}).get("namespace")
    for urn, each in shown(environment).items():
        beside = each.props["metadata"].get("namespace") if "metadata" in each.props else namespace
        if _kind(each.resource_type) in mutation.without and beside == namespace:
            del resources[urn]
    return target, linked(map(copy.copy, resources.values()), registered(environment))


def said(rule: Rule, resources: list[PolicyResource]) -> list[tuple[str, str]]:
    configured = LEVELS[rule.name]
    return judged(rule, {} if isinstance(configured, str) else configured, resources)[0]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_broken_field_is_seen_and_named(mutation: Mutation, environment: str) -> None:
    if found(environment, mutation.kind, mutation.name) is None:
        pytest.skip(f"{environment} has no {mutation.kind} {mutation.name}")
    rule = BY_NAME[mutation.policy]
    target, resources = broken(environment, mutation)
    before = said(rule, linked(shown(environment).values(), registered(environment)))
    told = [each for each in said(rule, resources) if each not in before]
    assert any(mutation.told in message for _, message in told), told
    for urn, _ in told:
        assert _kind(urn.split("::")[2]) == mutation.about if mutation.about else urn == target.urn


def test_every_policy_of_prod_is_tried_or_has_nothing_to_meet() -> None:
    enabled = {name for name, level in LEVELS.items() if level != "disabled"}
    own = {name for name in enabled if not name.startswith(OF_CLOUDS)}
    added = {addition.policy for _, addition in ADDITIONS}
    tried = added | {mutation.policy for mutation in MUTATIONS}
    assert tried.isdisjoint(NOT_MET)
    assert own == (own & tried) | NOT_MET.keys()


def test_every_mutation_has_its_object_in_one_of_the_environments() -> None:
    for mutation in MUTATIONS:
        assert any(found(each, mutation.kind, mutation.name) for each in ENVIRONMENTS), mutation
