"""Objects as files: one each, in a directory that belongs to this command."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.render.objects import KubernetesObject
from stanchion_cli.render.placeholders import Placeholder, Placeholders

MARKER = ".stanchion-render.json"
_CLUSTER = "_cluster"  # no namespace can be called that
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a run wrote: files below the directory, placeholders in them, stale files removed."""

    files: tuple[str, ...]
    placeholders: tuple[Placeholder, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def write(
    items: Sequence[KubernetesObject],
    directory: Path,
    *,
    environment: str,
    placeholders: Placeholders,
) -> Rendered:
    """Write one file per object and remove this command's own files that are stale.

    Args:
        items: The objects.
        directory: Where to; made where missing. One directory holds one environment.
        environment: Recorded in the directory, so that another one's files are not mixed in.
        placeholders: Fills what is secret or unknown.

    Raises:
        InputError: The directory holds something this command did not write.
        StanchionError: A file cannot be written.
    """
    contents = {
        name: _document(placeholders.fill(item), item.urn)
        for name, item in _file_names(items).items()
    }
    previous = _claim(directory, environment, contents)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # An interrupted run leaves every file it may have written on record.
        _write_marker(directory, environment, sorted({*previous, *contents}))
        changed = [name for name, text in contents.items() if _put(directory / name, text)]
        removed = sorted(set(previous) - set(contents))
        for name in removed:
            _remove(directory, name)
        _write_marker(directory, environment, sorted(contents))
    except OSError as error:
        raise StanchionError(f"cannot be written: {error}", where=str(directory)) from None
    return Rendered(
        tuple(sorted(contents)), tuple(placeholders.used), tuple(removed), tuple(sorted(changed))
    )


def _file_names(items: Sequence[KubernetesObject]) -> dict[str, KubernetesObject]:
    """`namespace/kind-name.yaml` each; where two would be one, both carry a hash of their group."""
    plain: dict[str, list[KubernetesObject]] = {}
    for item in items:
        folder = _safe(item.namespace) or _CLUSTER
        plain.setdefault(f"{folder}/{_safe(item.kind.lower())}-{_safe(item.name)}", []).append(item)
    named = {}
    for stem, alike in plain.items():
        for item in alike:
            identity = f"{item.manifest['apiVersion']} {item}"
            mark = f"-{hashlib.sha256(identity.encode()).hexdigest()[:8]}" if alike[1:] else ""
            named[f"{stem}{mark}.yaml"] = item
    return named


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip(".")


def _claim(directory: Path, environment: str, contents: Mapping[str, str]) -> list[str]:
    """The files of an earlier run; refuses a directory that is someone else's."""
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file", where=str(directory), fix="name a directory")
    marker = directory / MARKER
    if not marker.is_file():
        if directory.is_dir() and any(directory.iterdir()):
            raise InputError(
                "the directory is not empty and was not written by `stanchion render`",
                where=str(directory),
                fix="name an empty or new one",
            )
        return []
    try:
        recorded = json.loads(marker.read_text(encoding="utf-8"))
        owner, files = recorded["environment"], [str(name) for name in recorded["files"]]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "is damaged", where=str(marker), fix="render into a new directory"
        ) from None
    if owner != environment:
        raise InputError(
            f"the directory holds environment {owner}",
            where=str(directory),
            fix=f"render {environment} into a directory of its own",
        )
    for name in contents:
        if name not in files and (directory / name).exists():
            raise InputError(
                "was not written by `stanchion render` and would be overwritten",
                where=str(directory / name),
                fix="move it out of the directory",
            )
    return [name for name in files if _inside(name)]


def _inside(name: str) -> bool:
    """Whether a recorded name can be one of ours: two plain parts below the directory."""
    parts = PurePosixPath(name).parts
    return len(parts) == 2 and name.endswith(".yaml") and not {"..", "."} & set(parts)


def _remove(directory: Path, name: str) -> None:
    file = directory / name
    if file.parent.is_symlink():
        return
    file.unlink(missing_ok=True)
    if file.parent.is_dir() and not any(file.parent.iterdir()):
        file.parent.rmdir()


def _put(file: Path, text: str) -> bool:
    """Write a file whole or not at all; False where it says so already."""
    if file.is_file() and not file.is_symlink() and file.read_bytes() == text.encode():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, prefix=".", delete=False, encoding="utf-8"
    ) as temporary:
        temporary.write(text)
    mode = 0o666 & ~_umask()
    Path(temporary.name).chmod(mode)
    Path(temporary.name).replace(file)
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_marker(directory: Path, environment: str, files: Sequence[str]) -> None:
    record = {"environment": environment, "files": list(files), "writer": "stanchion render"}
    _put(directory / MARKER, json.dumps(record, indent=2) + "\n")


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases, long texts as they are."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the name is the base's
        """Write repeated values in full: other tools and people read these files."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _document(manifest: Mapping[str, Any], urn: str) -> str:
    body = yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return f"# {urn}\n{body}"
