"""Command line of the MLflow image: `stanchion-mlflow migrate|serve|backup|backups|restore|gc`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from stanchion_mlflow import logging_setup
from stanchion_mlflow.settings import (
    BackupError,
    GarbageError,
    MigrationError,
    SettingsError,
    required,
)

COMMANDS = ("migrate", "serve", "backup", "backups", "restore", "gc")


def main() -> None:
    """Run one of the image's commands.

    Exit status: 0 when it went well, 1 when what was asked for failed, 2 when the environment or
    a secret file is not what the command needs.
    """
    parser = argparse.ArgumentParser(prog="stanchion-mlflow", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args().command
    logging_setup.configure()
    # Each command needs its own part of a heavy set of imports.
    try:
        match command:
            case "migrate":
                from stanchion_mlflow import migrate  # noqa: PLC0415

                migrate.migrate(migrate.Plan.read(os.environ))
            case "serve":
                from stanchion_mlflow import serve  # noqa: PLC0415

                serve.serve(serve.Plan.read(os.environ))
            case "backup":
                from stanchion_mlflow import backup  # noqa: PLC0415

                backup.backup(backup.Plan.read(os.environ))
            case "backups":
                from stanchion_mlflow import backup  # noqa: PLC0415

                found = backup.listing(required(os.environ, "BACKUP_DESTINATION"))
                sys.stdout.write(json.dumps({"backups": found}) + "\n")
            case "restore":
                from stanchion_mlflow import restore  # noqa: PLC0415

                restore.restore(restore.Plan.read(os.environ))
            case _:
                from stanchion_mlflow import garbage  # noqa: PLC0415

                garbage.collect(garbage.Plan.read(os.environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (BackupError, GarbageError, MigrationError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
