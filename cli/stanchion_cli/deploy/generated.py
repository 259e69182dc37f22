"""What the `random` provider would generate, for a platform brought up without the engine.

The values live in one Secret of the cluster, the way the engine keeps them in its state: a
second `up` finds them, so a database's password survives it.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stanchion_cli.deploy.api import Api, Ref
from stanchion_cli.deploy.applyset import SYSTEM_NAMESPACE
from stanchion_cli.errors import StanchionError

if TYPE_CHECKING:
    from stanchion_cli.preview import Resource

PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type token
_SUPPORTED = {"length", "special", "lower", "upper", "numeric", "overrideSpecial"}
_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_KEY = "outputs.json"

Outputs = dict[str, dict[str, str]]


def ensure(api: Api, environment: str, resources: Iterable[Resource]) -> Outputs:
    """Outputs of every password the program declares, by URN; generates what is missing.

    Raises:
        StanchionError: when a password asks for something that is not supported here.
    """
    ref = _secret(environment)
    kept = _read(api.get(ref))
    wanted = [resource for resource in resources if resource.type == PASSWORD]
    outputs = {r.urn: kept.get(r.urn) or {"result": generate(r.name, r.inputs)} for r in wanted}
    if outputs.keys() - kept.keys():
        # What the program no longer declares is kept: an undo must find the old password.
        document = json.dumps({**kept, **outputs}, sort_keys=True).encode()
        api.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": ref.name, "namespace": ref.namespace},
                "type": "Opaque",
                "data": {_KEY: base64.b64encode(document).decode()},
            }
        )
    return outputs


def forget(api: Api, environment: str) -> None:
    """Delete the values, once nothing that they protect is left."""
    api.delete(_secret(environment))


def generate(name: str, inputs: Mapping[str, Any]) -> str:
    """A password of the length and character classes that a RandomPassword declares."""
    if unsupported := sorted(set(inputs) - _SUPPORTED):
        raise StanchionError(
            f"{', '.join(unsupported)} cannot be honoured without the engine",
            where=f"RandomPassword {name}",
            fix="leave it out, or bring the environment up with `pulumi up`",
        )
    classes = [
        alphabet
        for key, alphabet in (
            ("lower", string.ascii_lowercase),
            ("upper", string.ascii_uppercase),
            ("numeric", string.digits),
            ("special", str(inputs.get("overrideSpecial") or _SPECIAL)),
        )
        if inputs.get(key, True)
    ]
    alphabet = "".join(classes)
    return "".join(secrets.choice(alphabet) for _ in range(int(inputs["length"])))


def _secret(environment: str) -> Ref:
    return Ref("v1", "Secret", SYSTEM_NAMESPACE, f"stanchion-{environment}-generated")


def _read(secret: Mapping[str, Any] | None) -> Outputs:
    data = (secret or {}).get("data") or {}
    if _KEY not in data:
        return {}
    outputs: Outputs = json.loads(base64.b64decode(data[_KEY]))
    return outputs
