"""A pin that is proposed: one commit on a branch, pushed, with a pull request."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli import github
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.git import detached, git, ignores, prefix
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.records import PROPOSED
from stanchion_cli.progress import console

_NOT_IN_A_BRANCH = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Proposal:
    """A branch with one commit, pushed where there is a remote, with a pull request where `gh` is.

    The branch begins at the commit that is checked out. Working tree, index and branches of the
    checkout stay as they are, but where there is no remote: the branch is one of the checkout then.
    It stands while it makes the change that would be made now, and is never overwritten.
    """

    root: Path
    environment: str
    kind: str
    """models, adapters or prompts."""
    name: str
    version: str
    command: str
    """The command that goes on once it is merged."""
    state: str = PROPOSED
    done: str = "proposed"

    @property
    def branch(self) -> str:
        """`promote/prod-aws/models/wine-cultivar/3`; no two names have one branch."""
        name = _NOT_IN_A_BRANCH.sub("-", self.name)
        if name != self.name:
            name = f"{name.strip('-')}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"
        return f"promote/{self.environment}/{self.kind}/{name.lstrip('-')}/{self.version}"

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
        self._fetch()

    @property
    def exists(self) -> bool:
        """Whether there is such a branch, as `check` has found it."""
        return bool(self._head())

    def pending(self) -> Mapping[str, Pin]:
        """What the branch pins that main has left as it was since the branch began."""
        head = self._head()
        if not head:
            return {}
        base = self._base(head)
        before, moved = self._read(base), {place[:2] for place in self._moved(base)}
        return {
            name: pin
            for name, pin in self._read(head).items()
            if pin != before.get(name) and ("services", name) not in moved
        }

    def check_merged(self, what: str) -> None:
        """Nothing has to be settled: the same is proposed again, or anew."""
        del what

    def check_withdrawn(self, what: str) -> None:
        """Make sure that nobody is still to merge the branch, or to pull its merge.

        Args:
            what: The version, as people call it.

        Raises:
            StanchionError: with what is to be done first; the remote does not answer.
        """
        self._fetch()
        if self.exists:
            raise StanchionError(
                f"waits on branch {self.branch}",
                where=what,
                fix="merge it and pull, or delete the branch where it is not to be merged",
            )
        upstream = git(self.root, "for-each-ref", "--format=%(upstream)", self._checked_out)
        if upstream and git(self.root, "log", "--format=%h", f"HEAD..{upstream}", "--", self._lock):
            raise StanchionError(
                f"was proposed, and {upstream.removeprefix('refs/remotes/')} has changes of "
                f"{self._lock} that are not in this checkout",
                where=what,
                fix="pull them first",
            )

    @contextmanager
    def checkout(
        self, what: str, told: Sequence[str], record: Callable[[], None]
    ) -> Iterator[Path]:
        """A worktree of the commit that is checked out; what the block writes there is proposed.

        It is recorded once the branch is there: until then nothing was proposed.

        Raises:
            StanchionError: the pin is in that commit already, another change is on the branch, or
                git does not commit or push it.
        """
        title, body = f"Promote {what} in {self.environment}", self._body(told)
        with detached(self.root, "HEAD") as project:
            yield project
            stands = self._stands(project, what)
            head = self._head() if stands else self._publish(project, title, body)
        record()
        remote = self._remote
        where = f" of {remote}" if remote else ""
        console.print(f"  branch {self.branch}{where}{', as it was' if stands else ''}")
        if remote:
            told_by = github.pull_request(self.root, self.branch, head, title=title, body=body)
            console.print(f"  {told_by}", markup=False)

    @property
    def _lock(self) -> str:
        return str(lockfile.path(self.root, self.environment).relative_to(self.root))

    @property
    def _remote(self) -> str:
        """Where branches are pushed to; empty: nowhere."""
        remotes = git(self.root, "remote").split()
        return "origin" if "origin" in remotes else "".join(remotes[:1])

    @property
    def _checked_out(self) -> str:
        """The branch that is checked out; its commit's own name where it is none."""
        return git(self.root, "rev-parse", "--symbolic-full-name", "HEAD")

    def _fetch(self) -> None:
        """Learn what the remote has: history to compare with, and proposals of the environment."""
        remote = self._remote
        if not remote:
            return
        there = f"promote/{self.environment}/*"
        shallow = git(self.root, "rev-parse", "--is-shallow-repository") == "true"
        git(self.root, "fetch", "--quiet", *(["--unshallow"] if shallow else []), remote)
        refs = f"+refs/heads/{there}:refs/remotes/{remote}/{there}"
        git(self.root, "fetch", "--quiet", "--prune", remote, refs)

    def _head(self) -> str:
        """The branch's commit, as others have it; empty where there is no such branch."""
        remote = self._remote
        under = f"refs/remotes/{remote}" if remote else "refs/heads"
        return git(self.root, "for-each-ref", "--format=%(objectname)", f"{under}/{self.branch}")

    def _base(self, head: str) -> str:
        return git(self.root, "merge-base", head, "HEAD")

    def _moved(self, base: str) -> set[tuple[str, ...]]:
        """Places of the lock file that are or were another than in `base` since, on this side."""
        found = git(self.root, "log", "--format=%H", f"{base}..HEAD", "--", self._lock)
        before = self._text(base)
        texts = (self._text(commit) for commit in ("HEAD", *found.split()))
        return {place for text in texts for place in lockfile.changes(before, text)}

    def _text(self, commit: str) -> str:
        """The lock file in a commit; empty where it has none."""
        listed = git(self.root, "ls-tree", "--name-only", commit, "--", self._lock)
        return git(self.root, "show", f"{commit}:./{self._lock}") if listed else ""

    def _read(self, commit: str) -> dict[str, Pin]:
        with tempfile.TemporaryDirectory(prefix="stanchion-proposal-") as folder:
            copy = lockfile.path(Path(folder), self.environment)
            copy.parent.mkdir(parents=True)
            if text := self._text(commit):
                copy.write_text(text, "utf-8")
            return lockfile.read(Path(folder), self.environment)

    def _body(self, told: Sequence[str]) -> str:
        found = "\n".join(f"    {line}" for line in told)
        return (
            f"Gates, all of them passed:\n\n{found}\n\n"
            f"Once this is merged, the next `up` rolls it out. After a pull,\n`{self.command}`\n"
            "waits until it is healthy at full weight and moves the alias."
        )

    def _stands(self, project: Path, what: str) -> bool:
        """Whether the branch makes the change already that was made in a worktree.

        Raises:
            StanchionError: nothing was changed there, or the branch makes another change.
        """
        text = (project / self._lock).read_text("utf-8")
        wanted = lockfile.changes(self._text("HEAD"), text)
        if not wanted:
            raise StanchionError(
                "is pinned already in the commit that is checked out",
                where=what,
                fix=f"run `{self.command}` to roll it out and move the alias",
            )
        head = self._head()
        if not head:
            return False
        base = self._base(head)
        proposed = lockfile.changes(self._text(base), self._text(head))
        if proposed == wanted and wanted.keys().isdisjoint(self._moved(base)):
            return True
        raise StanchionError(
            f"is not what branch {self.branch} proposes, or main has changed since it did",
            where=what,
            fix="merge that branch or delete it, and run this again",
        )

    def _publish(self, project: Path, title: str, body: str) -> str:
        """Commit what was changed and make it the branch; the commit."""
        git(project, "add", "--", self._lock)
        git(project, "commit", "--quiet", "--message", title, "--message", body)
        head, remote = git(project, "rev-parse", "HEAD"), self._remote
        if not remote:
            git(project, "branch", self.branch, head)
            return head
        try:
            git(project, "push", "--quiet", remote, f"{head}:refs/heads/{self.branch}")
        except StanchionError as error:
            raise StanchionError(
                f"could not be pushed: {error.reason}",
                where=f"branch {self.branch}",
                fix="nothing was proposed; mend the cause and run the same command again",
            ) from None
        return head
