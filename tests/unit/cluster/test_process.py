"""The process that is ended is the node's, whatever its number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stanchion_cli.cluster import process
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import ClusterError, checked_name

STATE = Path("/var/lib/stanchion/local")
PROGRAM = "/root/.cache/stanchion/bin/node-v1-0123/stanchion-node"


def test_the_first_process_is_known_by_program_folder_and_namespace() -> None:
    assert process.state_of([PROGRAM, "init", str(STATE)], [4711, 1]) == STATE
    assert process.state_of([PROGRAM, "init", str(STATE)], [4711, 12, 1]) == STATE


@pytest.mark.parametrize(
    ("arguments", "pids"),
    [
        ([PROGRAM, "launch", str(STATE)], [4711, 1]),
        ([PROGRAM, "init", str(STATE), "x"], [4711, 1]),
        (["/usr/bin/vi", "init", str(STATE)], [4711, 1]),
        ([PROGRAM, "init", str(STATE)], [4711]),
        ([PROGRAM, "init", str(STATE)], [4711, 7]),
        ([PROGRAM, "init", str(STATE)], [1]),
        ([PROGRAM, "init", str(STATE)], []),
        ([], [4711, 1]),
    ],
)
def test_a_process_that_differs_in_anything_is_of_no_node(
    arguments: list[str], pids: list[int]
) -> None:
    assert process.state_of(arguments, pids) is None


def test_nodes_are_told_apart_by_their_folder_and_namesakes_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = [(11, Path("/a/local")), (12, Path("/a/other")), (13, Path("/b/other"))]
    monkeypatch.setattr(process, "_nodes", lambda: iter(running))
    assert process.first_process(Layout("other", Path("/b/other"))) == 13
    assert process.first_process(Layout("local", Path("/b/local"))) is None
    assert process.namesake(Layout("local", Path("/b/local"))) == Path("/a/local")
    assert process.namesake(Layout("local", Path("/a/local"))) is None


def test_a_look_alike_outside_a_process_namespace_is_neither_found_nor_ended(
    tmp_path: Path,
) -> None:
    """A recycled number or a copy of the command line must never be hit."""
    layout = Layout("local", tmp_path)
    look_alike = tmp_path / "stanchion-node"
    look_alike.symlink_to(sys.executable)
    (tmp_path / "init").write_text("import time; time.sleep(60)")
    other = subprocess.Popen(
        [str(look_alike), "init", str(layout.root)], cwd=tmp_path, start_new_session=True
    )
    try:
        assert process.first_process(layout) is None
        assert process.end(layout) is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_what_the_supervisor_says_is_held_against_the_processes_that_exist(tmp_path: Path) -> None:
    layout = Layout("local", tmp_path)
    layout.run.mkdir()
    alive, gone = os.getpid(), 2**22 + 1
    said = {
        "etcd": {"pid": alive, "restarts": 0, "last_exit": ""},
        "kubelet": {"pid": gone, "restarts": 3, "last_exit": "status 1"},
    }
    (layout.run / "status.json").write_text(json.dumps(said))
    found = process.running(os.getpid(), layout)
    assert found["etcd"].pid == alive
    assert found["kubelet"] == process.Running(0, 3, "status 1")


def test_a_torn_or_absent_account_of_the_supervisor_is_no_account(tmp_path: Path) -> None:
    layout = Layout("local", tmp_path)
    assert process.running(os.getpid(), layout) == {}
    layout.run.mkdir()
    (layout.run / "status.json").write_text('{"etcd": ')
    assert process.running(os.getpid(), layout) == {}


@pytest.mark.parametrize("name", ["local", "e2e", "a", "dev-1", "abcdefghijkl"])
def test_names_that_fit_an_interface_are_taken(name: str) -> None:
    assert checked_name(name) == name
    assert len(Layout.of(name).link) <= 15


@pytest.mark.parametrize("name", ["", "Local", "1a", "a-", "-a", "a/b", "..", "abcdefghijklm", "ä"])
def test_other_names_end_with_status_2(name: str) -> None:
    with pytest.raises(ClusterError, match="cannot name a cluster") as caught:
        checked_name(name)
    assert caught.value.exit == 2
