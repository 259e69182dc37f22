"""Reach a service inside the cluster from this machine, for as long as a block runs."""

from __future__ import annotations

import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    try:
        yield f"http://127.0.0.1:{_listening_port(process, f'service {namespace}/{service}')}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _listening_port(process: subprocess.Popen[str], where: str) -> int:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    deadline, said = time.monotonic() + _TIMEOUT_SECONDS, ""
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 1.0)[0]:
            continue
        line = process.stdout.readline()
        said += line
        if match := _LISTENING.search(line):
            return int(match[1])
        if not line and process.poll() is not None:
            break
    raise StanchionError(
        f"cannot be reached: {said.strip() or 'no answer from kubectl port-forward'}",
        where=where,
        fix="see what it is waiting for with `stanchion status` or `kubectl describe`",
    )


def kubectl_command(kubectl: Path | str, kubeconfig: Path | None, context: str | None) -> list[str]:
    """The kubectl command line that talks to exactly one context of one kubeconfig."""
    command = [str(kubectl)]
    if kubeconfig is not None:
        command.append(f"--kubeconfig={kubeconfig}")
    if context is not None:
        command.append(f"--context={context}")
    return command
