"""Command line: `stanchion-drift-monitor compare` and `serve`, configured by the environment."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, TypeVar

from stanchion_model_server import threads
from stanchion_model_server.batch.errors import MISCONFIGURED
from stanchion_model_server.settings import SettingsError, read

from stanchion_drift_monitor import logs
from stanchion_drift_monitor.settings import ExporterSettings, MonitorSettings

if TYPE_CHECKING:
    from pydantic import BaseModel

    _Kind = TypeVar("_Kind", bound=BaseModel)


def main() -> None:
    """Judge one window of the prediction log and print its verdict, or tell the newest report.

    Exit status of `compare`: 0 when the window is judged or was before, whatever was found; 1 when
    another try may help; 2 for wrong settings; 3 for a version that is not the one that wrote the
    log; 4 for a log that cannot be read.
    """
    parser = argparse.ArgumentParser(prog="stanchion-drift-monitor", description=__doc__)
    parser.add_argument("command", choices=["compare", "serve"])
    command = parser.parse_args().command
    threads.one_each()
    # Importing what reads buckets takes a second, and numerical libraries read how many threads
    # they may have when they are first imported: not before the settings are known to be right.
    if command == "serve":
        told = _settings(ExporterSettings)
        logs.configure()
        from stanchion_drift_monitor.exporter import serve  # noqa: PLC0415

        serve(told)
        return
    settings = _settings(MonitorSettings)
    logs.configure(to_stderr=True)
    from stanchion_drift_monitor.run import run  # noqa: PLC0415

    status, report = run(settings)
    if report is not None:
        versions = {
            each["version"]: {name: check["verdict"] for name, check in each["checks"].items()}
            for each in report["versions"]
        }
        said = {
            "window": report["window"],
            "key": report["key"],
            "verdict": report["verdict"],
            "versions": versions,
        }
        sys.stdout.write(json.dumps(said) + "\n")
    sys.exit(status)


def _settings(kind: type[_Kind]) -> _Kind:
    try:
        return read(os.environ, kind)
    except SettingsError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        sys.exit(MISCONFIGURED)


if __name__ == "__main__":
    main()
