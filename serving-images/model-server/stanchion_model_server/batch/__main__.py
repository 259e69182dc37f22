"""Command line: `stanchion-batch`, which scores files with the pinned model."""

from __future__ import annotations

import argparse
import json
import os
import sys

from stanchion_model_server import logs, threads
from stanchion_model_server.batch.errors import MISCONFIGURED
from stanchion_model_server.batch.settings import BatchSettings
from stanchion_model_server.settings import or_exit, read


def main() -> None:
    """Score the shard that `JOB_COMPLETION_INDEX` names, or all; print one JSON line for each day.

    Exit status: 0 when they are scored or were before, 1 when another try may help, 2 for wrong
    settings, 3 for a model that this image will never load, 4 for an input that the model cannot
    score.
    """
    argparse.ArgumentParser(prog="stanchion-batch", description=__doc__).parse_args()
    threads.one_each()
    settings = or_exit(lambda: read(os.environ, BatchSettings), MISCONFIGURED)
    logs.configure(to_stderr=True)
    # Numerical libraries read how many threads they may have when they are first imported.
    from stanchion_model_server.batch.run import run  # noqa: PLC0415

    status, told = run(settings)
    for each in told:
        sys.stdout.write(json.dumps(each) + "\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
