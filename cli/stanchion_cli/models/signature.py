"""Whether callers of one model version can go on unchanged with another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from stanchion_models import ModelVersion, Registry

from stanchion_cli.models.registry_access import file_of

# MLflow accepts the narrower type where the wider one is declared.
_WIDENING = {("integer", "long"), ("integer", "double"), ("float", "double"), ("long", "double")}


def failures(registry: Registry, candidate: ModelVersion, serving: str | None) -> list[str]:
    """Why callers of version `serving` cannot be answered by the candidate; empty: they can.

    A candidate without a signature fails whether anything serves or not.

    Raises:
        mlflow.exceptions.MlflowException: The registry fails, which says nothing of a version.
        StanchionError: artifacts cannot be read, which does not either.
    """
    found = {}
    for version in dict.fromkeys((candidate.version, serving or candidate.version)):
        signature = _read(registry, candidate.name, version)
        if signature is None:
            return [f"the signature of version {version} cannot be read: it is not there any more"]
        found[version] = signature
    new = found[candidate.version]
    if not new.get("inputs"):
        return ["the model has no signature; log it with `signature=` or `input_example=`"]
    problems = incompatibilities(found[serving], new) if serving is not None else []
    return [f"breaks callers of version {serving}: {problem}" for problem in problems]


def _read(registry: Registry, model: str, version: str) -> dict[str, Any] | None:
    """`signature` of a version's MLmodel file, which is YAML: nothing is loaded.

    None where the registry has no such version or no such file.
    """
    from mlflow.exceptions import MlflowException

    try:
        file = file_of(registry, model, version, "MLmodel")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    if file is None:
        return None
    found: dict[str, Any] = yaml.safe_load(file).get("signature") or {}
    return found


def incompatibilities(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What breaks for a caller of `old` who is answered by `new`; empty when nothing does.

    Args:
        old: `signature` of the MLmodel file of the version that serves now.
        new: the same of the candidate.
    """
    problems = []
    before, after = _columns(old, "inputs"), _columns(new, "inputs")
    for name, column in after.items():
        if name not in before:
            if column.get("required", True):
                problems.append(f"input '{name}' is required now and callers do not send it")
        elif not _accepts(before[name], column):
            problems.append(f"input '{name}' was {_type(before[name])} and is {_type(column)} now")
        elif column.get("required", True) and not before[name].get("required", True):
            problems.append(f"input '{name}' was optional and is required now")
    answered = _columns(new, "outputs")
    for name, column in _columns(old, "outputs").items():
        if name not in answered:
            problems.append(f"output '{name}' is gone")
        elif _type(answered[name]) != _type(column):
            problems.append(
                f"output '{name}' was {_type(column)} and is {_type(answered[name])} now"
            )
    return problems


def _columns(signature: Mapping[str, Any], part: str) -> dict[str, dict[str, Any]]:
    columns = json.loads(signature.get(part) or "[]")
    return {str(column.get("name") or index): column for index, column in enumerate(columns)}


def _type(column: Mapping[str, Any]) -> str:
    if column["type"] == "tensor":
        spec = column["tensor-spec"]
        return f"tensor of {spec['dtype']} {spec['shape'][1:]}"
    if column["type"] in {"object", "array", "map"}:
        parts = {key: value for key, value in column.items() if key not in {"name", "required"}}
        return json.dumps(parts, sort_keys=True)
    return str(column["type"])


def _accepts(sent: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    pair = (_type(sent), _type(declared))
    return pair[0] == pair[1] or pair in _WIDENING
