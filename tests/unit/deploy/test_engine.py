"""What must be so before the engine is started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stanchion_cli.deploy import engine
from stanchion_cli.errors import StanchionError


def test_without_the_uv_that_starts_the_program_nothing_is_touched_and_the_fix_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    preview: Any = SimpleNamespace(environment="dev-aws")
    with pytest.raises(StanchionError, match="uv, which is not on PATH") as caught:
        engine.up(tmp_path, preview)
    assert f"{tmp_path}/.tools/bin" in str(caught.value)
