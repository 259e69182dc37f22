"""Pull requests, through the `gh` that its user has signed in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from stanchion_cli.errors import StanchionError

_SECONDS = 60
_SHOWN = "url,state,headRefOid,isCrossRepository"


def pull_request(root: Path, branch: str, commit: str, *, title: str, body: str) -> str:
    """Open a pull request of a branch, or find the one that there is; says in words which.

    One that was closed at the same commit was declined, and is not opened again. Those of forks,
    whose branches may have any name, are nobody's of ours. Where `gh` cannot, a person does.
    """
    try:
        listed = json.loads(
            _gh(root, "pr", "list", "--head", branch, "--state", "all", "--json", _SHOWN)
        )
        own = [each for each in listed if not each["isCrossRepository"]]
        for each in own:
            if each["state"] == "OPEN":
                return f"pull request {each['url']}"
        for each in own:
            if (each["state"], each["headRefOid"]) == ("CLOSED", commit):
                return f"pull request {each['url']} was closed: delete the branch to propose again"
        made = _gh(root, "pr", "create", "--head", branch, "--title", title, "--body", body)
    except StanchionError as error:
        return f"no pull request was opened: {error}"
    return f"pull request {made}"


def _gh(root: Path, *arguments: str) -> str:
    program = shutil.which("gh")
    if program is None:
        raise StanchionError("GitHub's `gh` is not installed")
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=root,
            env=os.environ | {"GH_PROMPT_DISABLED": "1"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StanchionError(f"gh took over {_SECONDS} s") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise StanchionError(f"gh {arguments[0]} {arguments[1]}: {said}")
    return done.stdout.strip()
