"""Two environments compared setting by setting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stanchion_cli.comparison import Difference, differences
from stanchion_cli.comparison.compare import ABSENT


def found(left: dict[str, Any], right: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(each.path, each.left, each.right) for each in differences(left, right)]


def test_the_same_settings_differ_in_nothing() -> None:
    settings = {"a": {"b": [1, 2], "c": [{"name": "x", "d": None}]}}
    assert found(settings, settings) == []


def test_a_nested_setting_is_named_by_its_path() -> None:
    left, right = {"network": {"cidr": "10.0.0.0/16"}}, {"network": {"cidr": "10.1.0.0/16"}}
    assert found(left, right) == [("network.cidr", "10.0.0.0/16", "10.1.0.0/16")]


def test_items_of_a_list_are_matched_by_name_whatever_their_order() -> None:
    left = {"pools": [{"name": "l4", "max": 2}, {"name": "cpu", "max": 4}]}
    right = {"pools": [{"name": "cpu", "max": 4}, {"name": "l4", "max": 8}]}
    assert found(left, right) == [("pools[l4].max", 2, 8)]


def test_an_item_that_one_side_lacks_is_listed_setting_by_setting() -> None:
    left = {"pools": [{"name": "cpu", "max": 4}]}
    right = {"pools": [{"name": "cpu", "max": 4}, {"name": "l4", "max": 8, "cpu": {"cores": 4}}]}
    assert found(left, right) == [
        ("pools[l4].max", ABSENT, 8),
        ("pools[l4].cpu.cores", ABSENT, 4),
    ]


def test_an_item_of_which_only_the_name_is_known_is_listed() -> None:
    assert found({"t": []}, {"t": [{"name": "a"}]}) == [("t[a]", ABSENT, True)]


def test_items_without_names_are_matched_by_position() -> None:
    left = {"access": [{"group": "a", "role": "viewer"}]}
    right = {"access": [{"group": "a", "role": "editor"}, {"group": "b", "role": "admin"}]}
    assert found(left, right) == [
        ("access[0].role", "viewer", "editor"),
        ("access[1].group", ABSENT, "b"),
        ("access[1].role", ABSENT, "admin"),
    ]


def test_items_whose_name_is_used_twice_are_matched_by_position() -> None:
    left = {"x": [{"name": "a", "v": 1}, {"name": "a", "v": 2}]}
    right = {"x": [{"name": "a", "v": 1}, {"name": "a", "v": 3}]}
    assert found(left, right) == [("x[1].v", 2, 3)]


def test_a_list_of_plain_values_is_one_value() -> None:
    assert found({"z": ["a", "b"]}, {"z": ["b"]}) == [("z", ["a", "b"], ["b"])]


def test_left_to_its_default_is_another_thing_than_absent() -> None:
    assert found({"a": None}, {"a": 1}) == [("a", None, 1)]
    assert found({}, {"a": None}) == [("a", ABSENT, None)]


def test_a_block_against_nothing_is_listed_setting_by_setting() -> None:
    assert found({"a": {"b": 1}}, {}) == [("a.b", 1, ABSENT)]


@pytest.mark.parametrize(
    ("left", "right"), [({"b": 1}, None), ({"b": 1}, "text"), ([{"name": "x"}], "text"), ({}, 1)]
)
def test_values_of_different_kinds_are_shown_whole(left: Any, right: Any) -> None:
    assert found({"a": left}, {"a": right}) == [("a", left, right)]


def test_the_order_is_that_of_the_left_side_with_what_the_right_adds_after_it() -> None:
    left, right = {"b": 1, "a": 1}, {"c": 1, "a": 2, "b": 2}
    assert [each.path for each in differences(left, right)] == ["b", "a", "c"]


def test_a_key_that_is_no_plain_word_is_quoted() -> None:
    assert differences({"aws:region": "x"}, {"aws:region": "y"}) == (
        Difference('["aws:region"]', "x", "y"),
    )


VALUES = st.recursive(
    st.sampled_from([None, True, "x", "y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)
SETTINGS = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)


IN_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@IN_TIME
@given(SETTINGS, SETTINGS)
def test_sides_changed_over_differ_in_the_same_settings(
    left: dict[str, Any], right: dict[str, Any]
) -> None:
    there, back = found(left, right), found(right, left)
    assert sorted(map(repr, there)) == sorted(repr((path, b, a)) for path, a, b in back)
    assert all(a != b for _, a, b in there)


@IN_TIME
@given(SETTINGS)
def test_a_copy_differs_in_nothing(one: dict[str, Any]) -> None:
    assert found(one, dict(one)) == []
