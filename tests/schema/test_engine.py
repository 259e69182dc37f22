"""The package as the real engine installs and reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SNAPSHOT = (
    Path(__file__).parent / "__snapshots__/test_schema/test_a_changed_schema_is_a_decision.json"
)

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH"),
]


def _comparable(schema: Any) -> Any:
    """Without what the engine fills in or leaves out when it reads a schema."""
    if isinstance(schema, list):
        return [_comparable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _comparable(value) for key, value in schema.items() if value not in ({}, [])}
    for element in ("items", "additionalProperties"):
        if isinstance(kept.get(element), dict):
            kept[element].pop("description", None)
    return kept


def _path_without_this_environment() -> str:
    """Pulumi asks the first Python of PATH for its pip, and uv's environments have none."""
    ours = Path(sys.executable).parent
    return os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != ours)


def test_the_engine_installs_the_package_and_reads_the_schema_of_the_snapshot(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "components"
    shutil.copytree(ROOT / "components", copy, ignore=shutil.ignore_patterns("venv", "__pycache__"))
    shutil.copy(ROOT / "uv.lock", tmp_path)
    answer = subprocess.run(
        ["pulumi", "package", "get-schema", str(copy)],
        env={
            **os.environ,
            "PATH": _path_without_this_environment(),
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": f"file://{tmp_path}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    read, written = json.loads(answer.stdout), json.loads(SNAPSHOT.read_text())
    read["version"] = written["version"]
    assert _comparable(read) == _comparable(written)
