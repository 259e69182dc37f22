"""Inputs are held to the provider SDK's own types, nested ones included."""

from __future__ import annotations

import pytest
from preview.conftest import Evaluate, Project
from stanchion_cli import preview
from stanchion_cli.errors import StanchionError

CONTAINER = "spec.containers[0]"


NO_PROPERTY = "is no property of this type; did you mean"
PORT = f"{CONTAINER}.ports[0].containerPort"
WRONG = {
    "unknown-key": (f"{CONTAINER}.liveness_prob", f"{NO_PROPERTY} livenessProbe?"),
    "misspelt": (f"{CONTAINER}.ports[0].containerPrt", f"{NO_PROPERTY} containerPort?"),
    "missing": (PORT, "is required and missing; add it"),
    "wrong-scalar": (PORT, "is a string where a whole number belongs"),
    "not-an-object": (f"{CONTAINER}.resources", "is a string where an object belongs"),
    "not-a-bool": ("spec.hostNetwork", "is a string where true or false belongs"),
    "number-in-text-map": (
        f"{CONTAINER}.resources.limits['cpu']",
        "is a number where a string belongs",
    ),
    "fraction": (
        "spec.terminationGracePeriodSeconds",
        "is a number where a whole number belongs",
    ),
    "free-inside": ("metadata.labls", f"{NO_PROPERTY} labels?"),
    "nearly-spec": ("specs", f"{NO_PROPERTY} spec?"),
    "typed-secret": ("length", "is a string where a whole number belongs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_input_is_named_by_its_path(name: str, evaluate: Evaluate) -> None:
    path, expected = WRONG[name]
    found = [str(p) for p in evaluate("mistyped").problems if p.urn.endswith(f"::{name}")]
    assert f"{name}: {path}: {expected}" in found


def test_an_input_that_crashes_the_sdk_is_told_as_what_it_is(project: Project) -> None:
    with pytest.raises(StanchionError, match="inputs that the provider would refuse") as failed:
        preview.run("dev", root=project("mistyped", "config: {shape: not-a-list}"))
    expected = "not-a-list: spec.containers[0].env: is an object where a list belongs"
    assert expected in str(failed.value)


@pytest.mark.parametrize(
    "name",
    ["missing-nothing", "port-union", "port-union-number", "nothing", "unknown-value", "provider",
     "no-sdk", "beside-spec"],
)  # fmt: skip
def test_a_right_input_passes(name: str, evaluate: Evaluate) -> None:
    assert [p for p in evaluate("mistyped").problems if p.urn.endswith(f"::{name}")] == []


def test_a_problem_never_shows_a_secret(evaluate: Evaluate) -> None:
    assert "eight" not in "".join(map(str, evaluate("mistyped").problems))
