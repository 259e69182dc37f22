"""`stanchion-feature-store materialize`: the newest values from the files into PostgreSQL.

A run takes up each view where the last one ended, less an overlap for rows that came late, and goes
on in steps of a bounded length. Progress is kept after each step, so that a run that is killed
costs one step; writing a step again writes the same rows.
"""

from __future__ import annotations

import logging
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from sqlalchemy.exc import SQLAlchemyError

from stanchion_feature_store import feast_store, state
from stanchion_feature_store.database import alone, connect, one_line
from stanchion_feature_store.errors import SettingsError, StoreError
from stanchion_feature_store.settings import Login, Settings, login, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger("stanchion_feature_store")


@dataclass(frozen=True)
class Plan:
    """Everything one run needs.

    Attributes:
        settings: Where the store is.
        writer: The role that writes.
        overlap: How late a row may come and still be served.
        step: Longest stretch of time that is read at once.
        until: Where to end; None: now.
    """

    settings: Settings
    writer: Login
    overlap: timedelta
    step: timedelta
    until: datetime | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret file.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        settings = Settings.read(environment)
        overlap = timedelta(minutes=number(environment, "OVERLAP_MINUTES", 60))
        step = timedelta(hours=number(environment, "STEP_HOURS", 168))
        if step <= overlap:
            # Else a killed run could leave older values than the one before had written.
            raise SettingsError(
                f"STEP_HOURS: {step} is no longer than OVERLAP_MINUTES, {overlap}; write more"
            )
        return cls(
            settings,
            login("writer", username=settings.database.writer),
            overlap,
            step,
            moment(environment, "UNTIL"),
        )


def moment(environment: Mapping[str, str], variable: str) -> datetime | None:
    """A variable that holds a moment with its time zone, as 2026-01-31T12:00:00+00:00.

    Raises:
        SettingsError: It is none.
    """
    text = environment.get(variable)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        raise SettingsError(
            f"{variable}: '{text}' is no moment; write one as 2026-01-31T12:00:00+00:00"
        )
    return found.astimezone(UTC)


def materialize(plan: Plan) -> None:
    """Bring every view up to now. A view that fails does not hold up the others.

    Raises:
        StoreError: The database did not answer, or a view could not be materialised.
    """
    until = (plan.until or datetime.now(UTC)).replace(microsecond=0)
    failed: list[str] = []
    try:
        connection = connect(plan.settings.database, plan.writer)
        with connection, alone(connection):
            store = feast_store.opened(plan.settings, plan.writer)
            known = state.progress(connection)
            for view in feast_store.views(store):
                try:
                    bring_up(
                        plan,
                        store,
                        connection,
                        view,
                        before=known.get(view.name),
                        until=until,
                    )
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    raise
                except Exception as error:  # noqa: BLE001 - Feast and its sources raise anything
                    failed.append(f"{view.name}: {type(error).__name__}: {one_line(error)}")
    except (psycopg.Error, SQLAlchemyError) as error:
        raise StoreError(one_line(error)) from error
    if failed:
        raise StoreError("\n".join(failed))


def bring_up(
    plan: Plan,
    store: Any,
    connection: Any,
    view: Any,
    *,
    before: datetime | None,
    until: datetime,
) -> None:
    """Write a view's values, less what is past its ttl. To be called `alone`.

    Args:
        plan: How far to go back, and the longest step.
        store: Feast, as the writer.
        connection: Where progress is kept, as the writer.
        view: The view.
        before: Where the last run ended; None: there was none.
        until: Where to end. The last run's end again is the overlap alone.
    """
    began, steps = time.monotonic(), 0
    for start, end in windows(view.ttl, before, until, plan.overlap, plan.step):
        # Feast draws progress bars.
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            store._get_provider().materialize_single_feature_view(
                config=store.config,
                feature_view=view,
                start_date=start,
                end_date=end,
                registry=store.registry,
                project=store.project,
                tqdm_builder=_silent,
            )
        state.reached(connection, view.name, end)
        steps += 1
    forgotten = connection.execute(
        sql.SQL("DELETE FROM {} WHERE event_ts < %s").format(
            sql.Identifier(feast_store.SCHEMA, f"{store.project}_{view.name}")
        ),
        (until - view.ttl,),
    ).rowcount
    log.info(
        "materialised",
        extra={
            "fields": {
                "feature_view": view.name,
                "until": until.isoformat(),
                "steps": steps,
                "expired_values": forgotten,
                "seconds": round(time.monotonic() - began, 3),
            }
        },
    )


def windows(
    ttl: timedelta, before: datetime | None, until: datetime, overlap: timedelta, step: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of time that a run reads, in order.

    Nothing before `until - ttl` is read: no such value would be served. A moment before the last
    run's end is no work at all.

    Args:
        ttl: How long a value of the view is served.
        before: Where the last run ended; None: there was none.
        until: Where to end.
        overlap: How far to go back behind the last run's end.
        step: The longest stretch.
    """
    if before is not None and before > until:
        return
    start = until - ttl
    if before is not None:
        start = max(start, before - overlap)
    while start < until:
        end = min(start + step, until)
        yield start, end
        start = end


def _silent(length: int) -> Any:
    from tqdm import tqdm  # noqa: PLC0415

    return tqdm(total=length, disable=True)
