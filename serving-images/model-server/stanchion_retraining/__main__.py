"""Command line: `stanchion-retraining`, configured by the environment."""

from __future__ import annotations

import os

from stanchion_model_server.settings import or_exit, read

from stanchion_retraining import logs
from stanchion_retraining.settings import TriggerSettings


def main() -> None:
    """Serve until told to stop.

    Exit status: 0, or 2 when the environment is wrong; then every problem stands on standard
    error.
    """
    settings = or_exit(lambda: read(os.environ, TriggerSettings))
    logs.configure()
    # It takes a second to import what reads buckets: not for a wrong environment.
    from stanchion_retraining.server import serve  # noqa: PLC0415

    serve(settings)


if __name__ == "__main__":
    main()
