"""A machine that cannot hold the node is told so, with each way out, before anything is touched."""

from __future__ import annotations

import os
import platform
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from stanchion_cli.cluster import cgroups, checks, packages, ranges, toolchain
from stanchion_cli.cluster.layout import Layout, write
from stanchion_cli.cluster.lifecycle import down, up
from stanchion_cli.cluster.model import Check, ClusterError

Usage = namedtuple("Usage", "total used free")
V1 = "cgroup /sys/fs/cgroup/{0} cgroup rw,nosuid,relatime,{0} 0 0\n"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STANCHION_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def found(name: str) -> Check:
    return next(check for check in checks.preflight() if check.name == name)


def test_every_failed_check_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 2**30))
    monkeypatch.setattr(checks, "MEMORY", 2**60)
    monkeypatch.setattr(cgroups, "hierarchies", list)
    failed = [check for check in checks.preflight("unheard-of") if not check.ok]
    assert {check.name for check in failed} == {
        "system", "root", "disk", "memory", "control groups",
    }  # fmt: skip
    assert all(check.found and check.fix for check in failed)
    with pytest.raises(ClusterError) as caught:
        checks.require(failed)
    assert all(check.fix in str(caught.value) for check in failed)
    assert "nothing was touched" in str(caught.value)


def test_up_without_root_touches_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match="root: running as user 1000; run it with sudo"):
        up("local")
    assert not state.exists()


def test_down_of_what_is_not_there_touches_nothing(state: Path) -> None:
    down("local")
    assert not state.exists()


def test_down_without_root_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "local").mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match="only root"):
        down("local")
    assert (state / "local").exists()


def test_a_cold_start_needs_more_disk_than_a_warm_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, checks.DISK_WARM))
    monkeypatch.setattr(toolchain, "missing", lambda _: [])
    assert found("disk").ok
    monkeypatch.setattr(toolchain, "missing", lambda _: [toolchain.NODE])
    cold = found("disk")
    assert not cold.ok
    assert "free 15 GiB" in cold.fix


def test_an_old_toolchain_matters_only_while_something_is_to_be_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(toolchain, "go", lambda: (Path("/usr/bin/go"), (1, 19)))
    monkeypatch.setattr(toolchain, "missing", lambda _: [toolchain.NODE])
    old = found("Go toolchain")
    assert not old.ok
    assert "1.19 at /usr/bin/go" in old.found
    assert "https://go.dev/dl" in old.fix
    monkeypatch.setattr(toolchain, "missing", lambda _: [])
    assert found("Go toolchain").ok


def test_missing_packages_are_a_problem_only_where_nothing_can_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "missing_packages", lambda: ["runc", "nftables"])
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/bin/apt-get")
    assert found("system packages") == Check(
        "system packages", True, "`cluster up` installs runc, nftables"
    )
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    lacking = found("system packages")
    assert not lacking.ok
    assert lacking.found == "missing runc, nftables"


def test_a_state_folder_too_deep_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANCHION_STATE_DIR", "/" + "x" * 90)
    deep = found("state folder")
    assert not deep.ok
    assert "STANCHION_STATE_DIR" in deep.fix


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib/stanchion", "ext4"), ("/mnt/data/x", "nfs4"), ("/mnt/database", "overlay")],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    mounts = "o / overlay rw 0 0\n/dev/a /var/lib ext4 rw 0 0\nh:/x /mnt/data nfs4 rw 0 0\n"
    assert checks._filesystem(Path(path), mounts) == kind


def test_a_recorded_plan_that_something_else_has_taken_is_refused(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.of("local")
    write(layout.record, '{"index": 0}')
    plan = ranges.Ranges(0)
    monkeypatch.setattr(checks, "_LEFTOVER_ROUTES_SECONDS", 0.0)
    monkeypatch.setattr(ranges, "occupied", lambda **_: [plan.pods])
    with pytest.raises(ClusterError, match="are now routed elsewhere"):
        checks.plan_for(layout)
    monkeypatch.setattr(ranges, "occupied", lambda **_: [])
    assert checks.plan_for(layout) == plan


def test_a_route_that_a_killed_node_left_is_waited_for(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.of("local")
    write(layout.record, '{"index": 0}')
    plan = ranges.Ranges(0)
    seen = iter([[plan.pods], [plan.pods], []])
    monkeypatch.setattr(ranges, "occupied", lambda **_: next(seen))
    assert checks.plan_for(layout) == plan


def test_a_new_cluster_keeps_clear_of_recorded_ones_that_do_not_run(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Layout.of("other").record, '{"index": 0}')
    monkeypatch.setattr(ranges, "occupied", lambda **_: [])
    assert checks.plan_for(Layout.of("local")).index == 1


def test_control_groups_of_version_1_are_read_from_the_mounts() -> None:
    text = "".join(V1.format(name) for name in ("cpu", "memory", "pids"))
    text += "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\nproc /proc proc rw 0 0\n"
    trees = cgroups.hierarchies(text)
    assert [sorted(tree.controllers) for tree in trees] == [["cpu"], ["memory"], ["pids"], []]
    assert {tree.version for tree in trees} == {1}


def test_control_groups_of_version_2_say_themselves_what_they_control(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tree,) = cgroups.hierarchies(f"cgroup2 {tmp_path} cgroup2 rw,relatime 0 0\n")
    assert tree.version == 2
    assert set(cgroups.NEEDED) <= tree.controllers


def test_groups_are_listed_deepest_first(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    listed = cgroups.below(tmp_path)
    assert listed[-1] == tmp_path
    assert listed.index(tmp_path / "a" / "b") < listed.index(tmp_path / "a")
    assert cgroups.below(tmp_path / "absent") == []
