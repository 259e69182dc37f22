"""Runs the feature store's commands as processes that have imported Feast already.

Run by the image's own interpreter. Each line of standard input is a command, its environment and
where its output goes; each line of output a process' number, then its number and exit status.
"""

import json
import os
import sys
from contextlib import suppress

import stanchion_feature_store.apply
import stanchion_feature_store.check
import stanchion_feature_store.materialize
import stanchion_feature_store.prepare
import stanchion_feature_store.serve  # noqa: F401
from stanchion_feature_store.__main__ import main


def child(told: dict[str, object]) -> None:
    """Become the command."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(str(told[name]), flags, 0o600), number)
    os.environ.clear()
    os.environ.update(dict(told["environment"]))  # type: ignore[call-overload]
    sys.argv = ["stanchion-feature-store", str(told["command"])]
    status = 0
    try:
        main()
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        sys.excepthook(*sys.exc_info())
        status = 1
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


for line in sys.stdin:
    told = json.loads(line)
    pid = os.fork()
    if pid == 0:
        child(told)
    print(pid, flush=True)
    if told["waits"]:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
