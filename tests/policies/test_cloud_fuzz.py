"""No resource of a cloud crashes a rule, whatever stands where its rules look.

Each case of a policy is taken, and in each place of it, inside of JSON texts too, something is put
that does not belong there.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from policies.cases.all import ALL
from policies.cases.case import Case, Verdict
from policies.in_process import inputs_of, judged, linked, seen
from policies.manifests import UNKNOWN
from policies.test_malformed import paths
from stanchion_policies import RULES
from stanchion_policies.rules import Rule

WRONG: list[Any] = [
    *(None, True, -1, 7.5, 10**400, -(10**400), float("nan"), float("inf"), UNKNOWN),
    *("", "\x00", "٣", "1" * 5000, "{" * 5000, "*"),
    *([], {}, [None], [[]], [{}], {"": ""}, {"Statement": [None, {"Effect": "Allow"}]}),
]
FOR_EACH = 2
"""As many cases of each verdict are tried for each policy."""

OF_CLOUDS = [
    rule for rule in RULES if rule.name.startswith(("aws-", "gcp-")) and ":" in min(rule.kinds)
]


def tried(rule: Rule) -> Iterator[Case]:
    for verdict in (Verdict.FAILS, Verdict.PASSES):
        own = [case for case in ALL if (case.policy, case.verdict) == (rule.name, verdict)]
        yield from own[:FOR_EACH]


def spoilt(inputs: Any) -> Iterator[Any]:
    """The inputs with something wrong in one of their places."""
    for path in paths(inputs):
        for wrong in WRONG:
            changed = copy.deepcopy(inputs)
            holder: Any = changed
            for step in path[:-1]:
                holder = holder[step]
            held = holder[path[-1]]
            holder[path[-1]] = wrong
            yield changed
        if isinstance(held, str) and held.startswith("{"):
            for inner in spoilt(json.loads(held)):
                holder[path[-1]] = json.dumps(inner)
                yield changed


@pytest.mark.parametrize("rule", OF_CLOUDS, ids=lambda rule: rule.name)
def test_nothing_that_stands_in_a_resource_crashes_a_rule(rule: Rule) -> None:
    for case in tried(rule):
        whole = {each.urn: seen(each) for each in case.resources}
        for each in case.resources:
            for inputs in spoilt(inputs_of(each)):
                resources = {**whole, each.urn: seen(each, inputs)}
                judged(
                    rule, case.settings, linked(map(copy.copy, resources.values()), case.resources)
                )
