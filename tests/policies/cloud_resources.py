"""Cloud resources that every policy accepts, and what they are derived from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policies.manifests import UNKNOWN, changed, struct
from stanchion_cli.policies import AnalyzedResource

PREFIX = "urn:pulumi:test::stanchion"
ACCOUNT = "111122223333"


def cloud(
    token: str,
    name: str = "it",
    /,
    derived: Mapping[str, AnalyzedResource] | None = None,
    **props: Any,
) -> AnalyzedResource:
    """A resource of any provider as a Pulumi program registers it.

    Args:
        token: Its type, `aws:s3/bucket:Bucket` for instance.
        name: Its Pulumi name.
        derived: By property, the resource whose output it is; the property is unknown, as outputs
            are in a preview, where `props` does not say otherwise.
        props: Its other inputs.
    """
    sources = derived or {}
    return AnalyzedResource(
        urn=f"{PREFIX}::{token}::{name}",
        type=token,
        name=name,
        properties=struct({**dict.fromkeys(sources, UNKNOWN), **props}),
        property_dependencies={prop: (source.urn,) for prop, source in sources.items()},
    )


def altered(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs `base` with `change` laid over them; `DROP` takes one away."""
    merged: dict[str, Any] = changed(base, change)
    return merged


def document(*statements: Mapping[str, Any]) -> str:
    """A policy document of AWS as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that grants."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trusts(principal: Any, action: str = "sts:AssumeRole", **condition: Any) -> str:
    """A trust document with one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return document({**statement, **({"Condition": condition} if condition else {})})
