"""The catalogue as a whole: metadata, cases, configuration files, documentation."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from policies.cases.all import ALL
from policies.cases.case import Verdict
from policies.conftest import PACK, ROOT, Packs
from policies.examples import examples
from stanchion_cli.policies import Level, PolicyInfo, Severity, read_config
from stanchion_cli.policies.config import SCHEMA_KEYWORDS
from stanchion_policies import RULES
from stanchion_policies.reference import pages, updated
from stanchion_policies.rules import Scope

ENVIRONMENTS = sorted((PACK / "environments").glob("*.json"))
PAGES = ROOT / "docs" / "policies"
COMMAND = "run python -m stanchion_policies.reference docs/policies.md"


@pytest.fixture(scope="module")
def catalogue(packs: Packs) -> list[PolicyInfo]:
    return packs({}).policies()


def test_names_are_unique(catalogue: list[PolicyInfo]) -> None:
    assert not [name for name, count in Counter(p.name for p in catalogue).items() if count > 1]


def test_every_policy_has_three_passing_and_three_failing_cases(
    catalogue: list[PolicyInfo],
) -> None:
    count = Counter((case.policy, case.verdict) for case in ALL)
    lacking = [
        (policy.name, verdict)
        for policy in catalogue
        for verdict in (Verdict.PASSES, Verdict.FAILS)
        if count[policy.name, verdict] < 3
    ]
    assert not lacking
    assert {case.policy for case in ALL} == {policy.name for policy in catalogue}


def test_every_policy_says_how_bad_it_is_and_what_to_do(catalogue: list[PolicyInfo]) -> None:
    for policy in catalogue:
        assert policy.severity is not Severity.UNSPECIFIED, policy.name
        assert policy.description.endswith("."), policy.name
        assert policy.remediation.endswith("."), policy.name


def test_a_policy_is_mandatory_until_an_environment_says_otherwise(
    catalogue: list[PolicyInfo],
) -> None:
    assert {policy.level for policy in catalogue} == {Level.MANDATORY}


def test_settings_use_only_the_schema_that_configuration_files_are_checked_with(
    catalogue: list[PolicyInfo],
) -> None:
    for policy in catalogue:
        for schema in policy.schema.values():
            assert set(schema) <= SCHEMA_KEYWORDS, policy.name
            assert "default" in schema, policy.name


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_names_every_policy_and_nothing_else(
    path: Path, catalogue: list[PolicyInfo]
) -> None:
    assert len(read_config(path, catalogue)) == len(catalogue)
    assert list(json.loads(path.read_text())) == [policy.name for policy in catalogue]


def test_environments_grow_stricter(catalogue: list[PolicyInfo]) -> None:
    order = [Level.DISABLED, Level.ADVISORY, Level.REMEDIATE, Level.MANDATORY]
    levels = [
        {policy.name: order.index(policy.level) for policy in read_config(path, catalogue)}
        for path in (PACK / "environments" / f"{name}.json" for name in ("dev", "staging", "prod"))
    ]
    for looser, stricter in pairwise(levels):
        assert not [name for name in looser if looser[name] > stricter[name]]


def test_critical_policies_are_mandatory_everywhere(catalogue: list[PolicyInfo]) -> None:
    for path in ENVIRONMENTS:
        for policy in read_config(path, catalogue):
            if policy.severity is Severity.CRITICAL:
                assert policy.level is Level.MANDATORY, (path.name, policy.name)


def test_a_policy_s_url_is_its_entry_in_the_documentation(catalogue: list[PolicyInfo]) -> None:
    for policy in catalogue:
        page, _, anchor = policy.url.partition("#")
        assert f"\n## {anchor}\n" in (ROOT / page).read_text(), policy.name
        assert anchor == policy.name


def test_the_documentation_is_current() -> None:
    index = ROOT / "docs" / "policies.md"
    written = {str(path.relative_to(ROOT)): path.read_text() for path in PAGES.glob("*.md")}
    assert index.read_text() == updated(index.read_text()), COMMAND
    assert written == pages(examples()), COMMAND


def test_only_what_is_asked_about_again_may_wait_for_the_deployment() -> None:
    for rule in RULES:
        if rule.may_wait:
            assert not rule.sees_stack, rule.name
            assert rule.may_wait.endswith("."), rule.name


def test_remedies_are_for_single_objects() -> None:
    mending = {rule.name: rule.scope for rule in RULES if rule.remedy}
    assert set(mending.values()) == {Scope.OBJECT}
