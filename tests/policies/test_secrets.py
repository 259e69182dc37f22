"""No message repeats a secret, wherever it stands in a resource.

The resources are those of every policy's own cases, so that each message there is gets made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from policies.cases.all import ALL
from policies.cases.case import Case, Verdict
from policies.conftest import Packs
from policies.in_process import inputs_of, judged, linked, seen
from policies.manifests import UNKNOWN, resource, struct, workload
from stanchion_policies import RULES
from stanchion_policies.rules import Rule

SECRET = "hunter2-Xq7Tz"
HOLDERS = frozenset(
    {
        *("env", "command", "args", "annotations", "data", "stringData", "httpHeaders", "image"),
        *("configurationValues", "query", "expr", "description", "serverAddress", "userData"),
        *("policy", "policyData", "assumeRolePolicy", "publicKeyData", "token", "tags"),
    }
)
"""Keys under which people put secrets, or text that may hold one."""

NAMES = frozenset({"name", "key", "fieldPath"})
"""Keys below them whose values are names."""

Plant = Callable[[str], str]
IN_URLS: Mapping[str, Plant] = {
    "as a user's password": lambda text: f"robot:{SECRET}@{text}",
    "as a password in a URL": lambda text: f"https://robot:{SECRET}@{text}",
}
PLANTS: Mapping[str, Plant] = {
    **IN_URLS,
    "instead": lambda _: SECRET,
    "after": lambda text: f"{text}{SECRET}",
    "before": lambda text: f"{SECRET} {text}",
    "as an option": lambda text: f"{text} --token={SECRET}",
    "as a line": lambda text: f"{text}\npassword: {SECRET}",
}


def planted(value: Any, where: str, holder: str = "") -> Any:
    """A copy of inputs with a secret in every place for one; an image's name is none."""
    if isinstance(value, Mapping):
        return {
            key: item if holder and key in NAMES else planted(item, where, holder or _holder(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [planted(item, where, holder) for item in value]
    plants = IN_URLS if holder == "image" else PLANTS if holder else {}
    if isinstance(value, str) and value != UNKNOWN and where in plants:
        return plants[where](value)
    return copy.copy(value)


def _holder(key: str) -> str:
    return key if key in HOLDERS else ""


def said(rule: Rule, case: Case, where: str) -> list[tuple[str, str]]:
    """What the rule says of a case with secrets in it, undecided objects included."""
    shown = [seen(each, planted(inputs_of(each), where)) for each in case.resources]
    messages, undecided = judged(rule, case.settings, linked(shown, case.resources))
    return [*messages, *((urn, "undecided") for urn in undecided)]


def cases_of(rule: Rule, verdict: Verdict) -> list[Case]:
    return [case for case in ALL if case.policy == rule.name and case.verdict is verdict]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_message_of_a_policy_repeats_a_secret(rule: Rule) -> None:
    for case in cases_of(rule, Verdict.FAILS):
        for where in PLANTS:
            assert SECRET not in repr(said(rule, case, where)), f"{case}: {where}"


def test_the_secrets_are_planted_where_policies_look_for_them() -> None:
    """Else the test above proves nothing."""
    (rule,) = (rule for rule in RULES if rule.name == "no-credentials-in-clear")
    cases = cases_of(rule, Verdict.PASSES)
    assert sum(bool(said(rule, case, "as a line")) for case in cases) > 5


def test_neither_does_the_pack_nor_what_it_logs(packs: Packs) -> None:
    resources = [
        replace(each, properties=struct(planted(inputs_of(each), where)))
        for where in PLANTS
        for case in ALL[:: len(ALL) // 50]
        for each in case.resources
    ]
    by_urn = {each.urn: each for each in resources}
    pack = packs({"all": "mandatory"})
    found = pack.analyze_all(resources) + pack.analyze_stack(list(by_urn.values()))
    assert len(found) > 100
    assert SECRET not in repr(found)
    assert pack._running is not None
    assert SECRET not in str(pack._running._process.error("what it printed"))


def test_a_provider_s_configuration_is_not_repeated(packs: Packs) -> None:
    provider = {"kubeconfig": SECRET, "namespace": "default", "token": SECRET}
    found = packs({"all": "mandatory"}).analyze(resource(workload(), provider=provider))
    assert SECRET not in repr(found)
