"""Scorers of answers: what each sees, and when it has nothing to say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_gates import Scorer
from stanchion_cli.errors import InputError
from stanchion_cli.llm import judging, scorers
from stanchion_cli.llm.evaluating import Measured, read_rows
from stanchion_serving.groundedness import groundedness
from stanchion_serving.prompts import PromptError, digest, filled, variables


def score(name: str, text: str, *, refused: bool = False, **expectations: Any) -> float | None:
    (found,) = scorers.named([name])
    outputs = {"text": text, "seconds": 1.5, "tokens": 7, "refused": refused, "failed": ""}
    value = found(inputs={}, outputs=outputs, expectations=expectations)
    assert value is None or isinstance(value, float | int)
    return value


def test_files_may_name_the_scorers_that_there_are() -> None:
    assert set(Scorer.__args__) == set(scorers.NAMES)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "text", "expectations", "expected"),
    [
        ("exactMatch", " Paris. ", {"expected": "paris"}, 1.0),
        ("exactMatch", "Paris, I think", {"expected": "paris"}, 0.0),
        ("contains", "330 METRES", {"contains": ["330", "metres", "high"]}, 2 / 3),
        ("jsonSchema", '```json\n{"a": 1}\n```', {"schema": {"required": ["a"]}}, 1.0),
        ("jsonSchema", '{"b": 1}', {"schema": {"required": ["a"]}}, 0.0),
        ("jsonSchema", "surely: {}", {"schema": {}}, 0.0),
        ("refusal", "I'm sorry, I can't help with that.", {"refusal": True}, 1.0),
        ("refusal", "Of course.", {"refusal": True}, 0.0),
        ("refusal", "Of course.", {"refusal": False}, 1.0),
        ("piiFree", "call <PHONE_NUMBER>", {}, 0.0),
        ("piiFree", "a <b>bold</b> word", {}, 1.0),
        ("groundedness", "It is 330 metres high", {"context": "330 metres high"}, 3 / 5),
        ("latencySeconds", "x", {}, 1.5),
        ("outputTokens", "x", {}, 7.0),
    ],
)
def test_a_scorer_scores(
    name: str, text: str, expectations: dict[str, Any], expected: float
) -> None:
    assert score(name, text, **expectations) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name", ["exactMatch", "contains", "jsonSchema", "refusal", "groundedness"]
)
def test_a_row_that_expects_nothing_of_a_kind_has_no_score_of_it(name: str) -> None:
    assert score(name, "some words of an answer") is None


def test_a_guardrails_refusal_is_one() -> None:
    assert score("refusal", "", refused=True, refusal=True) == 1.0


@given(st.text(), st.text())
def test_groundedness_is_a_share_and_a_copy_has_all_of_it(answer: str, context: str) -> None:
    found = groundedness(answer, context)
    assert found is None or 0 <= found.score <= 1
    copied = groundedness(answer, answer)
    assert copied is None or copied.score == 1


def test_a_number_that_nobody_gave_is_named() -> None:
    found = groundedness("It opened in 1889, for 12,5 million.", "It opened in 1890 for a million.")
    assert found is not None
    assert found.missing == ("1889", "12,5")


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(), min_size=2, max_size=2))
def test_values_are_put_in_as_they_are(values: dict[str, str]) -> None:
    """Braces and backslashes in a value mean nothing."""
    messages = [{"role": "user", "content": "{{a}}|{{ b }}"}]
    assert filled(messages, values)[0]["content"] == f"{values['a']}|{values['b']}"
    assert variables(messages) == ("a", "b")


def test_a_flag_is_no_value() -> None:
    with pytest.raises(PromptError, match="neither text nor number: a"):
        filled([{"role": "user", "content": "{{a}}"}], {"a": True})


def test_a_digest_is_of_roles_and_texts_alone() -> None:
    first = [{"role": "user", "content": "ä"}]
    assert digest(first) == digest([{"content": "ä", "role": "user"}])
    assert digest(first) == digest([dict(first[0])])
    assert digest(first) != digest([*first, *first])


@pytest.mark.parametrize("line", ["x", "[]", "{}", '{"inputs": {}}', '{"inputs": "x"}'])
def test_a_line_that_is_no_row_is_named(line: str) -> None:
    with pytest.raises(InputError, match="line 2 is no row"):
        read_rows(f'{{"inputs": {{"question": "x"}}}}\n{line}\n', "data")


def test_smaller_is_better_for_time() -> None:
    wanted: dict[str, Any] = {
        "scorers": {"latencySeconds": {"min": None, "max": 3.0}},
        "notWorseThanLiveBy": {"latencySeconds": 0.5},
        "minRows": 1,
        "maxFailedRows": 0,
    }
    quick, slow = ({"latencySeconds": seconds} for seconds in (1.0, 2.0))
    assert judging.answers("s", wanted, Measured("r", quick, 1, ()), slow).failures == ()
    assert judging.answers("s", wanted, Measured("r", slow, 1, ()), quick).failures == (
        "latencySeconds 2 is 1 worse than the live run's 1, at most 0.5",
    )
