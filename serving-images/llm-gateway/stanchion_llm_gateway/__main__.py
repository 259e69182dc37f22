"""Command line: `stanchion-llm-gateway [serve|check]`, configured by a file and the environment.

`CONFIGURATION` names the file, default /etc/stanchion/gateway.json; `HOST`, `PORT` (8080) and
`METRICS_PORT` (9090) say where to listen.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stanchion_llm_gateway import logs
from stanchion_llm_gateway.configuration import ConfigurationError, load

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - a pod is reached from outside itself


def main() -> None:
    """Serve (the default), or check the configuration.

    Exit status: 0, or 2 when the configuration or the environment is wrong; then every problem
    stands on standard error.
    """
    parser = argparse.ArgumentParser(prog="stanchion-llm-gateway", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("serve", "check"), default="serve")
    command = parser.parse_args().command
    try:
        _run(command)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        sys.exit(2)


def _run(command: str) -> None:
    configuration = load(Path(os.environ.get("CONFIGURATION", "/etc/stanchion/gateway.json")))
    port, metrics_port = _port("PORT", 8080), _port("METRICS_PORT", 9090)
    # It takes seconds to import what finds personal data: not for a wrong file.
    if command == "check":
        from stanchion_llm_gateway.guardrails.chain import (  # noqa: PLC0415
            AnswerGuard,
            PromptGuard,
        )

        PromptGuard(configuration.guardrails.input)
        AnswerGuard(configuration.guardrails.output)
        return
    logs.configure()
    from stanchion_llm_gateway.server import serve  # noqa: PLC0415

    serve(configuration, os.environ.get("HOST") or _EVERYWHERE, port, metrics_port)


def _port(variable: str, default: int) -> int:
    given = os.environ.get(variable) or str(default)
    if not given.isdigit() or not 1 <= int(given) <= 65535:
        raise ConfigurationError([f"{variable}: '{given}' is no port; write 1 to 65535"])
    return int(given)


if __name__ == "__main__":
    main()
