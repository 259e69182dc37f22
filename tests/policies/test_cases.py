"""Every policy against its passing, failing and undecidable cases, over the real protocol."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from policies.cases.all import ALL
from policies.cases.case import Case, Verdict
from policies.conftest import Packs
from stanchion_cli.policies import Finding, PolicyPack

Config = dict[str, Any]


def configurations() -> dict[str, Config]:
    """A configuration for each case, shared by cases that do not contradict each other."""
    variants: dict[str, list[Config]] = defaultdict(lambda: [{}])
    for case in ALL:
        if dict(case.settings) not in variants[case.policy]:
            variants[case.policy].append(dict(case.settings))
    shared = [
        {"all": "mandatory"}
        | {name: given[slot] for name, given in variants.items() if slot < len(given)}
        for slot in range(max(map(len, variants.values())))
    ]
    return {str(case): shared[variants[case.policy].index(dict(case.settings))] for case in ALL}


CONFIGURATIONS = configurations()


def ask(pack: PolicyPack, case: Case) -> list[Finding]:
    resources = case.resources
    kinds = {policy.name: policy.kind for policy in pack.policies()}
    if kinds[case.policy] == "stack":
        return pack.analyze_stack(resources)
    return pack.analyze_all(resources)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_case(case: Case, packs: Packs) -> None:
    pack = packs(CONFIGURATIONS[str(case)])
    found = [finding for finding in ask(pack, case) if finding.policy == case.policy]
    violations = [finding.message for finding in found if not finding.undecided]
    unknown = [finding.message for finding in found if finding.undecided]
    if case.verdict is Verdict.FAILS:
        assert violations, "no violation was found"
    else:
        assert not violations
    assert bool(unknown) == (case.verdict is Verdict.UNDECIDED), unknown
