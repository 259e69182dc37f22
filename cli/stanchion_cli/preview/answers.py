"""What is known of a resource's outputs before it exists: its inputs, and what the caller knows.

A provider's preview also names the outputs it will compute, as unknown. Outputs that no input
sets are unknown to the SDK by themselves; only members of an object that an input sets in part
must be named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct

from stanchion_cli.preview import wire
from stanchion_cli.preview.model import UNKNOWN, Secret
from stanchion_cli.preview.registration import Registration
from stanchion_cli.preview.trace import mark

_SET_BY_SERVER = ("creationTimestamp", "generation", "resourceVersion", "uid")


def complete_inputs(registration: Registration) -> None:
    """Add what a provider puts into the inputs it was given: a Kubernetes object's name."""
    if not _is_kubernetes_object(registration):
        return
    metadata = registration.inputs.fields["metadata"]
    if metadata.WhichOneof("kind") in (None, "null_value"):
        metadata.struct_value.SetInParent()
    if metadata.WhichOneof("kind") == "struct_value":
        fields = metadata.struct_value.fields
        if "name" not in fields and "generateName" not in fields:
            fields["name"].string_value = wire.UNKNOWN_MARKER


def outputs(registration: Registration, known: Mapping[str, Any], *, trace: bool) -> Struct:
    """The outputs to answer a registration with; `known` are those the caller has.

    With `trace`, secret outputs nobody knows are answered with a mark instead of as unknown.
    """
    answered = Struct()
    answered.CopyFrom(registration.inputs)
    if not registration.custom:
        return answered
    if _is_kubernetes_object(registration):
        metadata = answered.fields["metadata"]
        if metadata.WhichOneof("kind") == "struct_value" and not wire.is_special(metadata):
            for name in _SET_BY_SERVER:
                if name not in metadata.struct_value.fields:
                    metadata.struct_value.fields[name].string_value = wire.UNKNOWN_MARKER
    values = {name: value for name, value in known.items() if name != "id"}
    for name in registration.options.additional_secret_outputs:
        given = answered.fields.get(name)
        unknown = mark(registration.urn, name) if trace else UNKNOWN
        held = values.get(name, wire.value_to_python(given) if given else unknown)
        values[name] = held if isinstance(held, Secret) else Secret(held)
    for name, value in values.items():
        answered.fields[name].CopyFrom(wire.to_value(value))
    return answered


def _is_kubernetes_object(registration: Registration) -> bool:
    return (
        registration.custom
        and not registration.external
        and registration.type.startswith("kubernetes:")
        and not registration.type.startswith(
            ("kubernetes:helm.sh", "kubernetes:kustomize", "kubernetes:yaml")
        )
    )
