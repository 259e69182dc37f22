"""Tables that grow by a few rows at a time, and are written in row groups of a normal size."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stanchion_model_server.batch.errors import InputRefusedError

if TYPE_CHECKING:
    from stanchion_model_server.batch.storage import Digested, Folder

ROW_GROUP: Final = 131_072
"""Rows of a row group, about: one ends with the batch that fills it."""
_ROW_GROUP_BYTES: Final = 32 << 20
"""Bytes in memory that end a row group before that."""
_PIECES: Final = 256
"""Batches that are held apart: of a single row, each takes a hundred times what is in it."""


class Table:
    """A Parquet file that begins with its first rows, and is none without any.

    Its row groups depend on the rows and batches alone: the same ones give the same bytes.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._open = ExitStack()
        self._stream: Digested | None = None
        self._writer: pq.ParquetWriter | None = None
        self._merged: list[pa.Table] = []
        self._pieces: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Write rows with the columns of the first.

        Raises:
            InputRefusedError: They have others: the model answers now this and now that.
        """
        if self._writer is None:
            self._stream = self._open.enter_context(self._folder.written(self._name))
            self._writer = pq.ParquetWriter(self._stream, batch.schema)
        if not batch.schema.equals(self._writer.schema):
            try:
                batch = batch.cast(self._writer.schema)
            except (pa.ArrowInvalid, ValueError):
                raise InputRefusedError(
                    f"the model answers {batch.schema.to_string()!r} after"
                    f" {self._writer.schema.to_string()!r}; its answers need one type"
                ) from None
        self._pieces.append(_by_itself(batch))
        self.rows += batch.num_rows
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= ROW_GROUP or self._bytes >= _ROW_GROUP_BYTES:
            self._write(self._writer)
        elif len(self._pieces) == _PIECES:
            self._merge()

    def publish(self) -> dict[str, Any] | None:
        """Put the file in its place and describe it; None, and no file, without rows."""
        if self._writer is None or self._stream is None:
            self._folder.delete(self._name)
            return None
        self._write(self._writer)
        self._writer.close()
        self._open.close()
        return {
            "file": self._name,
            "rows": self.rows,
            "bytes": self._stream.size,
            "sha256": self._stream.sha256,
        }

    def _merge(self) -> None:
        if self._pieces:
            self._merged.append(pa.Table.from_batches(self._pieces).combine_chunks())
            self._pieces = []

    def _write(self, writer: pq.ParquetWriter) -> None:
        """Write what is held as one row group."""
        self._merge()
        if self._merged:
            # In one chunk, so that how it was collected shows in no byte.
            held = pa.concat_tables(self._merged).combine_chunks()
            writer.write_table(held, row_group_size=max(held.num_rows, 1))
        self._merged, self._rows, self._bytes = [], 0, 0


def _by_itself(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A small slice keeps all that it was cut from in memory, unless it is copied."""
    if batch.get_total_buffer_size() <= 2 * batch.nbytes:
        return batch
    return batch.take(pa.array(range(batch.num_rows), pa.int64()))
