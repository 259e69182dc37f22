"""Scoring one shard: rows in, answers out, in memory for one batch and one row group."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.exceptions import MlflowException

from stanchion_model_server import invocations
from stanchion_model_server.batch import manifest
from stanchion_model_server.batch.answers import answer_columns
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.batch.rows import RowReader, halves
from stanchion_model_server.batch.tables import Table
from stanchion_model_server.errors import RequestError
from stanchion_model_server.logs import log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stanchion_model_server.batch.manifest import Work
    from stanchion_model_server.batch.plan import Part
    from stanchion_model_server.batch.storage import Folder
    from stanchion_model_server.loading import ServedModel

ROW: Final = "_row"
"""Column of a refused row's number in the input, counted from 0 over all files."""
REASON: Final = "_reason"
"""Column that says why a row was refused."""
_READ_AHEAD: Final = 1 << 20
"""Bytes of a column that are fetched at once."""


class _Refusals:
    """The rows that the model takes no answer for, up to the share that may be refused."""

    def __init__(self, table: Table, place: str, allowed: float) -> None:
        self._table, self._place, self._allowed = table, place, allowed

    def add(self, row: pa.RecordBatch, number: int, error: RequestError) -> None:
        """Keep one.

        Raises:
            InputRefusedError: It is one too many. The rows and reasons, which may hold their
                values, are in the file and not in the message.
        """
        columns = dict(zip(row.schema.names, row.columns, strict=True))
        columns |= {ROW: pa.array([number], pa.int64()), REASON: pa.array([error.message])}
        self._table.add(pa.RecordBatch.from_pydict(columns))
        if self._table.rows > self._allowed:
            self._table.publish()
            raise InputRefusedError(
                f"{self._table.rows} rows are refused and {int(self._allowed)} may be; row"
                f" {number}: {error.logged}; {self._place} has the reasons; correct the input, or"
                " raise the share that may be refused"
            )


class Scorer:
    """Scores shards of one input with one model.

    Raises:
        InputRefusedError: The input lacks columns that the model requires.
    """

    def __init__(self, served: ServedModel, work: Work, source: Folder, target: Folder) -> None:
        self._served, self._work, self._source, self._target = served, work, source, target
        self._keep = work.settings.keep_columns
        self._reader = RowReader(served, work.plan.schema, self._keep)
        signature = served.model.metadata.signature
        outputs = signature.outputs if signature is not None else None
        self._names: list[str] = []
        if outputs is not None and outputs.has_input_names():
            self._names = [str(each) for each in outputs.input_names()]

    def score(self, shard: int) -> dict[str, Any]:
        """Score a shard and publish its files and manifest; one that is done is left as it is.

        Returns:
            Its manifest.

        Raises:
            InputRefusedError: More rows are refused than may be, or the answers fit no table.
            OSError: A store does not answer, or other work did the shard meanwhile.
        """
        found = manifest.done(self._target, self._work, shard)
        if found is not None:
            log.info("shard is done already", extra={"fields": {"shard": shard}})
            return found
        started, shards = time.monotonic(), self._work.settings.shards
        before = manifest.owner(self._target, self._work, shard)
        parts = self._work.plan.parts(shard, shards)
        asked = sum(part.count for part in parts)
        answers = Table(self._target, manifest.output_name(self._work, shard))
        name = manifest.refused_name(self._work, shard)
        refused = Table(self._target, name)
        allowed = asked * self._work.settings.refused_share
        refusals = _Refusals(refused, f"{self._target.uri}/{name}", allowed)
        first = self._work.plan.first_row(shard, shards)
        for part in parts:
            for batch in self._batches(part):
                for answered in self._answered(batch, first, refusals):
                    answers.add(answered)
                first += batch.num_rows
        outcome = {
            "rows": answers.rows,
            "refused": refused.rows,
            "output": answers.publish(),
            "refusedOutput": refused.publish(),
        }
        if answers.rows + refused.rows != asked:
            raise AssertionError(f"{asked} rows became {answers.rows} and {refused.rows}")
        manifest.publish(self._target, self._work, shard, outcome, before)
        seconds = time.monotonic() - started
        told = {"shard": shard, "rows": answers.rows, "refused": refused.rows}
        log.info("shard scored", extra={"fields": {**told, "seconds": round(seconds, 3)}})
        return outcome

    def _batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """A part's rows, a batch at a time, without what its file holds before and after."""
        columns = list(dict.fromkeys([*self._keep, *self._reader.columns]))
        with self._source.open(part.name) as stream:
            file = pq.ParquetFile(stream, buffer_size=_READ_AHEAD)
            start, end, before, groups = part.first, part.first + part.count, 0, []
            skipped = 0
            for at in range(file.num_row_groups):
                count = file.metadata.row_group(at).num_rows
                if before + count <= start:
                    skipped = before + count
                elif before < end:
                    groups.append(at)
                before += count
            position = skipped
            for batch in file.iter_batches(
                self._work.settings.batch_rows,
                row_groups=groups,
                columns=columns,
                use_threads=False,
            ):
                low, high = max(start - position, 0), min(end - position, batch.num_rows)
                position += batch.num_rows
                if low < high:
                    yield batch.slice(low, high - low)
                if position >= end:
                    return

    def _answered(
        self, batch: pa.RecordBatch, first: int, refusals: _Refusals
    ) -> Iterator[pa.RecordBatch]:
        """The answers for the rows that are not refused, in their order."""
        try:
            result = self._ask(batch)
        except RequestError as error:
            if batch.num_rows == 1:
                refusals.add(batch, first, error)
                return
            for offset, half in halves(batch):
                yield from self._answered(half, first + offset, refusals)
            return
        kept = {name: batch.column(name) for name in self._keep}
        columns = answer_columns(result, batch.num_rows, self._names)
        if twice := sorted(kept.keys() & columns.keys()):
            raise InputRefusedError(f"{', '.join(twice)} is both kept and answered; keep it not")
        yield pa.RecordBatch.from_pydict({**kept, **columns})

    def _ask(self, batch: pa.RecordBatch) -> Any:
        """The model's answer; what online gets status 400 or 422 is a RequestError here."""
        try:
            return self._served.predictor.any(self._reader.read(batch))
        except MlflowException as error:
            raise invocations.from_mlflow(error) from None
        except (ValueError, TypeError) as error:
            raise invocations.refused_by_model(error) from error
