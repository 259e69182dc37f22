"""Arguments are held to the shape that their `TypedDict` declares."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pytest
from stanchion import ArgumentsError, Cloud, DatabaseArgs, Role, TenantArgs
from stanchion.checks import Checks
from stanchion.messages import readable

TENANT = {"namespace": "demo", "owner": "a", "cost_center": "b"}


def _shaped(declared: Any, given: dict[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", Checks("Component", "name").arguments(declared, given))


def _problems(declared: Any, given: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ArgumentsError) as error:
        _shaped(declared, given)
    return error.value.problems


def test_whole_numbers_of_other_languages_are_made_whole() -> None:
    gpus = _shaped(TenantArgs, {**TENANT, "quota": {"gpus": 4.0}})["quota"]["gpus"]
    assert gpus == 4
    assert isinstance(gpus, int)


def test_a_fraction_is_not_made_whole() -> None:
    (problem,) = _problems(TenantArgs, {**TENANT, "quota": {"gpus": 1.5}})
    assert problem == "quota.gpus: is float; write a whole number"


def test_texts_become_members_of_their_enumeration() -> None:
    shaped = _shaped(TenantArgs, {**TENANT, "access": [{"group": "g", "role": "admin"}]})
    assert shaped["access"][0]["role"] is Role.ADMIN
    database = {"cloud": "local", "namespace": "x", "owner": "a", "cost_center": "b", "clients": []}
    assert _shaped(DatabaseArgs, database)["cloud"] is Cloud.LOCAL


def test_none_means_left_out() -> None:
    assert "access" not in _shaped(TenantArgs, {**TENANT, "access": None})
    assert _problems(TenantArgs, {**TENANT, "owner": None}) == ("owner: is missing; add it",)


def test_a_value_that_only_the_engine_knows_is_left_alone() -> None:
    later = pulumi.Output.from_input("demo")
    database = {
        "cloud": "local",
        "namespace": later,
        "owner": "a",
        "cost_center": "b",
        "clients": [{"namespace": later}],
    }
    assert _shaped(DatabaseArgs, database)["namespace"] is later


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"quota": []}, "quota: is list; write a mapping"),
        ({"access": {}}, "access: is dict; write a list"),
        ({"access": ["g"]}, "access[0]: is str; write a mapping"),
        ({"tracking_client": "yes"}, "tracking_client: is str; write true or false"),
        ({"tracking_client": 1}, "tracking_client: is int; write true or false"),
        ({"owner": 7}, "owner: is int; write text"),
        ({"ownr": "a"}, "ownr: is no argument; write owner"),
        ({"zzz": 1}, "zzz: is no argument; known are access, allow_same_namespace, "),
    ],
)
def test_a_wrong_shape_is_named(wrong: dict[str, Any], told: str) -> None:
    (problem,) = _problems(TenantArgs, {**TENANT, **wrong})
    assert problem.startswith(told)


def test_every_wrong_key_is_told_at_once() -> None:
    assert len(_problems(TenantArgs, {"namspace": "x", "quota": {"cpus": "1"}})) == 5


def test_the_callers_own_mapping_stays_as_it_was() -> None:
    given = {**TENANT, "quota": {"gpus": 4.0}}
    _shaped(TenantArgs, given)
    assert given["quota"] == {"gpus": 4.0}


def test_a_problem_is_one_line_that_shows_no_key() -> None:
    check = Checks("Thing", "mine")
    check.refuse("name", "'sk-proj-0a1b2c3d4e5f6a7b' is no name", "write another")
    check.refuse("url", "'https://me:hunter2@example.com' has a login", "remove it")
    check.refuse("text", f"'{'x' * 5000}\n' is too long", "write less")
    with pytest.raises(ArgumentsError) as refused:
        check.done()
    told = str(refused.value)
    assert "0a1b2c3d" not in told
    assert "hunter2" not in told
    assert len(told.splitlines()) == 4
    assert len(told) < 400


@pytest.mark.parametrize(
    "name", ["pat-prediction-model", "sk-learn-pipeline-v2", "hf_models", "s3://bucket/path"]
)
def test_names_that_are_no_keys_are_shown(name: str) -> None:
    assert readable(f"'{name}' is unknown; write another") == f"'{name}' is unknown; write another"
