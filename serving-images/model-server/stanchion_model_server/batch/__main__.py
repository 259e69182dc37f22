"""Command line: `stanchion-batch`, which scores files with the pinned model."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from typing import Final

from stanchion_model_server import logs, threads
from stanchion_model_server.batch.errors import MISCONFIGURED
from stanchion_model_server.batch.settings import BatchSettings
from stanchion_model_server.settings import or_exit, read

_TERMINATED: Final = 128 + signal.SIGTERM


def main() -> None:
    """Score the shard that `JOB_COMPLETION_INDEX` names, or all; print one JSON line for each day.

    Exit status: 0 when they are scored or were before, 1 when another try may help, 2 for wrong
    settings, 3 for a model that this image will never load, 4 for an input that the model cannot
    score.
    """
    argparse.ArgumentParser(prog="stanchion-batch", description=__doc__).parse_args()
    end_when_told()
    threads.one_each()
    settings = or_exit(lambda: read(os.environ, BatchSettings), MISCONFIGURED)
    logs.configure(to_stderr=True)
    # Numerical libraries read how many threads they may have when they are first imported.
    from stanchion_model_server.batch.run import run  # noqa: PLC0415

    status, told = run(settings)
    for each in told:
        sys.stdout.write(json.dumps(each) + "\n")
    sys.exit(status)


def end_when_told() -> None:
    """End at once on SIGTERM, as anything but a container's first process does by itself.

    What would go on for the grace of a pod that is replaced writes beside the one that replaces it.
    Nothing is put away: a kill at any moment leaves what the next try needs.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_TERMINATED))


if __name__ == "__main__":
    main()
