"""The data set: fetched, told apart by its digest, read."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
from pyarrow import fs
from stanchion_model_server.batch.storage import Folder
from stanchion_models import DigestError, artifact_digest, digest_of

from stanchion_training.errors import DataRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 1 << 20
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
}


def fetch(uri: str, scratch: Path) -> Path:
    """The folder of the data set: that of a volume itself, or a bucket's copied to `scratch`.

    Raises:
        DataRefusedError: There is no such folder.
        OSError: The store does not answer or gives no access.
    """
    scheme, _, place = uri.rstrip("/").partition("://")
    if scheme == "file":
        folder = Path(place)
        if not folder.is_dir():
            raise DataRefusedError(f"{uri}: there is no such folder")
        return folder
    store = Folder(uri)
    for each in _files(uri, store):
        name = store.name(each.path)
        target = scratch / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with store.open(name) as stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file, _CHUNK)
    return scratch


def _files(uri: str, store: Folder) -> list[fs.FileInfo]:
    """Every file below the folder."""
    place = uri.rstrip("/").partition("://")[2]
    selector = fs.FileSelector(place, recursive=True, allow_not_found=True)
    found = [each for each in store.filesystem.get_file_info(selector) if each.is_file]
    if not found:
        raise DataRefusedError(f"{uri}: there is no such folder")
    return found


def sources(uri: str) -> tuple[fs.FileSystem, list[str]]:
    """Where the Parquet and CSV files are, and their paths there, sorted."""
    store = Folder(uri)
    return store.filesystem, [each.path for each in store.data("") if _suffix(each) in _READERS]


def _suffix(file: fs.FileInfo) -> str:
    return f".{file.extension}"


def _digest_in_place(uri: str) -> str:
    """The digest of files that are read where they are, and not kept."""
    store = Folder(uri)
    found = sorted((store.name(each.path).encode(), each) for each in _files(uri, store))
    return digest_of(
        (name, each.size, partial(store.filesystem.open_input_stream, each.path))
        for name, each in found
    )


def verified_digest(uri: str, folder: Path | None, expected: str | None) -> str:
    """The data set's digest.

    Args:
        uri: Its address.
        folder: Where its files are; None where they are read at its address.
        expected: The digest that it must have; None: any.

    Raises:
        DataRefusedError: It is not the one expected, or the folder holds nothing to digest.
        OSError: A file cannot be read.
    """
    try:
        digest = artifact_digest(folder) if folder is not None else _digest_in_place(uri)
    except DigestError as error:
        raise DataRefusedError(f"{uri}: {error}") from None
    if expected not in {None, digest}:
        raise DataRefusedError(
            f"{uri}: is {digest}, and {expected} was expected; put back what was there, or expect"
            " the new digest"
        )
    return digest


def read(uri: str, folder: Path) -> pd.DataFrame:
    """All Parquet and CSV files below the folder as one frame, in the order of their names.

    Files and folders whose names begin with `_` or `.` are no data.

    Raises:
        DataRefusedError: There is no such file, or one is neither what its name says nor like the
            others.
    """
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _READERS
        and not any(part[0] in "_." for part in path.relative_to(folder).parts)
    ]
    if not paths:
        raise DataRefusedError(f"{uri}: holds no {' or '.join(_READERS)} file")
    frames: list[pd.DataFrame] = []
    for path in paths:
        try:
            frame = _READERS[path.suffix](path)
        except (pa.ArrowInvalid, ValueError) as error:
            name = path.relative_to(folder)
            raise DataRefusedError(f"{uri}: {name} cannot be read: {error}") from None
        if frames and list(frame.columns) != list(frames[0].columns):
            names = f"{path.relative_to(folder)} and {paths[0].relative_to(folder)}"
            raise DataRefusedError(f"{uri}: {names} have other columns")
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
