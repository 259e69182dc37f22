"""Command line: `stanchion-activator`, configured by the environment."""

from __future__ import annotations

import argparse
import os

from stanchion_model_server.settings import or_exit, read
from stanchion_serving import logs

from stanchion_activator.logs import log
from stanchion_activator.server import serve
from stanchion_activator.settings import Settings


def main() -> None:
    """Hold and pass on requests until told to stop.

    Exit status: 0, or 2 when the environment is wrong; then every problem stands on standard
    error.
    """
    argparse.ArgumentParser(prog="stanchion-activator", description=__doc__).parse_args()
    settings = or_exit(lambda: read(os.environ, Settings))
    logs.configure(log)
    serve(settings)


if __name__ == "__main__":
    main()
