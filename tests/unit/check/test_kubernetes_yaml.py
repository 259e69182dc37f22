"""YAML is read as Kubernetes reads it, by whichever of the two parsers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from stanchion_cli.check import kubernetes_yaml
from stanchion_cli.check.kubernetes_yaml import MAX_DEPTH, parse

AS_GO_YAML_READS_IT: list[tuple[str, Any]] = [
    ("a: yes", {"a": True}),
    ("a: [no, Off, n]", {"a": [False, False, False]}),
    ("- on", [True]),
    ("a:   y  # sure", {"a": True}),
    ("{a: off}", {"a": False}),
    ("a: 'yes'", {"a": "yes"}),
    ("a: yes sir", {"a": "yes sir"}),
    ("a: 0644", {"a": 420}),
    ("a: 0o17", {"a": 15}),
    ("a: 0x1F", {"a": 31}),
    ("a: -0b11", {"a": -3}),
    ("a: 1_000", {"a": 1000}),
    ("a: 09", {"a": 9.0}),
    ("a: 1e3", {"a": 1000.0}),
    ("a: .5", {"a": 0.5}),
    ("a: 12:30", {"a": "12:30"}),
    ("a: 2026-01-31", {"a": "2026-01-31"}),
    ("a: 18446744073709551615", {"a": 18446744073709551615}),
    ("a: ~", {"a": None}),
    ("8080: x", {"8080": "x"}),
    ("true: x", {"true": "x"}),
    ("on: {push: }", {"true": {"push": None}}),
    ("~: x", {"null": "x"}),
    ("? a\n: b", {"a": "b"}),
    ("a: !!str 5", {"a": "5"}),
    ("a: !!int '5'", {"a": 5}),
    ("a: !mine 5", {"a": "5"}),
    ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ("x: &x {a: 1, b: 1}\nz: {<<: *x, b: 2}", {"x": {"a": 1, "b": 1}, "z": {"a": 1, "b": 2}}),
    ("a: 1\na: 2", {"a": 2}),
    ("schedule: 0 3 * * *", {"schedule": "0 3 * * *"}),
    ("a: |\n  text", {"a": "text"}),
    ("a: |\n  text\n", {"a": "text\n"}),
    ("a:\r\n- 1\r\n", {"a": [1]}),
    ("a:\t1", {"a": 1}),
    ("# nothing", None),
]

KEYS = st.sampled_from(["a", "b c", "1", "yes", "null", "x-y", "0x1", "~", "<<", "a: b", "true "])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KEYS
    | st.text(max_size=12)
    | st.sampled_from(
        ["on", "0644", "1_0", "12:30", "- a", "*b", "!c", "#", "a #b", "\n", "x\n\ny"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("text", "value"), AS_GO_YAML_READS_IT, ids=lambda part: str(part)[:30])
@pytest.mark.parametrize("end", ["", "\n"], ids=["cut", "ended"])
def test_a_document_is_read_as_go_yaml_reads_it(text: str, value: Any, end: str) -> None:
    if "|" in text:
        end = ""  # there the end of the line is content
    read = parse(text + end)
    assert json.dumps(read) == json.dumps(value)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.sampled_from([None, True, False]), st.sampled_from([None, "'", '"', "|", ">"]))
def test_both_parsers_read_the_same(value: Any, flow: bool | None, style: str | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, default_style=style, allow_unicode=True)
    if not kubernetes_yaml._is_plain(text):
        return
    node = kubernetes_yaml._composed(text)
    exact = None if node is None else kubernetes_yaml._Reader().value(node)
    assert json.dumps(parse(text)) == json.dumps(exact)


REFUSED = {
    "open": ("a: [1\nb: 2\n", "did not find expected"),
    "itself": ("a: &a [*a]\n", "contains itself"),
    "mapping key": ("{a: 1}: b\n", "a key must be text"),
    "template": ("{{ .Values.x }}: b\n", "a key must be text"),
    "merge": ("<<: 1\n", "only a mapping can be merged"),
    "alias": ("a: *b\n", "undefined alias"),
    "flow": ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "deep"),
    "dashes": ("- " * 100_000 + "a\n", "deep"),
    "block": ("\n".join(f"{' ' * level}a:" for level in range(2_000)), "deep"),
    "bomb": (
        "a0: &a0 x\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)),
        "expands to more than",
    ),
}


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_kubernetes_refuses_is_refused_without_harm(text: str, problem: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as refused:
        parse(text)
    assert problem in str(refused.value)
    assert refused.value.problem_mark or refused.value.context_mark
