"""Exemptions: what they cover, over the real protocol, and every way in which one is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from policies.conftest import Packs
from policies.manifests import DROP, UNKNOWN, budget, resource, workload
from pulumi_policy import ResourceValidationArgs, ResourceValidationPolicy
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import unknown_checking_proxy
from stanchion_cli.errors import Exit, InputError
from stanchion_cli.policies import Exemption, Finding, read_config
from stanchion_policies import RULES
from stanchion_policies.exemptions import Exemption as Setting
from stanchion_policies.pack import ExemptionError, policies

ENTRY = {
    "object": "Deployment growth/churn",
    "reason": "its vendor's image needs it until 2.0",
    "owner": "team-growth",
    "expires": "2999-12-31",
}
POLICY, STACK_POLICY, CRITICAL = "pod-seccomp", "disruption-budget-exists", "pod-not-privileged"
BARE = {"securityContext": {"seccompProfile": DROP}}


def configured(policy: str, *entries: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "all": "disabled",
        policy: {"enforcementLevel": "mandatory", "exemptions": [*entries]},
    }


def seen(found: list[Finding]) -> list[tuple[str, bool, bool]]:
    """Each finding's object, and whether it is undecided and exempted."""
    return [(f.message.partition(":")[0], f.undecided, f.exemption is not None) for f in found]


def test_an_exempted_violation_is_told_as_that_and_with_who_answers_for_it(packs: Packs) -> None:
    pack = packs(configured(POLICY, ENTRY))
    (finding,) = pack.analyze(resource(workload(pod=BARE)))
    assert finding.exemption == Exemption(policy=POLICY, **ENTRY)
    assert finding.message.startswith("Deployment growth/churn: container 'server'")


def test_another_object_is_not_exempt(packs: Packs) -> None:
    pack = packs(configured(POLICY, ENTRY))
    for other in (
        workload("StatefulSet", pod=BARE),
        workload(name="churn-2", pod=BARE),
        workload(metadata={"namespace": "other"}, pod=BARE),
    ):
        (finding,) = pack.analyze(resource(other))
        assert finding.exemption is None


def test_a_stack_policy_takes_them_too_object_by_object(packs: Packs) -> None:
    pack = packs(configured(STACK_POLICY, ENTRY))
    three = {"replicas": 3}
    found = pack.analyze_stack(
        [resource(workload(spec=three)), resource(workload(name="other", spec=three))]
    )
    assert sorted(seen(found)) == [
        ("Deployment growth/churn", False, True),
        ("Deployment growth/other", False, False),
    ]


def test_exempted_and_undecided_objects_come_in_one_answer(packs: Packs) -> None:
    pack = packs(configured("disruption-budget-permits-eviction", ENTRY | {"object": BUDGET}))
    wrong = budget(spec={"maxUnavailable": 0})
    unknown = budget(metadata={"name": "later"}, spec={"maxUnavailable": UNKNOWN})
    found = pack.analyze_stack([resource(wrong), resource(unknown)])
    assert sorted(seen(found)) == [
        (BUDGET, False, True),
        ("PodDisruptionBudget growth/later", True, False),
    ]


BUDGET = "PodDisruptionBudget growth/churn"


def test_an_exempted_object_need_not_be_decided(packs: Packs) -> None:
    pack = packs(configured("disruption-budget-permits-eviction", ENTRY | {"object": BUDGET}))
    found = pack.analyze_stack([resource(budget(spec={"maxUnavailable": UNKNOWN}))])
    assert seen(found) == [(BUDGET, False, True)]


@pytest.mark.parametrize(
    ("pattern", "title", "covered"),
    [
        ("Deployment growth/churn", "Deployment growth/churn", True),
        ("Deployment growth/churn-*", "Deployment growth/churn-canary", True),
        ("Deployment growth/churn-*", "Deployment growth/churn", False),
        ("Deployment growth/churn-?", "Deployment growth/churn-2", False),
        ("Deployment growth/[a-z]hurn", "Deployment growth/churn", False),
        ("Deployment growth/churn", "Deployment churn", False),
        ("Deployment churn", "Deployment growth/churn", False),
        ("Bucket models", "Bucket models", True),
        ("Bucket mod*", "Bucket models", True),
    ],
)
def test_a_star_stands_for_anything_in_the_name_alone(
    pattern: str, title: str, covered: bool
) -> None:
    assert Setting.read(ENTRY | {"object": pattern}).covers(title) is covered


def test_it_holds_through_its_last_day() -> None:
    exemption = Setting.read(ENTRY | {"expires": "2027-01-31"})
    assert not exemption.expired(date(2027, 1, 31))
    assert exemption.expired(date(2027, 2, 1))


def with_file(directory: Path, name: str, config: Mapping[str, Any]) -> Path:
    path = directory / f"{name}.json"
    path.write_text(json.dumps(config))
    return path


