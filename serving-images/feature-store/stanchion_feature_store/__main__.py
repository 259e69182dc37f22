"""The image's command line: `stanchion-feature-store prepare|apply|materialize|check|serve`."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from stanchion_serving.logs import configure

from stanchion_feature_store.errors import (
    DefinitionsError,
    InconsistentError,
    SettingsError,
    StoreError,
)

COMMANDS = ("prepare", "apply", "materialize", "check", "serve")


def main() -> None:
    """Run one of the image's commands.

    Exit status: 0 when it went well, 1 when what was asked for failed and may succeed later, 2 when
    the environment, a secret file or the definitions are to be mended, 3 when the check found that
    served values differ.
    """
    parser = argparse.ArgumentParser(prog="stanchion-feature-store", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args().command
    configure(logging.getLogger("stanchion_feature_store"), silenced=("py.warnings", "feast"))
    try:
        _run(command)
    except (SettingsError, DefinitionsError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except InconsistentError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _run(command: str) -> None:
    # Feast takes seconds to import, and not every command needs it.
    match command:
        case "prepare":
            from stanchion_feature_store import prepare  # noqa: PLC0415

            prepare.prepare(prepare.Plan.read(os.environ))
        case "apply":
            from stanchion_feature_store import apply  # noqa: PLC0415

            apply.apply(apply.Plan.read(os.environ))
        case "materialize":
            from stanchion_feature_store import materialize  # noqa: PLC0415

            materialize.materialize(materialize.Plan.read(os.environ))
        case "check":
            from stanchion_feature_store import check  # noqa: PLC0415

            check.check(check.Plan.read(os.environ))
        case _:
            from stanchion_feature_store import serve  # noqa: PLC0415

            serve.serve(serve.Plan.read(os.environ))


if __name__ == "__main__":
    main()
