"""Looking by a label finds what trying all would find, and leaves out what cannot match."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from policies.manifests import UNKNOWN
from pulumi_policy.proxy import unknown_checking_proxy
from stanchion_policies.by_label import ByPair, asked_by, labels_of
from stanchion_policies.pack import raise_own_unknowns
from stanchion_policies.reading import selects
from stanchion_policies.unknown import UnknownValueError

raise_own_unknowns()

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", UNKNOWN]), max_size=3)


def verdict(wanted: Any, labels: Any) -> bool | None:
    """Whether a selector selects; None where it cannot be decided."""
    try:
        return selects({"matchLabels": wanted}, labels)
    except UnknownValueError:
        return None


@settings(max_examples=200, deadline=None)
@given(st.lists(LABELS, max_size=6), LABELS)
def test_nothing_that_may_be_selected_is_left_out(pods: list[Any], wanted: Any) -> None:
    seen = [unknown_checking_proxy(labels) for labels in pods]
    asked = unknown_checking_proxy(wanted)
    found = ByPair(seen, labels_of).matching(asked_by(asked))
    left_out = [labels for labels in seen if not any(labels is each for each in found)]
    assert True not in [verdict(asked, labels) for labels in left_out]
    order = [next(place for place, each in enumerate(seen) if each is one) for one in found]
    assert order == sorted(order)


def test_what_cannot_match_is_not_tried() -> None:
    pods = [{"app": str(number)} for number in range(100)]
    assert ByPair(pods, labels_of).matching(asked_by({"app": "7", "x": "y"})) == [{"app": "7"}]


def test_a_selector_that_asks_for_no_label_may_match_all() -> None:
    pods = [{"app": "1"}, {}]
    assert [*ByPair(pods, labels_of).matching(asked_by({}))] == pods


def test_what_selects_anything_is_among_what_matches() -> None:
    selectors: list[dict[str, str]] = [{"app": "1"}, {}, {"app": "2"}]
    assert ByPair(selectors, asked_by).matching([("app", "2")]) == [{}, {"app": "2"}]
