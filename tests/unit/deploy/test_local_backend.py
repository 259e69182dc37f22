"""The engine's state of the environment `local` stays on this machine and out of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from stanchion_cli.deploy.local_backend import LocalBackend

PROJECT = {"name": "small", "main": "program", "stackConfigDir": "envs", "runtime": "python"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STANCHION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    checkout = tmp_path / "checkout"
    (checkout / "envs").mkdir(parents=True)
    (checkout / "Pulumi.yaml").write_text(yaml.safe_dump(PROJECT))
    (checkout / "envs" / "Pulumi.local.yaml").write_text("config:\n  small:size: 1\n")
    return checkout


@pytest.fixture
def backend(root: Path) -> LocalBackend:
    found = LocalBackend.of("local")
    assert found is not None
    return found


def test_a_backend_of_the_users_own_is_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert LocalBackend.of("local") is None


def test_other_environments_have_no_state_on_this_machine(root: Path) -> None:
    assert LocalBackend.of("prod-aws") is None


def test_the_engine_runs_the_checkouts_program_with_its_settings(
    root: Path, backend: LocalBackend
) -> None:
    project, _ = backend.prepare(root)
    declared = yaml.safe_load((project / "Pulumi.yaml").read_text())
    assert declared == {"name": "small", "main": str(root / "program"), "runtime": "python"}
    settings = yaml.safe_load((project / "Pulumi.local.yaml").read_text())
    assert settings == {"config": {"small:size": 1}}


def test_what_the_engine_writes_stays_out_of_the_checkout_and_is_kept(
    root: Path, backend: LocalBackend
) -> None:
    project, first = backend.prepare(root)
    with (project / "Pulumi.local.yaml").open("a") as settings:
        settings.write("encryptionsalt: v1:abc\n")
    before = (root / "envs" / "Pulumi.local.yaml").read_text()
    (root / "envs" / "Pulumi.local.yaml").write_text("config:\n  small:size: 2\n")
    _, second = backend.prepare(root)
    kept = yaml.safe_load((project / "Pulumi.local.yaml").read_text())
    assert kept == {"config": {"small:size": 2}, "encryptionsalt": "v1:abc"}
    assert "encryptionsalt" not in before
    assert first == second


def test_the_passphrase_is_one_users_alone_and_lasts(root: Path, backend: LocalBackend) -> None:
    _, variables = backend.prepare(root)
    passphrase = Path(variables["PULUMI_CONFIG_PASSPHRASE_FILE"])
    text = passphrase.read_text()
    backend.prepare(root)
    assert passphrase.read_text() == text
    assert len(text) >= 32
    assert passphrase.stat().st_mode & 0o077 == 0
    assert backend.folder.stat().st_mode & 0o077 == 0


def _lock(backend: LocalBackend, pid: int) -> None:
    folder = backend.folder / ".pulumi" / "locks" / "organization" / "small" / "local"
    folder.mkdir(parents=True)
    (folder / f"{pid}.json").write_text(json.dumps({"pid": pid}))


def test_the_lock_of_a_run_that_was_killed_is_abandoned(backend: LocalBackend) -> None:
    assert not backend.abandoned()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    _lock(backend, ended.pid)
    assert backend.abandoned()


def test_the_lock_of_a_run_that_goes_on_is_respected(backend: LocalBackend) -> None:
    _lock(backend, os.getpid())
    assert not backend.abandoned()


def test_nothing_of_the_state_is_left_once_it_is_forgotten(
    root: Path, backend: LocalBackend
) -> None:
    backend.prepare(root)
    backend.forget()
    assert not backend.folder.parent.exists()
    backend.forget()


def test_the_states_of_clusters_are_not_forgotten_with_it(
    root: Path, backend: LocalBackend
) -> None:
    backend.prepare(root)
    (backend.folder.parent / "local").mkdir()
    backend.forget()
    assert [found.name for found in backend.folder.parent.iterdir()] == ["local"]
