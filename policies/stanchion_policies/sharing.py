"""Lets the policies of one question share what they are asked about.

The runtime translates the resources of a question anew for every policy of the pack: of the time
that the pack takes, nearly all. Policies only read, so one translation serves them all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from types import SimpleNamespace
from typing import Any

from google.protobuf import json_format
from pulumi_policy import policy as runtime

from stanchion_policies.kubernetes import Resource
from stanchion_policies.running import Judged

_asked = threading.local()
"""`answers`, while a question is answered in this thread: what was translated from what."""


def share_translations() -> None:
    """Make the runtime translate each resource once a question, from now on."""
    servicer = runtime._PolicyAnalyzerServicer
    for method in ("Analyze", "AnalyzeStack"):
        setattr(servicer, method, _question(getattr(servicer, method)))
    for step in ("deserialize_properties", "unknown_checking_proxy"):
        setattr(runtime, step, _once(getattr(runtime, step)))
    once_read = {**vars(json_format), "MessageToDict": _once(json_format.MessageToDict)}
    setattr(runtime, "json_format", SimpleNamespace(**once_read))  # noqa: B010  not typed as one


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
