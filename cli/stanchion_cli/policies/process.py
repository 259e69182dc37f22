"""The policy pack's process: started as the engine starts one, with a log service to talk to."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from stanchion_cli.policies.model import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAIL_LINES = 20

ORGANIZATION = "organization"
"""What the engine calls it where a backend has none."""


@dataclass(frozen=True)
class Launch:
    """What a pack is started with; see `PolicyPack` for each."""

    directory: Path
    config: Path | None
    project: str
    stack: str
    dry_run: bool
    inherited: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """The process's environment with what the engine adds to it."""
        return {
            **self.inherited,
            "PULUMI_ORGANIZATION": ORGANIZATION,
            "PULUMI_PROJECT": self.project,
            "PULUMI_STACK": self.stack,
            "PULUMI_DRY_RUN": str(self.dry_run).lower(),
        }


class PackProcess:
    """`python -u -m pulumi.policy <engine address> .` in the pack's folder.

    The process is started at once; `port` waits for the line in which it says where it listens.
    What it prints is kept, its last lines go into an error.

    Args:
        directory: The folder of the pack's `PulumiPolicy.yaml`.
        engine_address: Where the pack finds the engine's log service, `host:port`.
        env: The whole environment of the process.
    """

    def __init__(self, directory: Path, engine_address: str, env: Mapping[str, str]) -> None:
        self.directory = directory
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        command = [sys.executable, "-u", "-m", "pulumi.policy", engine_address, "."]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise PolicyError(
                f"the policy pack cannot be started: {error.strerror}", where=str(directory)
            ) from None
        self._readers = [self._keep(self._process.stderr)]

    def port(self, timeout: float) -> int:
        """The port the pack listens on; blocks until it says so.

        Args:
            timeout: Seconds after which a pack that says nothing is ended.

        Raises:
            PolicyError: The pack ended, or printed something else, before it listened.
        """
        stdout = self._process.stdout
        watchdog = threading.Timer(timeout, self._process.kill)
        watchdog.start()
        first = stdout.readline().strip() if stdout else ""
        watchdog.cancel()
        if not first.isdigit():
            if first:
                self._lines.append(first)
            self.stop()
            raise self.error("the policy pack did not start")
        self._readers.append(self._keep(stdout))
        return int(first)

    def log(self, line: str) -> None:
        """Keep a line that came another way than by the pack's own output."""
        self._lines.append(line)

    def error(self, reason: str) -> PolicyError:
        """`reason` with the last lines that the pack printed."""
        tail = "".join(f"\n    {line}" for line in self._lines)
        return PolicyError(f"{reason}{tail and ':'}{tail}", where=str(self.directory))

    def stop(self) -> None:
        """End the process and wait for it; safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(timeout=1)

    def _keep(self, stream: IO[str] | None) -> threading.Thread:
        def read() -> None:
            with stream or open(os.devnull) as lines:  # noqa: PTH123
                for line in lines:
                    self._lines.append(line.rstrip())

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread
