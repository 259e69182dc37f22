"""A pin that is proposed: one commit on a branch, pushed, with a pull request."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.git import detached, git, ignores, prefix
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import PROPOSED
from stanchion_cli.progress import console

_NOT_IN_A_BRANCH = re.compile(r"[^A-Za-z0-9_-]+")
_GH_SECONDS = 60


@dataclass(frozen=True)
class Proposal:
    """A branch with one commit, pushed where there is a remote, with a pull request where `gh` is.

    The branch begins at the commit that is checked out. Working tree, index and the branch that is
    checked out stay as they are. The same proposal again changes nothing, until somebody else has
    changed the lock file.
    """

    root: Path
    environment: str
    what: str
    """What the branch is called after: `wine-cultivar 3`."""
    command: str
    """The command that goes on once it is merged."""
    state: str = PROPOSED
    done: str = "proposed"

    @property
    def branch(self) -> str:
        """`promote/prod-aws/wine-cultivar-3`."""
        return f"promote/{self.environment}/{_NOT_IN_A_BRANCH.sub('-', self.what).strip('-')}"

    def check(self) -> None:
        """Make sure, before any gate is run, that a pin can be proposed from this checkout.

        Raises:
            InputError: it is no repository, git ignores the environment's lock file or knows nobody
                to commit as, or the stacks hold changes that the proposal would not carry.
            StanchionError: the remote does not answer.
        """
        prefix(self.root)
        if ignores(self.root, self._lock):
            raise InputError(
                "is left out of git, so that nobody could merge a proposal of it",
                where=self._lock,
                fix="promote without --propose",
            )
        changed = git(self.root, "status", "--porcelain", "--", "stacks")
        if changed:
            raise InputError(
                "is not committed, and the proposal would not carry it",
                where=", ".join(line[3:] for line in changed.splitlines()),
                fix="commit or stash it first",
            )
        git(
            self.root,
            "var",
            "GIT_COMMITTER_IDENT",
            refused=InputError(
                "has nobody to commit as",
                where=str(self.root),
                fix="set `git config user.name` and `git config user.email`",
            ),
        )
        if remote := self._remote:
            there = f"promote/{self.environment}/*"
            refs = f"+refs/heads/{there}:refs/remotes/{remote}/{there}"
            git(self.root, "fetch", "--quiet", "--prune", remote, refs)

    def pending(self) -> Mapping[str, Pin]:
        """What the branch pins, where it stands."""
        head = self._standing()
        if not head:
            return {}
        with tempfile.TemporaryDirectory(prefix="stanchion-proposal-") as folder:
            copy = lockfile.path(Path(folder), self.environment)
            copy.parent.mkdir(parents=True)
            copy.write_text(git(self.root, "show", f"{head}:./{self._lock}"), "utf-8")
            return lockfile.read(Path(folder), self.environment)

    @contextmanager
    def checkout(self, what: str, told: Sequence[str]) -> Iterator[Path]:
        """A worktree of the commit that is checked out; what the block writes there is proposed.

        Raises:
            StanchionError: the pin is in that commit already, or git does not commit or push it.
        """
        title = f"Promote {what} in {self.environment}"
        with detached(self.root, "HEAD") as project:
            yield project
            is_new = self._commit(project, title, self._body(told))
        remote = self._remote
        if is_new and remote:
            self._push(remote)
        where = f" of {remote}" if remote else ""
        console.print(f"  branch {self.branch}{where}{'' if is_new else ', as it was'}")
        if remote:
            self._open_pull_request(title, self._body(told))

    @property
    def _lock(self) -> str:
        return str(lockfile.path(self.root, self.environment).relative_to(self.root))

    @property
    def _remote(self) -> str:
        """Where branches are pushed to; empty: nowhere."""
        remotes = git(self.root, "remote").split()
        return "origin" if "origin" in remotes else "".join(remotes[:1])

    def _standing(self) -> str:
        """The branch's commit, as others have it, while nobody has changed the lock file since.

        Empty where there is no such branch, or it has to be made anew.
        """
        remote = self._remote
        under = f"refs/remotes/{remote}" if remote else "refs/heads"
        head = git(self.root, "for-each-ref", "--format=%(objectname)", f"{under}/{self.branch}")
        since = ("log", "--format=%h", f"{head}~1..HEAD", "--", self._lock)
        return head if head and not git(self.root, *since) else ""

    def _body(self, told: Sequence[str]) -> str:
        found = "\n".join(f"    {line}" for line in told)
        return (
            f"Gates, all of them passed:\n\n{found}\n\n"
            f"Once this is merged, the next `up` rolls it out. `{self.command}`\n"
            "then waits until it is healthy at full weight and moves the alias."
        )

    def _commit(self, project: Path, title: str, body: str) -> bool:
        """Put the branch where the pin is committed; False where it pins that already."""
        git(project, "add", "--", self._lock)
        if not git(project, "status", "--porcelain"):
            raise StanchionError(
                "is pinned already in the commit that is checked out",
                where=self.what,
                fix=f"run `{self.command}` to roll it out and move the alias",
            )
        standing = self._standing()
        staged = git(project, "rev-parse", f":./{self._lock}")
        if standing and staged == git(project, "rev-parse", f"{standing}:./{self._lock}"):
            return False
        git(project, "commit", "--quiet", "--message", title, "--message", body)
        git(project, "branch", "--force", self.branch, "HEAD")
        return True

    def _push(self, remote: str) -> None:
        try:
            git(self.root, "push", "--quiet", "--force-with-lease", remote, self.branch)
        except StanchionError as error:
            raise StanchionError(
                f"is committed and was not pushed: {error.reason}",
                where=f"branch {self.branch}",
                fix=f"push it to {remote}, or run the same command again",
            ) from None

    def _open_pull_request(self, title: str, body: str) -> None:
        """Open one, or find the one that is open; where `gh` cannot, a person does."""
        try:
            known = self._gh("pr", "list", "--head", self.branch, "--json", "url", "-q", ".[].url")
            told = known or self._gh(
                "pr", "create", "--head", self.branch, "--title", title, "--body", body
            )
        except StanchionError as error:
            console.print(f"  no pull request was opened: {error}", markup=False)
        else:
            console.print(f"  pull request {told}", markup=False)

    def _gh(self, *arguments: str) -> str:
        program = shutil.which("gh")
        if program is None:
            raise StanchionError("GitHub's `gh` is not installed")
        try:
            done = subprocess.run(
                [program, *arguments],
                cwd=self.root,
                env=os.environ | {"GH_PROMPT_DISABLED": "1"},
                capture_output=True,
                text=True,
                timeout=_GH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StanchionError(f"gh took over {_GH_SECONDS} s") from None
        if done.returncode != 0:
            said = " ".join(done.stderr.split())
            raise StanchionError(f"gh {arguments[0]} {arguments[1]}: {said}")
        return done.stdout.strip()
