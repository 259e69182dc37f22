"""Which backups there are, and which one is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from stanchion_cli.deploy import task
from stanchion_cli.deploy.api import Api
from stanchion_cli.errors import InputError
from stanchion_cli.tracking import jobs

_NAME = "tracking-%Y%m%dT%H%M%SZ.tar.gz"


@dataclass(frozen=True)
class Backup:
    """One file of a store of backups."""

    name: str
    bytes: int
    taken: datetime
    """When it was begun, in UTC."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """A backup as the image lists it."""
        taken = datetime.strptime(found["name"], _NAME).replace(tzinfo=UTC)
        return cls(found["name"], int(found["bytes"] or 0), taken)


def listed(api: Api, tracking: Mapping[str, Any]) -> list[Backup]:
    """Every backup in the environment's store, oldest first.

    Raises:
        StanchionError: when the store cannot be read, with what the Job printed.
    """
    job = jobs.of_backup(api, tracking, "list", ("stanchion-mlflow", "backups"))
    printed = task.run_manifests(api, [job], timeout_seconds=jobs.SECONDS)
    found = task.result(printed, str(job["metadata"]["name"]))["backups"]
    return sorted((Backup.of(each) for each in found), key=lambda backup: backup.taken)


def back_up(api: Api, tracking: Mapping[str, Any]) -> None:
    """Write a backup now, out of turn.

    Raises:
        StanchionError: when it fails, with what the Job printed.
    """
    job = jobs.of_backup(api, tracking, "now", ("stanchion-mlflow", "backup"))
    task.run_manifests(api, [job], timeout_seconds=jobs.SECONDS)


def choose(found: Sequence[Backup], *, at: str = "", name: str = "") -> Backup:
    """The backup called `name`, the newest not after `at`, or the newest of all.

    Args:
        found: Every backup there is, oldest first.
        at: A time as ISO 8601 writes it, in UTC unless it says otherwise; empty for none.
        name: A backup's name; empty for none.

    Raises:
        InputError: when both are given, `at` is no time, or there is no such backup.
    """
    if at and name:
        raise InputError("exclude each other", where="--at and --backup", fix="leave one out")
    if at:
        return _at(found, _moment(at))
    named = [backup for backup in found if name in ("", backup.name)]
    if not named:
        known = ", ".join(backup.name for backup in found[-5:]) or "none"
        raise InputError(
            f"there is no backup {name}".rstrip() + f"; the newest are: {known}",
            where="--backup" if name else "",
            fix="see all with `stanchion tracking backups`",
        )
    return named[-1]


def _at(found: Sequence[Backup], moment: datetime) -> Backup:
    before = [backup for backup in found if backup.taken <= moment]
    if not before:
        oldest = f"{found[0].taken:%Y-%m-%d %H:%M:%S} UTC" if found else "none"
        raise InputError(
            f"no backup is as old as {moment:%Y-%m-%d %H:%M:%S} UTC; the oldest is: {oldest}",
            where="--at",
            fix="see all with `stanchion tracking backups`",
        )
    return before[-1]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"'{text}' is no time", where="--at", fix="write it as 2026-11-21T14:30 or …T14:30Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
