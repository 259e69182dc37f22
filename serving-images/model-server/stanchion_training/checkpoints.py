"""Checkpoints: folders in a volume or bucket that count once they are whole."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyarrow import fs
from stanchion_model_server.batch.storage import Folder

if TYPE_CHECKING:
    from pathlib import Path

_KEPT: Final = 2
"""The newest one, and one more should its file be damaged."""
_CHUNK: Final = 1 << 20
_RUN: Final = "run.json"


@dataclass(frozen=True)
class Checkpoint:
    """A state to go on from."""

    step: int
    """How far the training was."""
    folder: Path
    """The files that the script had written."""


class Checkpoints:
    """The checkpoints of one training: the same code, data, seed, script and arguments.

    Each is a folder of files and a manifest with their digests. The manifest is written last, so
    that what a process leaves behind that is killed in between does not count.

    Args:
        uri: Folder for the checkpoints of all trainings.
        key: Tells this training from every other.

    Raises:
        OSError: From every method, where the store does not answer or gives no access.
    """

    def __init__(self, uri: str, key: str) -> None:
        self._folder = Folder(f"{uri.rstrip('/')}/{key}")

    @property
    def run_id(self) -> str | None:
        """The MLflow run that the training began."""
        found = self._folder.read(_RUN)
        return str(found["run_id"]) if found else None

    @run_id.setter
    def run_id(self, run_id: str) -> None:
        self._folder.write(_RUN, {"run_id": run_id})

    def save(self, step: int, source: Path, generator: np.random.Generator) -> None:
        """Keep the files of a folder, and where the random numbers stand.

        Raises:
            ValueError: The folder holds no file.
        """
        files: dict[str, str] = {}
        for path in sorted(source.rglob("*")):
            if path.is_file():
                name = path.relative_to(source).as_posix()
                with self._folder.stream(f"{_name(step)}/{name}") as out, path.open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        out.write(chunk)
                    files[name] = out.sha256
        if not files:
            raise ValueError(f"checkpoint {step} holds no file")
        state = {"step": step, "files": files, "random": _random_state(generator)}
        self._folder.write(f"{_name(step)}.json", state)
        for old in self._steps()[_KEPT:]:
            self._drop(old)

    def latest(self, into: Path, generator: np.random.Generator) -> Checkpoint | None:
        """Fetch the newest whole checkpoint and set the random numbers to where they stood then.

        One whose files are missing or have other digests is passed over for the one before.
        """
        for step in self._steps():
            state = self._folder.read(f"{_name(step)}.json")
            target = into / _name(step)
            if state and self._fetched(step, state["files"], target):
                _set_random_state(state["random"], generator)
                return Checkpoint(step, target)
        return None

    def clear(self) -> None:
        """Forget the training: what is run anew begins anew."""
        place, filesystem = self._folder.uri.partition("://")[2], self._folder.filesystem
        selector = fs.FileSelector(place, recursive=True, allow_not_found=True)
        files = [each.path for each in filesystem.get_file_info(selector) if each.is_file]
        # Manifests first: what has lost a file must not count.
        for path in sorted(files, key=lambda path: str(path).count("/")):
            filesystem.delete_file(path)
        if files and isinstance(filesystem, fs.LocalFileSystem):
            filesystem.delete_dir(place)

    def _steps(self) -> list[int]:
        """Of the checkpoints with a manifest, the newest first."""
        names = [name.removesuffix(".json") for name in self._folder.below("")]
        return sorted((int(n[5:]) for n in names if n.startswith("step-")), reverse=True)

    def _drop(self, step: int) -> None:
        files = self._folder.read(f"{_name(step)}.json")["files"]
        self._folder.delete(f"{_name(step)}.json")
        for name in files:
            self._folder.delete(f"{_name(step)}/{name}")

    def _fetched(self, step: int, files: dict[str, str], target: Path) -> bool:
        for name, digest in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            total = hashlib.sha256()
            try:
                with self._folder.open(f"{_name(step)}/{name}") as stream, path.open("wb") as file:
                    while chunk := stream.read(_CHUNK):
                        total.update(chunk)
                        file.write(chunk)
            except FileNotFoundError:
                return False
            if total.hexdigest() != digest:
                return False
        return True


def _name(step: int) -> str:
    return f"step-{step:010d}"


def _random_state(generator: np.random.Generator) -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    legacy: Any = np.random.get_state(legacy=False)
    legacy["state"]["key"] = legacy["state"]["key"].tolist()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": legacy,
        "generator": generator.bit_generator.state,
    }


def _set_random_state(state: dict[str, Any], generator: np.random.Generator) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    legacy = state["numpy"]
    legacy["state"]["key"] = np.asarray(legacy["state"]["key"], dtype=np.uint32)
    np.random.set_state(legacy)
    generator.bit_generator.state = state["generator"]
