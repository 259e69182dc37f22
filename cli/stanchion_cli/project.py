"""Where the blueprint's checkout is, and what environments it holds."""

from __future__ import annotations

from pathlib import Path

from stanchion_cli.errors import InputError


def find_root(start: Path | None = None) -> Path:
    """The nearest folder, from here upwards, that holds the project's `Pulumi.yaml`.

    Raises:
        InputError: when there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise InputError(
        "no Pulumi.yaml, here or in a folder above",
        where=str(here),
        fix="run the command inside a checkout of the blueprint",
    )
