"""Our production environments in either cloud, broken: each policy sees it and names it."""

from __future__ import annotations

import copy
import json
from functools import cache

import pytest
from policies.cloud_mutations import MUTATIONS, Mutation
from policies.conftest import PACK
from policies.in_process import inputs_of, judged, linked, seen
from policies.manifests import put
from policies.own_environment import deployed, registered
from pulumi_policy.policy import PolicyResource
from stanchion_cli.policies import AnalyzedResource
from stanchion_policies import RULES

ENVIRONMENTS = ("prod-aws", "prod-gcp")
LEVELS = json.loads((PACK / "environments" / "prod.json").read_text())
BY_NAME = {rule.name: rule for rule in RULES}
OURS = {name for name in BY_NAME if name.startswith(("aws-", "gcp-", "karpenter-"))}
NOT_OURS = {
    "aws-iam-no-access-keys",
    "aws-iam-rights-by-group",
    "aws-load-balancer-tls",
    "aws-network-acl-no-administration",
    "aws-no-default-vpc",
    "gcp-iam-no-account-keys",
    "gcp-no-public-addresses",
}
"""Policies about what we make none of, so that there is nothing of ours to look at."""


@cache
def shown(environment: str) -> dict[str, PolicyResource]:
    """The environment as policies see it, by URN; made once."""
    return {each.urn: seen(each) for each in registered(environment)}


def named(environment: str, name: str) -> AnalyzedResource:
    """The resource of a provider that has that Pulumi name."""
    (found,) = [r for r in registered(environment) if r.name == name and "::pulumi:" not in r.urn]
    return found


def broken(mutation: Mutation) -> list[PolicyResource]:
    """The environment after a mutation."""
    resources = dict(shown(mutation.environment))
    for name, changes in mutation.changes.items():
        target = named(mutation.environment, name)
        inputs = copy.deepcopy(inputs_of(target))
        for path, value in changes.items():
            put(inputs, path, value)
        resources[target.urn] = seen(target, inputs)
    for name in mutation.without:
        del resources[named(mutation.environment, name).urn]
    if mutation.added is not None:
        resources[mutation.added.urn] = seen(mutation.added)
    return linked(map(copy.copy, resources.values()), registered(mutation.environment))


def outcome(
    policy: str, resources: list[PolicyResource]
) -> tuple[list[tuple[str, str]], list[str]]:
    """What a policy says with its settings in prod, and what it could not decide."""
    configured = LEVELS[policy]
    return judged(BY_NAME[policy], {} if isinstance(configured, str) else configured, resources)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_what_a_policy_forbids_is_seen_and_named(mutation: Mutation) -> None:
    told, _ = outcome(mutation.policy, broken(mutation))
    assert {urn.rpartition("::")[2] for urn, _ in told} == {mutation.about}, told
    assert any(mutation.told in message for _, message in told), told


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_as_it_is_nothing_is_said_of_production(environment: str) -> None:
    whole = linked(shown(environment).values(), registered(environment))
    told = {name: outcome(name, whole)[0] for name in OURS if LEVELS[name] != "disabled"}
    assert {name: messages for name, messages in told.items() if messages} == {}


def test_what_waits_for_a_deployment_has_nothing_said_of_it_then_either() -> None:
    made = deployed("prod-aws")
    whole = linked(map(seen, made), made)
    for policy in sorted(name for name in OURS if BY_NAME[name].may_wait):
        assert outcome(policy, whole) == ([], []), policy


def test_every_policy_that_is_on_is_tried() -> None:
    assert {mutation.policy for mutation in MUTATIONS} == {
        name for name in OURS if LEVELS[name] != "disabled"
    }


def test_every_policy_looks_at_something_of_ours() -> None:
    types = {resource.type for environment in ENVIRONMENTS for resource in registered(environment)}
    met = types | {each.rpartition(":")[2] for each in types if each.startswith("kubernetes:")}
    assert {name for name in OURS if met.isdisjoint(BY_NAME[name].kinds)} == NOT_OURS
