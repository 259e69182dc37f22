"""Bad environment and service files of every kind, given to the command as a person would.

`tests/unit/stacks/test_validation.py` reads all of them; here is the first of each section, and
every file that is no mapping of settings.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from unit.stacks.bad_files import ENVIRONMENTS, ROOT, SERVICES, Bad

ENVIRONMENT_FILE, SERVICE_FILE = "stacks/Pulumi.local.yaml", "stacks/services/wine.yaml"


def _of_each_section(bad_files: list[Bad]) -> list[Bad]:
    chosen: dict[str, Bad] = {}
    for bad in bad_files:
        section = re.split(r"[.\[]", bad.path.removeprefix("wine.yaml: "))[0]
        whole_file = (
            bad.path.startswith(("Pulumi.local.yaml", "wine.yaml")) and ": " not in bad.path
        )
        chosen.setdefault(bad.rule if whole_file else section, bad)
    return list(chosen.values())


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
        *(
            pytest.param(ENVIRONMENT_FILE, bad, id=bad.rule)
            for bad in _of_each_section(ENVIRONMENTS)
        ),
        *(pytest.param(SERVICE_FILE, bad, id=bad.rule) for bad in _of_each_section(SERVICES)),
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
