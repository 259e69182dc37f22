"""The `--outputs` file: values of outputs that an offline preview cannot know."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stanchion_cli.errors import InputError
from stanchion_cli.preview import Preview, yamlfile

Outputs = Mapping[str, Mapping[str, Any]]


def read_outputs(file: Path) -> Outputs:
    """Read outputs by URN or unique resource name, from YAML or JSON.

    Raises:
        InputError: The file cannot be read, or is no mapping of mappings.
    """
    data = yamlfile.read(file, shown=str(file))
    for name, outputs in data.items():
        if not isinstance(outputs, dict):
            raise InputError(
                f"holds a {type(outputs).__name__}, not a mapping",
                where=f"{file}: {name}",
                fix="write `resource-name:` and below it `output: value`",
            )
    return data


def check_outputs(outputs: Outputs, preview: Preview, *, shown: str) -> None:
    """Refuse outputs that no resource takes.

    Raises:
        InputError: A name fits no resource, or several.
    """
    names = [resource.name for resource in preview.resources]
    urns = {resource.urn for resource in preview.resources}
    for name in outputs:
        if name in urns or names.count(name) == 1:
            continue
        where = f"{shown}: {name}"
        if name in names:
            alike = [r.urn for r in preview.resources if r.name == name]
            raise InputError(
                "names several resources", where=where, fix=f"write one of {', '.join(alike)}"
            )
        near = difflib.get_close_matches(name, names, n=1)
        raise InputError(
            "names no resource",
            where=where,
            fix=f"did you mean {near[0]}?" if near else "`stanchion preview` lists them",
        )
