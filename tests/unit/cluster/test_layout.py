"""A cluster's folder: written whole, held by one command at a time."""

from __future__ import annotations

import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
from stanchion_cli.cluster.layout import Layout, locked, recorded, write
from stanchion_cli.cluster.model import ClusterError


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("STANCHION_STATE_DIR", str(tmp_path / "state"))
    return Layout.of("local")


def test_a_file_has_its_mode_from_the_first_moment_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "key"
    write(target, "old")
    write(target, b"new", 0o600)
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_left_overs_of_an_interrupted_write_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_text("half")
    write(tmp_path / "key", "whole")
    assert (tmp_path / "key").read_text() == "whole"


def test_a_second_command_is_refused_while_one_works(layout: Layout) -> None:
    with (
        locked(layout, create=True),
        pytest.raises(ClusterError, match="another command is working"),
        locked(layout, create=True, patience=0),
    ):
        pass
    with locked(layout, create=True):
        pass


def test_a_second_command_goes_on_when_the_first_has_ended(layout: Layout) -> None:
    held, ended = threading.Event(), threading.Event()

    def first() -> None:
        with locked(layout, create=True):
            held.set()
            time.sleep(0.3)
            ended.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    with locked(layout, create=True):
        assert ended.is_set()
    thread.join()


def test_an_absent_cluster_needs_no_lock_to_be_removed(layout: Layout) -> None:
    with locked(layout, create=False):
        assert not layout.root.exists()


def test_the_lock_of_a_folder_that_was_removed_under_it_holds_nobody_up(layout: Layout) -> None:
    with locked(layout, create=True):
        shutil.rmtree(layout.root)
        with locked(layout, create=True):
            assert layout.root.exists()


def test_an_unreadable_record_says_how_to_get_rid_of_it(layout: Layout) -> None:
    write(layout.record, "{")
    with pytest.raises(ClusterError, match="cluster down --name local"):
        layout.ranges()


def test_recorded_clusters_are_those_with_a_record(layout: Layout) -> None:
    assert recorded() == []
    write(layout.record, '{"index": 3}')
    (layout.root.parent / "stray").mkdir()
    assert [found.name for found in recorded()] == ["local"]
    plan = layout.ranges()
    assert plan is not None
    assert plan.index == 3
