"""A malformed object may set off any policy and leave it undecided, but crashes none.

Every field of a compliant service is replaced by values of the wrong shape in turn. Checks run in
this process, on the proxies that the runtime makes, because there are thousands of runs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from policies.cases.ray import ray_job
from policies.in_process import seen
from policies.manifests import UNKNOWN, Manifest, put, resource
from policies.test_mutations import Path, compliant
from pulumi_policy.policy import PolicyResource
from stanchion_policies import RULES
from stanchion_policies.rules import Settings
from stanchion_policies.running import Judged, Run

WRONG: list[Any] = [None, "text", 7.5, True, [None], ["text"], {"a": None}, UNKNOWN]


def paths(body: Any, *above: str | int) -> Iterator[Path]:
    """Every path below a body."""
    below = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in below:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from paths(value, *above, key)


def made(whole: Manifest, body: Manifest) -> PolicyResource:
    """The resource of `whole` with the properties of `body`, as a policy sees it."""
    return seen(resource(whole), copy.deepcopy(body))


def malformed(whole: Manifest, path: Path, value: Any) -> Manifest:
    """A copy with the value at the path replaced."""
    body = copy.deepcopy(whole)
    put(body, path, value)
    return body


def run(subject: PolicyResource, others: list[PolicyResource]) -> None:
    """Run rules on the subject, those that see the stack on it among the others."""
    alone, together = Judged([subject]), Judged([subject, *others])
    for rule in RULES:
        Run(rule, Settings(rule.settings or {}, {}), ignore).over(
            together if rule.sees_stack else alone
        )


def ignore(_message: str, _urn: str) -> None:
    """Violations are welcome here."""


@pytest.mark.parametrize("kind", compliant())
def test_no_policy_crashes_on_a_malformed_object(kind: str) -> None:
    objects = compliant()
    whole = objects.pop(kind)
    others = [made(body, body) for body in objects.values()]
    for path in paths(whole):
        if path in {("apiVersion",), ("kind",)}:
            continue  # they make the type token, which is not the object's to malform
        for value in WRONG:
            run(made(whole, malformed(whole, path, value)), others)


def test_no_policy_crashes_on_a_malformed_ray_job() -> None:
    whole = ray_job(submitterPodTemplate={"spec": {}})
    for path in paths(whole):
        if path in {("apiVersion",), ("kind",)}:
            continue
        for value in WRONG:
            run(made(whole, malformed(whole, path, value)), [])
