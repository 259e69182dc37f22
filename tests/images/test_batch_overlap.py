"""Two works over one output at a time, and the signal that ends the former one's pods."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from stanchion_model_server.batch import manifest
from stanchion_model_server.batch.errors import OtherWorkError
from stanchion_model_server.batch.storage import Folder
from stanchion_model_server.loading import ServedModel

from .conftest import Store
from .test_batch import ROWS, command, files, process, rows, score, scored, write

FORMER: dict[str, Any] = {"model_version": 9}


def before_publication(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Act once, when answers are in place and their manifest is not."""
    publish = manifest.publish
    acted: list[bool] = []

    def late(*args: Any) -> None:
        if not acted:
            acted.append(True)
            act()
        publish(*args)

    monkeypatch.setattr(manifest, "publish", late)


def vouched(folder: Path) -> None:
    """What stands in `_complete.json` is what lies there, and nothing else does."""
    whole = json.loads((folder / "out" / manifest.COMPLETE).read_text())
    target = Folder(f"file://{folder}/out")
    for each in whole["outputs"]:
        assert target.digest(each["file"]) == (each["bytes"], each["sha256"])
    assert scored(folder)["id"].tolist() == list(range(ROWS))


def test_two_works_share_no_file_of_answers(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier, 0)
    score(tmp_path, classifier, 0, **FORMER)
    assert len(list((tmp_path / "out").glob("part-00000-of-00004-*.parquet"))) == 2
    assert score(tmp_path, classifier)["complete"]
    vouched(tmp_path)


def test_a_former_pod_that_publishes_in_between_is_noticed(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in")
    before_publication(monkeypatch, lambda: score(tmp_path, classifier, 0, **FORMER))
    with pytest.raises(OtherWorkError, match="part-00000-of-00004 was done by other work"):
        score(tmp_path, classifier)
    assert score(tmp_path, classifier)["complete"], "the next try finds the former one's end"
    vouched(tmp_path)


def test_a_former_run_that_completes_in_between_deletes_nothing_that_is_vouched_for(
    classifier: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier, **FORMER)
    before_publication(monkeypatch, lambda: score(tmp_path, classifier, **FORMER))
    with pytest.raises(OtherWorkError, match="was deleted by other work"):
        score(tmp_path, classifier)
    assert score(tmp_path, classifier)["complete"]
    vouched(tmp_path)


def test_files_of_the_first_format_are_removed(classifier: ServedModel, tmp_path: Path) -> None:
    write(tmp_path / "in")
    (tmp_path / "out" / "_refused").mkdir(parents=True)
    for name in ("part-00000-of-00004.parquet", "_refused/part-00000-of-00004.parquet"):
        pd.DataFrame({"id": [0]}).to_parquet(tmp_path / "out" / name)
    score(tmp_path, classifier)
    score(tmp_path, classifier, output_uri=f"file://{tmp_path}/clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_a_process_that_is_told_to_end_ends(store: Store, tmp_path: Path) -> None:
    """By a handler: a container's first process has no other way to hear of it."""
    write(tmp_path / "in", rows(60_000))
    told = process(command(tmp_path, store, shards=60, batch_rows=16))
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("_manifests/*.json")):
        assert told.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    told.send_signal(signal.SIGTERM)
    told.communicate(timeout=20)
    assert told.returncode == 128 + signal.SIGTERM


def test_a_pod_does_not_vouch_for_a_file_that_another_is_to_write_again(
    classifier: ServedModel, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    score(tmp_path, classifier)
    (tmp_path / "out" / manifest.COMPLETE).unlink()
    min((tmp_path / "out").glob("part-00002-*")).unlink()
    assert not score(tmp_path, classifier, 0)["complete"]
    assert score(tmp_path, classifier, 2)["complete"]
    vouched(tmp_path)
