"""What the program does with its cluster before it creates anything."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest
from foundation import bundled_node


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STANCHION_STATE_DIR", str(tmp_path))
    return tmp_path


def _updating(monkeypatch: pytest.MonkeyPatch, *, updating: bool) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: not updating)


def test_an_update_without_its_node_ends_before_anything_is_created(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _updating(monkeypatch, updating=True)
    with pytest.raises(pulumi.RunError, match="no node lab runs on this machine; `stanchion up"):
        bundled_node("lab")


def test_a_preview_needs_no_node(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _updating(monkeypatch, updating=False)
    assert bundled_node("lab").kubeconfig.is_relative_to(state)


def test_an_update_uses_the_node_that_is_there(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _updating(monkeypatch, updating=False)
    kubeconfig = bundled_node("lab").kubeconfig
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    _updating(monkeypatch, updating=True)
    assert bundled_node("lab").kubeconfig == kubeconfig
