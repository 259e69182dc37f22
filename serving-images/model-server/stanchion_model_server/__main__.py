"""Command line: `stanchion-model-server COMMAND`, configured by the environment."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from stanchion_model_server import logs, settings, threads, wanted


def main() -> None:
    """Serve (the default), or check or measure the pinned model and print one JSON line.

    `adapter` puts the pinned LoRA adapter where vLLM reads it, once the registry answers.

    Exit status: 0 when all went well, 1 when `check` finds the model unfit, 2 when the
    environment is wrong, 3 when an adapter is not to be served; then every problem stands on
    standard error. `measure` ends with 0 whatever it found: whoever asked judges.
    """
    threads.one_each()
    parser = argparse.ArgumentParser(prog="stanchion-model-server", description=__doc__)
    parser.add_argument(
        "command", nargs="?", choices=("serve", "check", "measure", "adapter"), default="serve"
    )
    parser.add_argument("--gates", type=Path, help="JSON file with what `measure` finds out")
    arguments = parser.parse_args()
    command = arguments.command
    if (command == "measure") != (arguments.gates is not None):
        parser.error("measure, and nothing else, takes --gates FILE")
    if command == "adapter":
        from stanchion_model_server import adapter  # noqa: PLC0415

        asked_for = settings.or_exit(lambda: settings.read(os.environ, adapter.AdapterSettings))
        logs.configure(to_stderr=True)
        sys.exit(adapter.placed(asked_for))
    configured = settings.or_exit(lambda: settings.from_environment(os.environ))
    asked = wanted.Wanted()
    if arguments.gates is not None:
        asked = settings.or_exit(lambda: wanted.read(arguments.gates))
    logs.configure(to_stderr=command != "serve")
    # Numerical libraries read those variables when they are first imported: only now.
    if command == "check":
        from stanchion_model_server.check import check  # noqa: PLC0415

        report = check(configured)
        sys.stdout.write(json.dumps(report) + "\n")
        sys.exit(0 if report["ok"] else 1)
    if command == "measure":
        from stanchion_model_server.measure import measure  # noqa: PLC0415

        sys.stdout.write(json.dumps(measure(configured, asked)) + "\n")
        sys.exit(0)
    from stanchion_model_server.server import serve  # noqa: PLC0415

    serve(configured)


if __name__ == "__main__":
    main()
