"""A backup into the place of what the tracking server's databases hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanchion_cli.deploy import task
from stanchion_cli.deploy.api import Api
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step
from stanchion_cli.tracking import jobs
from stanchion_cli.tracking.backups import Backup
from stanchion_cli.tracking.server import stopped

_REFUSAL = "OVERWRITE=true"
"""What the image's refusal to let go of runs and models names."""


def restore(
    api: Api, tracking: Mapping[str, Any], backup: Backup, *, stop_server: bool, overwrite: bool
) -> None:
    """Restore `backup`, then migrate: names and passwords are those of the Secrets once more.

    Each database is replaced as a whole or not at all. The server runs again in any case.

    Raises:
        StanchionError: when the server runs and may not be stopped, the databases hold what may
            not go, the backup is damaged or of another release, or the migration fails.
    """
    restoring = jobs.of_restore(api, tracking, backup.name, overwrite=overwrite)
    migrating = jobs.of_migration(api, tracking)
    with stopped(api, tracking, allowed=stop_server):
        with step(f"restore {backup.name}"):
            _run(api, restoring)
        with step("migrate, and set the passwords of the Secrets"):
            _migrate(api, migrating, backup)


def _run(api: Api, job: Mapping[str, Any]) -> None:
    try:
        task.run_manifests(api, [job], timeout_seconds=jobs.SECONDS)
    except StanchionError as error:
        if _REFUSAL not in error.reason:
            raise
        raise StanchionError(
            "the databases hold runs or models, which a restore would let go of; nothing changed",
            where=error.where,
            fix="back them up with `stanchion tracking backup`, then add --overwrite",
        ) from None


def _migrate(api: Api, job: Mapping[str, Any], backup: Backup) -> None:
    try:
        task.run_manifests(api, [job], timeout_seconds=jobs.SECONDS)
    except StanchionError as error:
        raise StanchionError(
            f"{backup.name} is restored, but users have the passwords of its time: {error.reason}",
            where=error.where,
            fix="mend the cause and run the same command again with --overwrite",
        ) from None
