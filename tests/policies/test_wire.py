"""Resource inputs reach a pack in the form the engine gives them."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict
from policies.manifests import UNKNOWN, struct
from pulumi.runtime import rpc
from stanchion_cli.policies.wire import properties_for_policies

SIG = rpc._special_sig_key
OUTPUT = {SIG: rpc._special_output_value_sig}
SECRET = {SIG: rpc._special_secret_sig}
REFERENCE = {SIG: rpc._special_resource_sig, "urn": "urn:pulumi:a::b::c::d"}


def seen(value: Any) -> Any:
    return MessageToDict(properties_for_policies(struct({"list": [value]})))["list"][0]


def test_a_known_output_value_is_its_value() -> None:
    assert seen({**OUTPUT, "value": {"a": [1, None, True]}}) == {"a": [1, None, True]}


def test_an_output_value_without_a_value_is_unknown() -> None:
    assert seen(OUTPUT) == UNKNOWN


def test_a_secret_output_value_is_a_secret_also_when_unknown() -> None:
    assert seen({**OUTPUT, "value": "x", "secret": True}) == {**SECRET, "value": "x"}
    assert seen({**OUTPUT, "secret": True}) == {**SECRET, "value": UNKNOWN}


def test_a_secret_keeps_its_wrapping_and_its_content_is_looked_into() -> None:
    assert seen({**SECRET, "value": {**OUTPUT}}) == {**SECRET, "value": UNKNOWN}


def test_a_reference_to_a_custom_resource_is_its_id() -> None:
    assert seen({**REFERENCE, "id": "i-1"}) == "i-1"
    assert seen({**REFERENCE, "id": ""}) == UNKNOWN


def test_a_reference_to_a_component_is_its_urn() -> None:
    assert seen(REFERENCE) == REFERENCE["urn"]


def test_internal_keys_are_left_out_at_every_depth() -> None:
    assert seen({"__defaults": [], "a": {"__b": 1, "c": "__d"}}) == {"a": {"c": "__d"}}


def test_an_unknown_inside_a_string_makes_all_of_it_unknown() -> None:
    assert seen(f"postgresql://{UNKNOWN}@db") == UNKNOWN
