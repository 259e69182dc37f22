"""Pods of one Job whose input changes between them: it fails, and no output passes for whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stanchion_model_server.batch import manifest
from stanchion_model_server.batch.errors import InputRefusedError
from stanchion_model_server.batch.storage import Folder
from stanchion_model_server.loading import ServedModel

from .test_batch import ROWS, files, rows, score, scored, write

FIRST, SECOND = "5f0c-1", "5f0c-2"


def grow(folder: Path) -> None:
    """A file lands."""
    rows(900, seed=4).assign(id=lambda frame: frame["id"] + ROWS).to_parquet(
        folder / "c.parquet", index=False
    )


def test_a_pod_that_sees_another_input_than_those_before_it_refuses(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier, 0, job_uid=FIRST)
    before = files(tmp_path / "out")
    grow(tmp_path / "in")
    for shard in (1, 0):
        with pytest.raises(InputRefusedError, match="changed since the Job began"):
            score(tmp_path, classifier, shard, job_uid=FIRST)
    assert files(tmp_path / "out") == before


def test_a_job_made_anew_scores_the_input_as_it_is_now_and_leaves_no_marks(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier, 0, job_uid=FIRST)
    grow(tmp_path / "in")
    told = [score(tmp_path, classifier, shard, job_uid=SECOND) for shard in range(4)]
    assert [each["complete"] for each in told] == [False, False, False, True]
    assert scored(tmp_path)["id"].tolist() == list(range(ROWS + 900))
    score(tmp_path, classifier, output_uri=f"file://{tmp_path}/clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_a_job_that_finds_all_done_hears_of_a_change_too(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    assert score(tmp_path, classifier, 0, job_uid=FIRST)["complete"]
    grow(tmp_path / "in")
    with pytest.raises(InputRefusedError, match="changed since the Job began"):
        score(tmp_path, classifier, 1, job_uid=FIRST)
    assert (tmp_path / "out" / manifest.COMPLETE).exists()


def test_of_two_that_begin_at_once_with_different_inputs_one_refuses(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second runs whole between the first one's look for marks and its own mark."""
    write(tmp_path / "in")
    write_file = Folder.write
    nested: list[bool] = []

    def late(*args: Any) -> None:
        if not nested:
            nested.append(True)
            grow(tmp_path / "in")
            score(tmp_path, classifier, 1, job_uid=FIRST)
        write_file(*args)

    monkeypatch.setattr(Folder, "write", late)
    with pytest.raises(InputRefusedError, match="changed since the Job began"):
        score(tmp_path, classifier, 0, job_uid=FIRST)
    assert nested
