"""JSON schemas of the files people write, for completion and checks in their editors.

`python stacks/schemas.py` writes them; a test fails when they are not current.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from batch_service import BatchInferenceFile
from drift_monitor_service import DriftMonitorFile
from environment import NAMESPACE, Environment
from layers import UpperStack
from llm_service import LlmServiceFile
from service import ModelServiceFile
from training_service import TrainingJobFile

_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def service_schema() -> dict[str, Any]:
    """The schema of a service file of any kind."""
    model, *others = (
        each.model_json_schema(by_alias=True)
        for each in (
            ModelServiceFile,
            LlmServiceFile,
            BatchInferenceFile,
            TrainingJobFile,
            DriftMonitorFile,
        )
    )
    parts = {name: part for each in (model, *others) for name, part in each.pop("$defs").items()}
    chosen = model
    for other in reversed(others):
        kind = other["properties"]["kind"]["const"]
        chosen = {**_of_kind(kind, other), "else": chosen}
    return {
        **_DIALECT,
        "title": "Service file",
        "type": "object",
        "required": ["kind"],
        **chosen,
        "$defs": parts,
    }


def _of_kind(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the files of one kind; what the others are held to stands under `else`."""
    return {
        "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
        "then": schema,
    }


def environment_schema() -> dict[str, Any]:
    """The schema of an environment file, and of the file of a stack built on one."""
    whole, upper = (each.model_json_schema(by_alias=True) for each in (Environment, UpperStack))
    del whole["properties"]["baseStack"]
    config = {
        "if": {"required": [f"{NAMESPACE}:baseStack"]},
        "then": _in_pulumis_notation(upper),
        "else": _in_pulumis_notation(whole),
    }
    return {
        **_DIALECT,
        "title": "Environment file",
        "type": "object",
        "properties": {"config": config},
        "required": ["config"],
        "$defs": {**whole["$defs"], **upper["$defs"]},
    }


def _in_pulumis_notation(model: dict[str, Any]) -> dict[str, Any]:
    """Our keys with their namespace; those of other namespaces are left alone."""
    return {
        "type": "object",
        "description": model["description"],
        "properties": {f"{NAMESPACE}:{key}": value for key, value in model["properties"].items()},
        "patternProperties": {f"^(?!{NAMESPACE}:)": {}},
        "additionalProperties": False,
        "required": [f"{NAMESPACE}:{key}" for key in model["required"]],
    }


def files() -> dict[Path, str]:
    """Every schema file and what it must hold."""
    here = Path(__file__).parent
    schemas = {
        here / "services" / "service.schema.json": service_schema(),
        here / "environment.schema.json": environment_schema(),
    }
    return {path: json.dumps(schema, indent=2) + "\n" for path, schema in schemas.items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
