"""What there is to score, and which rows of it are whose: the same answer in every pod."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stanchion_model_server.batch.errors import InputRefusedError

if TYPE_CHECKING:
    from stanchion_model_server.batch.storage import Folder

SUFFIX: Final = ".parquet"
_TAIL: Final = 8
"""Bytes at a file's end that say how long its footer is."""


@dataclass(frozen=True)
class Source:
    """An input file as it was when the plan was made."""

    name: str
    size: int
    modified: int
    """When it was last written, ns since 1970 as its store tells it."""
    footer: str
    """SHA-256 of its footer: where its columns lie, their types and statistics."""
    groups: tuple[int, ...]
    """Rows of each of its row groups."""

    @property
    def rows(self) -> int:
        """Rows of all of it."""
        return sum(self.groups)


@dataclass(frozen=True)
class Part:
    """Consecutive rows of one file."""

    name: str
    first: int
    count: int


@dataclass(frozen=True)
class Plan:
    """The input's files in the order of their names, and the columns that all of them have."""

    sources: tuple[Source, ...]
    schema: pa.Schema

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(source.rows for source in self.sources)

    @cached_property
    def digest(self) -> str:
        """One number for all files: another file, size, time or footer gives another."""
        text = json.dumps([asdict(source) for source in self.sources])
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    @cached_property
    def _starts(self) -> list[int]:
        """Where each row group begins, counted over all files."""
        groups = chain.from_iterable(source.groups for source in self.sources)
        return list(accumulate(groups, initial=0))

    def first_row(self, shard: int, shards: int) -> int:
        """Where a shard begins, counted over all files.

        At a row group's start where one is near: whoever begins within a group must decode what
        is before. So shards have between half and one and a half times an equal share.
        """
        equal = self.rows * shard // shards
        at = bisect_left(self._starts, equal)
        nearest = min(self._starts[max(at - 1, 0) : at + 1], key=lambda start: abs(start - equal))
        return nearest if abs(nearest - equal) * 4 * shards <= self.rows else equal

    def parts(self, shard: int, shards: int) -> list[Part]:
        """The rows of one shard; every row is in exactly one."""
        start, end = self.first_row(shard, shards), self.first_row(shard + 1, shards)
        parts, before = [], 0
        for source in self.sources:
            first = max(start - before, 0)
            last = min(end - before, source.rows)
            if first < last:
                parts.append(Part(source.name, first, last - first))
            before += source.rows
        return parts


def read_plan(folder: Folder) -> Plan:
    """Look at the footer of every Parquet file in the folder.

    Raises:
        InputRefusedError: There is none, one is no Parquet, or their columns differ.
        OSError: The store does not answer.
    """
    sources: list[Source] = []
    schema: pa.Schema | None = None
    for info in folder.data(SUFFIX):
        name = folder.name(info.path)
        with folder.open(name) as stream:
            try:
                file = pq.ParquetFile(stream)
            except pa.ArrowInvalid as error:
                raise InputRefusedError(f"{folder.uri}/{name} is no Parquet: {error}") from None
            found = file.schema_arrow.remove_metadata()
            if schema is not None and not found.equals(schema):
                raise InputRefusedError(
                    f"{folder.uri}/{name} has other columns than {sources[0].name}; write all"
                    " files of an input with the same names and types in the same order"
                )
            schema = found
            length = int.from_bytes(stream.read_at(_TAIL, info.size - _TAIL)[:4], "little")
            footer = stream.read_at(length, info.size - _TAIL - length)
        digest = hashlib.sha256(footer).hexdigest()
        groups = tuple(
            file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)
        )
        sources.append(Source(name, info.size, info.mtime_ns, digest, groups))
    if schema is None:
        raise InputRefusedError(f"{folder.uri} holds no file whose name ends in {SUFFIX}")
    return Plan(tuple(sources), schema)
