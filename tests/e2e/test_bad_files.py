"""Every bad environment and service file, given to the command as a person would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from unit.stacks.bad_files import ENVIRONMENTS, ROOT, SERVICES, Bad


def _checkout(folder: Path) -> Path:
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    shutil.copytree(
        ROOT / "stacks", folder / "stacks", ignore=shutil.ignore_patterns("*.lock.yaml")
    )
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _preview(root: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "stanchion"
    return subprocess.run(
        [command, "preview", "local", "--no-policies"],
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("file", "bad"),
    [
        *(pytest.param("stacks/Pulumi.local.yaml", bad, id=bad.rule) for bad in ENVIRONMENTS),
        *(pytest.param("stacks/services/wine.yaml", bad, id=bad.rule) for bad in SERVICES),
    ],
)
def test_a_bad_file_ends_with_2_its_path_and_no_traceback(
    file: str, bad: Bad, tmp_path: Path
) -> None:
    root = _checkout(tmp_path)
    (root / file).write_text(bad.text)
    before = _files(root)
    ended = _preview(root)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert bad.path in ended.stderr
    assert bad.says in ended.stderr
    assert "; " in ended.stderr, "a message says how to fix it"
    assert _files(root) == before, "nothing is touched"


def test_an_encrypted_setting_is_refused_by_its_key(tmp_path: Path) -> None:
    root = _checkout(tmp_path)
    file = root / "stacks" / "Pulumi.local.yaml"
    receiver = "{name: pager, pagerduty: {routingKey: {secure: AAABAHcHm0}}}"
    file.write_text(f"{file.read_text()}  stanchion:monitoring: {{receivers: [{receiver}]}}\n")
    ended = _preview(root)
    assert ended.returncode == 2, ended.stderr
    assert "stanchion:monitoring: is `secure`" in ended.stderr
    assert "Traceback" not in ended.stderr
