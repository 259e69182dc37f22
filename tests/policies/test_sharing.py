"""What the policies of one question share, and what they must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pulumi.runtime.proto.analyzer_pb2 import (
    AnalyzeDiagnostic,
    AnalyzeRequest,
    AnalyzeResponse,
    AnalyzerResource,
    AnalyzeStackRequest,
)
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ResourceValidationPolicy,
    StackValidationPolicy,
)
from stanchion_policies.sharing import (
    _POLICIES,
    _asking_whom_it_concerns,
    _making_resources_once,
    _once,
    _question,
    judged_together,
)


class Translator:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, source: list[int], *_options: bool) -> list[int]:
        self.asked += 1
        return [*source]


def _answering(translate: Callable[..., object], *sources: list[int]) -> list[object]:
    answer = _question(lambda: [translate(source) for source in sources])
    answered: list[object] = answer()
    return answered


def test_a_resource_is_translated_once_a_question() -> None:
    translator, source = Translator(), [1]
    first, second = _answering(_once(translator), source, source)
    assert first is second
    assert translator.asked == 1


def test_equal_resources_are_not_one() -> None:
    translator = Translator()
    first, second = _answering(_once(translator), [1], [1])
    assert first == second
    assert first is not second


def test_nothing_is_remembered_from_one_question_to_the_next() -> None:
    translator, source = Translator(), [1]
    translate = _once(translator)
    (before,) = _answering(translate, source)
    source.append(2)
    (after,) = _answering(translate, source)
    assert (before, after) == ([1], [1, 2])


def test_a_question_that_fails_is_forgotten_too() -> None:
    translator, source = Translator(), [1]
    translate = _once(translator)

    def fail() -> None:
        translate(source)
        raise LookupError

    try:
        _question(fail)()
    except LookupError:
        translate(source)
    assert translator.asked == 2


def test_a_translation_with_options_of_its_own_is_its_own() -> None:
    translator, source = Translator(), [1]
    translate = _once(translator)
    _question(lambda: [translate(source), translate(source, True)])()
    assert translator.asked == 2


def test_policies_of_one_question_judge_the_same_objects() -> None:
    first, second = _question(lambda: [judged_together([]), judged_together([])])()
    (later,) = _question(lambda: [judged_together([])])()
    assert first is second
    assert later is not first


def test_what_is_asked_outside_a_question_is_not_shared() -> None:
    assert judged_together([]) is not judged_together([])


class Servicer:
    """Stands for the runtime's: answers with the policies it has and the resources it is given."""

    def __init__(self, *policies: Policy) -> None:
        setattr(self, _POLICIES, policies)

    def answer(self, request: AnalyzeStackRequest, _context: None) -> AnalyzeResponse:
        return AnalyzeResponse(
            diagnostics=[
                AnalyzeDiagnostic(policyName=policy.name, message=str(len(request.resources)))
                for policy in getattr(self, _POLICIES)
            ]
        )

    def _get_enforcement_level(self, policy: Policy) -> EnforcementLevel:
        return policy.enforcement_level or EnforcementLevel.MANDATORY


def _said(response: AnalyzeResponse) -> dict[str, str]:
    return {each.policyName: each.message for each in response.diagnostics}


def test_resources_of_a_stack_are_made_once_for_the_first_policy_that_is_not_disabled() -> None:
    def policy(name: str, **options: Any) -> Policy:
        return StackValidationPolicy(name, "Looks.", lambda *_: None, **options)

    servicer = Servicer(
        policy("off", enforcement_level=EnforcementLevel.DISABLED), *map(policy, "abc")
    )
    request = AnalyzeStackRequest(resources=[AnalyzerResource(), AnalyzerResource()])
    answering = _making_resources_once(Servicer.answer)
    assert _said(answering(servicer, request, None)) == {"a": "2", "b": "0", "c": "0"}


@pytest.mark.parametrize(
    ("token", "asked"),
    [
        ("kubernetes:apps/v1:Deployment", {"workloads", "foreign"}),
        ("kubernetes:apps/v1:DeploymentList", {"workloads", "buckets", "foreign"}),
        ("aws:s3/bucket:Bucket", {"buckets", "foreign"}),
        ("random:index/randomId:RandomId", {"foreign"}),
    ],
)
def test_a_policy_is_asked_about_resources_that_it_may_look_at(token: str, asked: set[str]) -> None:
    kinds = {
        "workloads": frozenset({"Deployment", "Job"}),
        "buckets": frozenset({"aws:s3/bucket:Bucket"}),
    }
    servicer = Servicer(
        *(ResourceValidationPolicy(name, "Looks.", lambda *_: None) for name in (*kinds, "foreign"))
    )
    answering = _asking_whom_it_concerns(
        lambda servicer, *_: {policy.name for policy in getattr(servicer, _POLICIES)}, kinds
    )
    assert answering(servicer, AnalyzeRequest(type=token), None) == asked
