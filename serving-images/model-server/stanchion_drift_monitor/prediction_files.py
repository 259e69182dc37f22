"""The files of a window of the prediction log, and what they say of themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.batch.storage import Folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

_VERSION = "version="


@dataclass(frozen=True)
class LogFile:
    """One file, with enough to tell whether it is still the same."""

    version: str
    day: str
    folder: Folder
    name: str
    size: int
    modified: int

    @property
    def identity(self) -> list[Any]:
        """What a report depends on of it."""
        return [self.version, self.day, self.name, self.size, self.modified]

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Its rows; of the columns those that it has.

        Raises:
            InputRefusedError: It is no Parquet.
            OSError: The store does not answer.
        """
        return read_parquet(self.folder, self.name, columns)


def log_files(uri: str, service: str, days: Sequence[date]) -> list[LogFile]:
    """What was logged on some days, by version, day and name.

    Raises:
        OSError: The store does not answer.
    """
    root = f"{uri.rstrip('/')}/service={service}"
    place = root.partition("://")[2]
    listed = Folder(root).filesystem.get_file_info(fs.FileSelector(place, allow_not_found=True))
    versions = sorted(
        each.base_name.removeprefix(_VERSION)
        for each in listed
        if not each.is_file and each.base_name.startswith(_VERSION)
    )
    found = []
    for version in versions:
        for day in map(str, days):
            folder = Folder(f"{root}/{_VERSION}{version}/date={day}")
            found += [
                LogFile(version, day, folder, folder.name(info.path), info.size, info.mtime_ns)
                for info in folder.data(".parquet")
            ]
    return found


def read_parquet(folder: Folder, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file's rows.

    Args:
        folder: Where it is.
        name: Its name there.
        columns: Those that are wanted, should it have them; None: all.

    Raises:
        InputRefusedError: It is no Parquet.
        OSError: The store does not answer.
    """
    with folder.open(name) as stream:
        try:
            file = pq.ParquetFile(stream)
            names = file.schema_arrow.names
            wanted = names if columns is None else [each for each in columns if each in names]
            return file.read(columns=wanted, use_threads=False).replace_schema_metadata(
                file.schema_arrow.metadata
            )
        except pa.ArrowInvalid as error:
            raise InputRefusedError(f"{folder.uri}/{name} is no Parquet: {error}") from None


def about(table: pa.Table) -> dict[str, Any]:
    """What a file of the log says of itself: digest, sample rate, columns not logged as they came.

    Files of servers before these were said have no such lists.
    """
    told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return {
        "digest": told.get("digest", ""),
        "sampleRate": float(told.get("sample_rate", "1")),
        "hashed": json.loads(told.get("hashed", "[]")),
        "leftOut": json.loads(told.get("left_out", "[]")),
    }
