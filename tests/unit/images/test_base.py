"""The base image that stands in where no registry is in reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from stanchion_cli.images import base


@pytest.mark.parametrize("first", ["folder", "link"])
def test_links_to_folders_go_as_links_whatever_the_order(
    tmp_path: Path, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's documentation links folder to folder, and a folder lists in no order."""
    documentation = tmp_path / "usr/share/doc"
    (documentation / "python3").mkdir(parents=True)
    (documentation / "python3/copyright").write_text("text")
    (documentation / "python3-minimal").symlink_to("python3")
    entries = sorted(documentation.iterdir(), reverse=first == "link")
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(entries))

    base._drop_unneeded(tmp_path)

    monkeypatch.undo()
    assert documentation.is_dir()
    assert not list(documentation.iterdir())
