"""The base of a comparison: another commit's own program, previewed in a worktree of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stanchion_cli.errors import InputError, StanchionError

_SECONDS = 120


@contextmanager
def worktree(root: Path, ref: str) -> Iterator[Path]:
    """The project's directory as it was at `ref`, gone again afterwards.

    Files that the repository leaves out on purpose but the program reads, such as the local
    environment's lock file, are taken from the working tree.

    Raises:
        InputError: `root` is in no git repository, or `ref` names no commit of it.
        StanchionError: git cannot make the worktree.
    """
    prefix = _git(root, "rev-parse", "--show-prefix", refused="is not in a git repository")
    commit = _git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}",
        refused=f"{ref!r} names no commit",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="stanchion-base-") as directory:
        tree = Path(directory) / "tree"
        _git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            project = (tree / prefix).resolve()
            _copy_ignored(root, project)
            yield project
        finally:
            _git(root, "worktree", "remove", "--force", str(tree))


def _copy_ignored(root: Path, project: Path) -> None:
    listed = _git(
        root, "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", "*.lock.yaml"
    )
    for name in filter(None, listed.split("\0")):
        source, target = root / name, project / name
        if source.is_file() and target.parent.is_dir() and not target.exists():
            shutil.copyfile(source, target)


def _git(root: Path, *arguments: str, refused: str = "") -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise StanchionError("git is not installed", fix="install it to use --pr") from None
    except subprocess.TimeoutExpired:
        raise StanchionError(f"git {arguments[0]} took over {_SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout.rstrip("\n")
    if refused:
        raise InputError(refused, where=str(root), fix="name a commit, branch or tag of it")
    raise StanchionError(f"git {arguments[0]} failed: {done.stderr.strip()}", where=str(root))
