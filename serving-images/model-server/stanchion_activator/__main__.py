"""Command line: `stanchion-activator`, configured by the environment."""

from __future__ import annotations

import argparse
import os
import sys

from stanchion_model_server.settings import SettingsError, read
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
    try:
        settings = read(os.environ, Settings)
    except SettingsError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        sys.exit(2)
    logs.configure(log)
    serve(settings)


if __name__ == "__main__":
    main()
