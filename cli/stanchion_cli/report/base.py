"""The base of a comparison: another commit's own program, previewed in a worktree of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stanchion_cli.errors import InputError
from stanchion_cli.git import detached, git, prefix


@contextmanager
def worktree(root: Path, ref: str) -> Iterator[Path]:
    """The project's directory as it was at `ref`, gone again afterwards.

    Files that the repository leaves out on purpose but the program reads, such as the local
    environment's lock file, are taken from the working tree.

    Raises:
        InputError: `root` is in no git repository, or `ref` names no commit of it.
        StanchionError: git cannot make the worktree.
    """
    prefix(root)
    refused = InputError(
        f"{ref!r} names no commit", where=str(root), fix="name a commit, branch or tag of it"
    )
    commit = git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}",
        refused=refused,
    )  # fmt: skip
    with detached(root, commit) as project:
        _copy_ignored(root, project)
        yield project


def _copy_ignored(root: Path, project: Path) -> None:
    listed = git(
        root, "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", "*.lock.yaml"
    )
    for name in filter(None, listed.split("\0")):
        source, target = root / name, project / name
        if source.is_file() and target.parent.is_dir() and not target.exists():
            shutil.copyfile(source, target)
