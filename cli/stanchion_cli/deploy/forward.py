"""Reach a service inside the cluster from this machine, for as long as a block runs."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stanchion_cli.errors import StanchionError

_TIMEOUT_SECONDS = 30
_LISTENING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


@contextmanager
def forward(kubectl: list[str], namespace: str, service: str, port: int) -> Iterator[str]:
    """Yield `http://127.0.0.1:<free port>`, which answers as the service does.

    Args:
        kubectl: The kubectl command with its kubeconfig and context.
        namespace: The service's namespace.
        service: The service's name.
        port: The service's port.

    Raises:
        StanchionError: when the service has no ready pod or does not exist.
    """
    command = [
        *kubectl, "port-forward", "--address=127.0.0.1", f"--namespace={namespace}",
        f"service/{service}", f":{port}",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        listening = _Output(process.stdout).listening_port(f"service {namespace}/{service}")
        yield f"http://127.0.0.1:{listening}"
    finally:
        process.terminate()
        process.wait(timeout=10)


class _Output:
    """What kubectl prints, read to its end.

    It prints a line for every connection, and forwards nothing more once nobody takes them.
    """

    def __init__(self, printed: IO[str]) -> None:
        self._said = ""
        self._port: int | None = None
        self._known = threading.Event()
        threading.Thread(target=self._read, args=(printed,), daemon=True).start()

    def listening_port(self, where: str) -> int:
        """The port on this machine, once there is one."""
        self._known.wait(_TIMEOUT_SECONDS)
        if self._port is not None:
            return self._port
        raise StanchionError(
            f"cannot be reached: {self._said.strip() or 'no answer from kubectl port-forward'}",
            where=where,
            fix="see what it is waiting for with `stanchion status` or `kubectl describe`",
        )

    def _read(self, printed: IO[str]) -> None:
        with printed:
            for line in printed:
                if self._port is not None:
                    continue
                self._said += line
                if match := _LISTENING.search(line):
                    self._port = int(match[1])
                    self._known.set()
        self._known.set()


def kubectl_command(kubectl: Path | str, kubeconfig: Path | None, context: str | None) -> list[str]:
    """The kubectl command line that talks to exactly one context of one kubeconfig."""
    command = [str(kubectl)]
    if kubeconfig is not None:
        command.append(f"--kubeconfig={kubeconfig}")
    if context is not None:
        command.append(f"--context={context}")
    return command
