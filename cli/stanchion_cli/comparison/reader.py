"""Reads an environment with the project's own model: `python -P reader.py`, JSON in and out.

The model is `from_pulumi_config` of the module `environment` in the program's directory, which
the program itself starts with. In: that directory and the configuration. Out: `settings`; or
`refused`, with what the model says is wrong; or `failed`.

It imports nothing of this package: the project may bring packages of its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Answer the one request on standard input."""
    request = json.load(sys.stdin)
    sys.path.insert(0, request["directory"])
    sys.stdout.write(json.dumps(_read(request["config"]), default=str) + "\n")


def _read(config: dict[str, str]) -> dict[str, Any]:
    try:
        import environment
    except ModuleNotFoundError as error:
        return {"failed": f"the program has no model of environments: {error}"}
    try:
        model = environment.from_pulumi_config(config)
    except Exception as error:
        if type(error).__name__ == "InvalidFileError":
            return {"refused": str(error)}
        raise
    settings = model.model_dump(mode="json", by_alias=True)
    return {"settings": {**settings, "byProfile": _derived(model)}}


def _derived(model: Any) -> dict[str, Any]:
    """What the model works out from other settings: its properties, plain values and models."""
    found = {}
    for name in dir(type(model)):
        if name.startswith(("_", "model_")) or not isinstance(
            getattr(type(model), name, None), property
        ):
            continue
        try:
            value = getattr(model, name)
        except TypeError:
            continue  # means nothing to this kind of environment
        if hasattr(value, "model_dump"):
            found[_camel(name)] = value.model_dump(mode="json", by_alias=True)
        elif isinstance(value, str | int | float | bool):
            found[_camel(name)] = value
    return found


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


if __name__ == "__main__":
    main()
