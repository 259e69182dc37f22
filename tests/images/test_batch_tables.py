"""Row groups and memory of what is written a few rows at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stanchion_model_server.batch import tables
from stanchion_model_server.batch.storage import Folder
from stanchion_model_server.batch.tables import Table
from stanchion_model_server.loading import ServedModel

from .test_batch import rows, score, scored, write


def group_rows(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]


def test_refused_rows_cut_no_row_groups(classifier: ServedModel, tmp_path: Path) -> None:
    frame = rows(3_000)
    frame.loc[::40, "f1"] = np.nan
    write(tmp_path / "in", frame)
    told = score(tmp_path, classifier, shards=1, refused_share=0.1, batch_rows=500)
    assert (told["rows"], told["refused"]) == (2_925, 75)
    (answers,) = (tmp_path / "out").glob("part-*.parquet")
    (refused,) = (tmp_path / "out" / "_refused").iterdir()
    assert (group_rows(answers), group_rows(refused)) == ([2_925], [75])
    assert scored(tmp_path)["id"].tolist() == [at for at in range(3_000) if at % 40]
    assert pd.read_parquet(refused)["_row"].tolist() == list(range(0, 3_000, 40))


def test_row_groups_end_with_their_rows_or_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP", 1_000)
    monkeypatch.setattr(tables, "_ROW_GROUP_BYTES", 10_000)
    narrow = Table(Folder(f"file://{tmp_path}"), "narrow.parquet")
    for _ in range(2_500):
        narrow.add(pa.record_batch({"a": pa.array([1], pa.int8())}))
    narrow.publish()
    assert group_rows(tmp_path / "narrow.parquet") == [1_000, 1_000, 500]
    wide = Table(Folder(f"file://{tmp_path}"), "wide.parquet")
    for _ in range(5):
        wide.add(pa.record_batch({"a": ["x" * 500] * 10}))
    wide.publish()
    assert group_rows(tmp_path / "wide.parquet") == [20, 20, 10]


def test_a_row_of_each_batch_does_not_keep_the_batches_in_memory(tmp_path: Path) -> None:
    table = Table(Folder(f"file://{tmp_path}"), "refused.parquet")
    before = pa.total_allocated_bytes()
    for number in range(600):
        whole = pa.record_batch({"a": pa.array(np.full(100_000, number))})
        cut = whole.slice(7, 1).take(pa.array([0])) if number % 2 else whole.slice(7, 1)
        table.add(cut)
        del whole, cut
    assert pa.total_allocated_bytes() - before < 1 << 20
    table.publish()
    assert pd.read_parquet(tmp_path / "refused.parquet")["a"].tolist() == list(range(600))
