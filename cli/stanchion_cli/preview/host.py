"""The program's process, as the previewing side holds it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import tomllib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from google.protobuf.json_format import MessageToDict

from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview import guard
from stanchion_cli.preview.config import Configuration, Project
from stanchion_cli.preview.model import TypeProblem
from stanchion_cli.preview.registration import Registration

_SHUTDOWN_SECONDS = 5.0
_SHOWN_LINES = 10
_PROGRAM = Path(__file__).with_name("program.py")


class ProgramCrashError(StanchionError):
    """The program ended with an exception of its own; its process still answers `check`."""


class ProgramHost:
    """Runs a project's program in a process of its own; use it as a context manager.

    The process starts with the object, so that it loads the SDK while the caller prepares the
    rest. It has no home, no credentials and no network: see `guard`.

    Args:
        project: Whose program to run.
        log: Receives each line the program prints, as (severity, line).
    """

    def __init__(self, project: Project, log: Callable[[str, str], None]) -> None:
        self._project = project
        self._printed: deque[str] = deque(maxlen=_SHOWN_LINES)
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), str(writing)],
            cwd=project.root,
            env=guard.environment(os.environ) | own_packages(project.root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[writing],
            text=True,
            errors="replace",
        )
        os.close(writing)
        self._results = os.fdopen(reading, encoding="utf-8")
        self._readers = [
            self._forward(self._process.stdout, lambda line: log("info", line)),
            self._forward(self._process.stderr, lambda line: log("warning", line)),
        ]

    def __enter__(self) -> Self:
        """Nothing to do: the process runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process, whatever it is doing."""
        for pipe in (self._process.stdin, self._results):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if error is not None:
            self._process.terminate()
        try:
            self._process.wait(_SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(1)

    def run(
        self,
        environment: str,
        configuration: Configuration,
        address: str,
        refusal: Callable[[], tuple[str, str, str] | None],
    ) -> list[str]:
        """Run the program against the services at `address` until it ends.

        Args:
            environment: The stack's name.
            configuration: What the program is given.
            address: Where monitor and engine listen.
            refusal: What the monitor refused first, if anything: where, reason, fix.

        Returns:
            The URNs in the order in which the program made the resources.

        Raises:
            InputError: The program refused its configuration; the message is its own.
            ProgramCrashError: The program has a bug.
            StanchionError: The monitor refused something.
        """
        self._send(
            {
                "project": self._project.name,
                "stack": environment,
                "root": str(self._project.root),
                "directory": str(self._project.program_directory),
                "entry_point": self._project.entry_point,
                "address": address,
                "config": dict(configuration.values),
                "secret_keys": list(configuration.secret_keys),
                "unknown_keys": list(configuration.unknown_keys),
            }
        )
        ended = self._receive()
        refused = refusal()
        if ended["ended"] != "well" and refused is not None:
            where, reason, fix = refused
            raise StanchionError(reason, where=where, fix=fix)
        if ended["ended"] == "refused":
            headline, *problems = str(ended["message"]).strip().splitlines() or ["no reason given"]
            raise InputError(
                headline,
                where=f"environment {environment}" if not problems else "",
                problems=tuple(line.strip() for line in problems),
            )
        if ended["ended"] == "crashed":
            raise ProgramCrashError(
                f"the program has a bug: {ended['type']}: {ended['message']}\n"
                + "\n".join(f"  {frame}" for frame in ended["frames"]),
                where=f"environment {environment}",
            )
        return list(ended["order"])

    def check(self, registrations: Sequence[Registration]) -> tuple[TypeProblem, ...]:
        """Check the inputs of custom resources against their provider's types."""
        self._send(
            {
                "resources": [
                    {"urn": each.urn, "type": each.type, "inputs": MessageToDict(each.inputs)}
                    for each in registrations
                    if each.custom and not each.external
                ]
            }
        )
        return tuple(TypeProblem(**problem) for problem in self._receive()["problems"])

    def _send(self, message: Mapping[str, Any]) -> None:
        pipe = self._process.stdin
        if pipe is None:
            return
        try:
            pipe.write(json.dumps(message) + "\n")
            pipe.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _receive(self) -> dict[str, Any]:
        line = self._results.readline()
        if not line:
            raise self._died()
        received: dict[str, Any] = json.loads(line)
        return received

    def _died(self) -> StanchionError:
        status = self._process.wait()
        for reader in self._readers:
            reader.join(1)
        last = "".join(f"\n  {line}" for line in self._printed)
        return StanchionError(
            f"the program's process ended early with status {status}{last and ':'}{last}",
            where=str(self._project.program_directory / self._project.entry_point),
        )

    def _forward(self, stream: IO[str] | None, to: Callable[[str], None]) -> threading.Thread:
        def forward() -> None:
            for line in stream or ():
                self._printed.append(line.rstrip("\n"))
                to(line.rstrip("\n"))

        thread = threading.Thread(target=forward, daemon=True)
        thread.start()
        return thread


def own_packages(root: Path) -> dict[str, str]:
    """Let the project's own workspace members win over installed ones.

    A base commit is previewed with its own components, not with the working tree's.
    """
    try:
        data = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return {}
    patterns = data.get("tool", {}).get("uv", {}).get("workspace", {}).get("members", [])
    members = [str(path) for pattern in patterns for path in sorted(root.glob(pattern))]
    return {"PYTHONPATH": os.pathsep.join(members)} if members else {}