MISTAKES: list[tuple[Any, str]] = [
    ({k: v for k, v in ENTRY.items() if k != "reason"}, "exemptions[0].reason: is missing"),
    ({k: v for k, v in ENTRY.items() if k != "owner"}, "exemptions[0].owner: is missing"),
    ({k: v for k, v in ENTRY.items() if k != "expires"}, "exemptions[0].expires: is missing"),
    (ENTRY | {"reason": " "}, "exemptions[0].reason: is missing"),
    (ENTRY | {"until": "2027"}, "exemptions[0].until: no such key"),
    (ENTRY | {"expires": "31.1.2027"}, "exemptions[0].expires: '31.1.2027' is not its last day"),
    (ENTRY | {"expires": "20270131"}, "exemptions[0].expires: '20270131' is not its last day"),
    (ENTRY | {"expires": 20270131}, "exemptions[0].expires: is missing"),
    (ENTRY | {"object": "churn"}, "exemptions[0].object: 'churn' is not the object"),
    (ENTRY | {"object": "Deployment growth/*"}, "exemptions[0].object: 'Deployment growth/*'"),
    (ENTRY | {"object": "Deployment */churn"}, "exemptions[0].object: 'Deployment */churn'"),
    (ENTRY | {"object": "* growth/churn"}, "exemptions[0].object: '* growth/churn'"),
    (ENTRY | {"expires": "2026-01-31"}, "was exempt until 2026-01-31"),
    ("Deployment growth/churn", "exemptions[0]: expected an object with object, reason"),
]


@pytest.mark.parametrize(("entry", "problem"), MISTAKES, ids=[each for _, each in MISTAKES])
def test_one_that_is_incomplete_or_over_is_bad_input(
    entry: Any, problem: str, packs: Packs, tmp_path: Path
) -> None:
    path = with_file(tmp_path, "dev", {POLICY: {"exemptions": [entry]}})
    with pytest.raises(InputError) as caught:
        read_config(path, packs({}).policies(), today=date(2026, 6, 1))
    assert problem in str(caught.value)
    assert caught.value.exit is Exit.BAD_INPUT


def test_something_else_than_a_list_is_bad_input(packs: Packs, tmp_path: Path) -> None:
    path = with_file(tmp_path, "dev", {POLICY: {"exemptions": ENTRY}})
    with pytest.raises(InputError, match="exemptions: expected array, found dict"):
        read_config(path, packs({}).policies())


def test_prod_has_none_from_a_critical_policy(packs: Packs, tmp_path: Path) -> None:
    config = {CRITICAL: {"exemptions": [ENTRY]}}
    policies = packs({}).policies()
    read_config(with_file(tmp_path, "staging", config), policies)
    with pytest.raises(InputError, match="prod has no exemption from such"):
        read_config(with_file(tmp_path, "prod", config), policies)


def as_the_engine_asks(policy: str, *entries: Mapping[str, Any]) -> list[str]:
    """What the pack reports where nobody has looked at its configuration before."""
    (asked,) = policies(rule for rule in RULES if rule.name == policy)
    assert isinstance(asked, ResourceValidationPolicy)
    body = workload(pod=BARE, server={"securityContext": {"privileged": True}})
    subject = resource(body)
    options: Any = None
    props: Any = unknown_checking_proxy(dict(body))
    args = ResourceValidationArgs(
        subject.type, props, subject.urn, subject.name, options, None, {"exemptions": [*entries]}
    )
    told: list[str] = []

    def report(message: str, _urn: str | None = None) -> None:
        told.append(message)

    asked.validate(args, report)
    return told


def test_under_the_engine_a_violation_is_told_again_after_the_last_day() -> None:
    (message,) = as_the_engine_asks(POLICY, ENTRY | {"expires": "2020-01-31"})
    assert message.endswith("(it was exempt until 2020-01-31, which is over)")


def test_under_the_engine_a_malformed_one_ends_the_run() -> None:
    with pytest.raises(ExemptionError, match=f"policy '{POLICY}': exemptions: owner: is missing"):
        as_the_engine_asks(POLICY, {**ENTRY, "owner": ""})


def test_under_the_engine_too_prod_has_none_from_a_critical_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULUMI_PROJECT", "stanchion")
    monkeypatch.setenv("PULUMI_CONFIG", '{"stanchion:profile": "prod"}')
    with pytest.raises(ExemptionError, match="prod has no exemption"):
        as_the_engine_asks(CRITICAL, ENTRY)
    monkeypatch.setenv("PULUMI_CONFIG", '{"stanchion:profile": "staging"}')
    with pytest.raises(_NotApplicableError) as told:
        as_the_engine_asks(CRITICAL, ENTRY)
    assert "Deployment growth/churn" in str(told.value.reason)
