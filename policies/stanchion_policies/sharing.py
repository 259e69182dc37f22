"""Lets the policies of one question share the work that the runtime does for each of them.

The runtime translates the resources of a question anew for every policy of the pack, and of a stack
it makes every resource anew: of the time that the pack takes, nearly all. Policies only read, so
one translation serves them all, and those that look at no such resource are not asked.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from types import SimpleNamespace
from typing import Any

from google.protobuf import json_format
from pulumi_policy import Policy, StackValidationPolicy
from pulumi_policy import policy as runtime

from stanchion_policies.jobs_made import MAKERS
from stanchion_policies.kubernetes import Resource
from stanchion_policies.rules import Rule
from stanchion_policies.running import Judged

_POLICIES = "_PolicyAnalyzerServicer__policies"
_asked = threading.local()
"""`answers`, while a question is answered in this thread: what was translated from what."""


def share_work(rules: Iterable[Rule]) -> None:
    """Make the runtime do its work once a question, from now on, for policies of these rules."""
    kinds = {rule.name: rule.kinds for rule in rules}
    servicer = runtime._PolicyAnalyzerServicer
    for method, fewer in (
        ("Analyze", _asking_whom_it_concerns(servicer.Analyze, kinds)),
        ("Remediate", _asking_whom_it_concerns(servicer.Remediate, kinds)),
        ("AnalyzeStack", _making_resources_once(servicer.AnalyzeStack)),
    ):
        setattr(servicer, method, _question(fewer))
    for step in ("deserialize_properties", "unknown_checking_proxy"):
        setattr(runtime, step, _once(getattr(runtime, step)))
    once_read = {**vars(json_format), "MessageToDict": _once(json_format.MessageToDict)}
    setattr(runtime, "json_format", SimpleNamespace(**once_read))  # noqa: B010  not typed as one


def _asking_whom_it_concerns(
    answer: Callable[..., Any], kinds: Mapping[str, frozenset[str]]
) -> Callable[..., Any]:
    """`answer`, for the policies alone that look at resources of the type asked about."""

    @wraps(answer)
    def answering(servicer: Any, request: Any, context: Any) -> Any:
        policies = [
            policy
            for policy in getattr(servicer, _POLICIES)
            if policy.name not in kinds or _concerns(kinds[policy.name], request.type)
        ]
        return answer(_with(servicer, policies), request, context)

    return answering


def _concerns(kinds: frozenset[str], token: str) -> bool:
    kind = token.rpartition(":")[2]
    # A List is of the kinds of what is in it.
    makes_jobs = kind in MAKERS and "Job" in kinds
    return token in kinds or kind in kinds or kind.endswith("List") or makes_jobs


def _making_resources_once(answer: Callable[..., Any]) -> Callable[..., Any]:
    """`answer`, where the first policy alone is given the resources: the rest judge the same."""

    @wraps(answer)
    def answering(servicer: Any, request: Any, context: Any) -> Any:
        asked = [
            policy
            for policy in getattr(servicer, _POLICIES)
            if isinstance(policy, StackValidationPolicy)
            and servicer._get_enforcement_level(policy) != runtime.EnforcementLevel.DISABLED
        ]
        response = answer(_with(servicer, asked[:1]), request, context)
        response.MergeFrom(answer(_with(servicer, asked[1:]), type(request)(), context))
        return response

    return answering


def _with(servicer: Any, policies: Sequence[Policy]) -> Any:
    """The servicer as it is, but for its policies."""
    other = copy.copy(servicer)
    setattr(other, _POLICIES, policies)
    return other


def judged_together(resources: Sequence[Resource]) -> Judged:
    """The resources that a question is about, for its next policy.

    The runtime makes them anew for each policy of a question, of the same translations: those of
    the first serve all.
    """
    answers: dict[Any, Any] = getattr(_asked, "answers", {})
    judged: Judged = answers.setdefault(Judged, Judged(resources))
    return judged


def _question(answer: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(answer)
    def answering(*args: Any) -> Any:
        _asked.answers = {}
        try:
            return answer(*args)
        finally:
            del _asked.answers

    return answering


def _once(translate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(translate)
    def translated(source: Any, *options: Any) -> Any:
        answers = getattr(_asked, "answers", None)
        if answers is None or options:
            return translate(source, *options)
        key = (translate, id(source))
        if key not in answers:
            answers[key] = (translate(source), source)  # held, so that its id stays its own
        return answers[key][0]

    return translated
