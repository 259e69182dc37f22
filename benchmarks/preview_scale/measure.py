"""What one preview costs: its own process and those it starts, in time and memory."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from stanchion_cli.errors import StanchionError

from benchmarks.checkouts import ENVIRONMENT
from benchmarks.processes import Usage, measured


@dataclass(frozen=True)
class Cost:
    """What one preview took."""

    resources: int
    """Registered, components among them."""
    usage: Usage


def preview(root: Path) -> Cost:
    """Preview the environment of a checkout, policies and report included.

    Raises:
        StanchionError: The preview ends with anything but a clean verdict.
    """
    report, log = root / "report.json", root / "preview.log"
    command = [
        *(sys.executable, "-c", "from stanchion_cli.app import main; main()"),
        *("preview", ENVIRONMENT, "--root", str(root), "--format", "json", "-o", str(report)),
    ]
    usage = measured(command, root, log)
    if usage.status:
        raise StanchionError(
            f"the preview ended with {usage.status}:\n{log.read_text(errors='replace')}"
        )
    (environment,) = json.loads(report.read_text(encoding="utf-8"))["environments"]
    return Cost(len(environment["resources"]), usage)
