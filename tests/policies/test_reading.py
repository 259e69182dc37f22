"""What checks read with: quantities, percentages, selectors, unknowns, image references."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from policies.manifests import UNKNOWN
from pulumi_policy.proxy import unknown_checking_proxy
from stanchion_policies.image import Image
from stanchion_policies.reading import (
    count_or_percent,
    filled,
    get,
    items,
    known_to_be,
    present,
    quantity,
    selects,
    some,
)
from stanchion_policies.unknown import UnknownValueError

D = "sha256:" + "0" * 64


def proxy(**body: Any) -> Any:
    return unknown_checking_proxy(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500m", "0.5"),
        ("1.5Gi", str(3 * 2**29)),
        ("2e3", "2000"),
        ("1E", str(10**18)),
        (0.1, "0.1"),
        (4.0, "4"),
        ("100n", "1e-7"),
        ("12k", "12000"),
    ],
)
def test_quantities_are_numbers(text: Any, expected: str) -> None:
    assert quantity(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "Mi", "1KiB", "one", "1 Gi i", True, None, "NaN", "Infinity"])
def test_what_is_no_quantity_is_none(text: Any) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("value", "total", "expected"),
    [
        ("50%", 1, 1),
        ("50%", 4, 2),
        ("1%", 3, 1),
        ("0%", 9, 0),
        (2.0, 9, 2),
        ("3", 9, 3),
        ("x", 9, None),
        (1.5, 9, None),
        ("-%", 9, None),
    ],
)
def test_percentages_round_up_as_kubernetes_does(value: Any, total: int, expected: Any) -> None:
    assert count_or_percent(value, total) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        (None, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchLabels": {"c": "1"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Resembles"}]}, False),
    ],
)
def test_selectors_select_as_kubernetes_does(selector: Any, expected: bool) -> None:
    assert selects(proxy(s=selector)["s"], proxy(a="1", b="2")) is expected


def test_null_and_absent_are_the_same_and_a_wrong_shape_is_absent() -> None:
    body = proxy(a=None, text="word", items=[1])
    assert get(body, "a", "b", default=3) == 3
    assert get(body, "text", "b") is None
    assert items(body, "text") == ()
    assert not present(body, "a")


def test_an_unknown_is_present_and_stops_whoever_needs_its_value() -> None:
    body = proxy(a=UNKNOWN)
    assert present(body, "a")
    assert filled(body, "a")
    assert not known_to_be("x", body, "a")
    with pytest.raises(UnknownValueError):
        get(body, "a")
    with pytest.raises(UnknownValueError):
        present(body, "a", "b")


def test_one_that_satisfies_outweighs_one_that_is_unknown() -> None:
    known, unknown = proxy(a="1"), proxy(a=UNKNOWN)

    def is_one(body: Any) -> bool:
        return bool(body["a"] == "1")

    assert some(is_one, [unknown, known])
    assert not some(is_one, [proxy(a="2")])
    with pytest.raises(UnknownValueError):
        some(is_one, [proxy(a="2"), unknown])


@pytest.mark.parametrize(
    ("reference", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io/library/nginx", "", ""),
        ("team/app:1", "docker.io/team/app", "1", ""),
        ("docker.io/nginx:1", "docker.io/library/nginx", "1", ""),
        ("localhost/app:1", "localhost/app", "1", ""),
        ("localhost:5000/app", "localhost:5000/app", "", ""),
        ("host:5000/a/b:1", "host:5000/a/b", "1", ""),
        (f"ghcr.io/a/b:1@{D}", "ghcr.io/a/b", "1", D),
        (f"ghcr.io/a/b@{D}", "ghcr.io/a/b", "", D),
    ],
)
def test_image_references_are_taken_apart(
    reference: str, repository: str, tag: str, digest: str
) -> None:
    assert Image.parse(reference) == Image(repository, tag, digest)
