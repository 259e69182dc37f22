"""The git repository that a project lies in, through the user's own git and its settings."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stanchion_cli.errors import InputError, StanchionError

_SECONDS = 120


def git(root: Path, *arguments: str, refused: StanchionError | None = None) -> str:
    """Run a git command in a folder and return what it prints.

    Args:
        root: The folder.
        arguments: The command, without `git`.
        refused: What to raise where git ends with a failure; None: what it says.

    Raises:
        StanchionError: git is not installed, takes over two minutes, or fails.
    """
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
        raise StanchionError("git is not installed", fix="install it") from None
    except subprocess.TimeoutExpired:
        raise StanchionError(f"git {arguments[0]} took over {_SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout.rstrip("\n")
    raise refused or StanchionError(
        f"git {arguments[0]} failed: {done.stderr.strip()}", where=str(root)
    )


def prefix(root: Path) -> str:
    """Where a folder lies in its repository: `a/b/`, or empty at the top.

    Raises:
        InputError: it lies in none.
    """
    return git(
        root,
        "rev-parse",
        "--show-prefix",
        refused=InputError(
            "is not in a git repository", where=str(root), fix="work in a clone of one"
        ),
    )


def ignores(root: Path, path: str) -> bool:
    """Whether git leaves a file out, be it there or not."""
    try:
        git(root, "check-ignore", "--quiet", path)
    except StanchionError:
        return False
    return True


@contextmanager
def detached(root: Path, commit: str) -> Iterator[Path]:
    """The folder as it is in a commit, in a worktree on no branch that is gone afterwards.

    Raises:
        InputError: the folder lies in no repository.
        StanchionError: git cannot make the worktree.
    """
    inside = prefix(root)
    with tempfile.TemporaryDirectory(prefix="stanchion-worktree-") as directory:
        tree = Path(directory) / "tree"
        git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield (tree / inside).resolve()
        finally:
            git(root, "worktree", "remove", "--force", str(tree))
