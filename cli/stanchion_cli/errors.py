"""The one family of errors that the command shows to a person."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of every subcommand."""

    OK = 0
    VIOLATION = 1
    """A mandatory policy violation, or a run that failed on valid input."""
    BAD_INPUT = 2


class StanchionError(Exception):
    """A problem stated for the person who can fix it: where, what is wrong, how to fix it.

    Args:
        reason: What is wrong, in one sentence without a trailing full stop.
        where: A file, a configuration path (`stanchion:tenants[0].name`) or an object.
        fix: What to write or run instead.
        exit: The status the command ends with.

    Never put a secret's value in any of them.
    """

    def __init__(
        self,
        reason: str,
        *,
        where: str = "",
        fix: str = "",
        exit: Exit = Exit.VIOLATION,  # noqa: A002
    ) -> None:
        self.where, self.reason, self.fix, self.exit = where, reason, fix, exit
        super().__init__(str(self))

    def __str__(self) -> str:
        """One readable line: `where: reason; fix`."""
        line = f"{self.where}: {self.reason}" if self.where else self.reason
        return f"{line}; {self.fix}" if self.fix else line


class InputError(StanchionError):
    """Bad input: a file, an option or an environment. Nothing was touched; exit status 2.

    `problems` holds every one found, so that one run shows them all.
    """

    def __init__(
        self, reason: str, *, where: str = "", fix: str = "", problems: tuple[str, ...] = ()
    ) -> None:
        self.problems = problems
        super().__init__(reason, where=where, fix=fix, exit=Exit.BAD_INPUT)

    def __str__(self) -> str:
        """The headline, then one indented line per problem."""
        return "\n".join([super().__str__(), *(f"  {problem}" for problem in self.problems)])
