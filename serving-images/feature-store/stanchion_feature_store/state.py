"""What is known of each feature view, beside Feast's registry: how far it is, and what was checked.

Feast's own record of materialisation is a list in the registry that grows with every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS stanchion.views ("
    " feature_view text PRIMARY KEY,"
    " definition text NOT NULL,"
    " registered_at timestamptz NOT NULL DEFAULT now(),"
    " materialized_until timestamptz)",
    "CREATE TABLE IF NOT EXISTS stanchion.checks ("
    " feature_view text NOT NULL REFERENCES stanchion.views ON DELETE CASCADE,"
    " feature text NOT NULL,"
    " compared integer NOT NULL,"
    " inconsistent integer NOT NULL,"
    " checked_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (feature_view, feature))",
)


@dataclass(frozen=True)
class Checked:
    """What a check found of one feature.

    Attributes:
        feature_view: Its view.
        feature: Its name.
        compared: Values that were compared.
        inconsistent: Those that differ, or are missing on one side.
    """

    feature_view: str
    feature: str
    compared: int
    inconsistent: int


@dataclass(frozen=True)
class State:
    """All that is known.

    Attributes:
        until: Seconds of Unix time up to which each view is materialised; a view that never was
            counts from its registration.
        checked: Seconds of Unix time of each view's last check; from its registration likewise.
        found: What the last check found.
    """

    until: Mapping[str, float]
    checked: Mapping[str, float]
    found: tuple[Checked, ...]


def register(connection: Any, definitions: Mapping[str, str]) -> list[str]:
    """Make the tables, know these views and forget others.

    A view whose definition is another one begins again: its values were made by the old one.

    Args:
        connection: As the tables' owner.
        definitions: A hash of what each view's values are made by.

    Returns:
        The views that begin again, the new ones among them.
    """
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(
        "DELETE FROM stanchion.views WHERE feature_view <> ALL (%s)", (list(definitions),)
    )
    began = []
    for name, definition in definitions.items():
        changed = connection.execute(
            "INSERT INTO stanchion.views (feature_view, definition) VALUES (%s, %s)"
            " ON CONFLICT (feature_view) DO UPDATE SET definition = excluded.definition,"
            " registered_at = now(), materialized_until = NULL"
            " WHERE views.definition <> excluded.definition RETURNING 1",
            (name, definition),
        ).fetchone()
        if changed:
            began.append(name)
    return began


def progress(connection: Any) -> dict[str, datetime | None]:
    """Up to when each view is materialised; None: not at all."""
    rows = connection.execute("SELECT feature_view, materialized_until FROM stanchion.views")
    return dict(rows.fetchall())


def reached(connection: Any, name: str, until: datetime) -> None:
    """A view is materialised up to a moment."""
    connection.execute(
        "UPDATE stanchion.views SET materialized_until = %s WHERE feature_view = %s"
        " AND materialized_until IS DISTINCT FROM %s",
        (until, name, until),
    )


def record(connection: Any, name: str, found: Iterable[Checked]) -> None:
    """Replace what the check before found of a view."""
    with connection.transaction():
        connection.execute("DELETE FROM stanchion.checks WHERE feature_view = %s", (name,))
        for each in found:
            connection.execute(
                "INSERT INTO stanchion.checks (feature_view, feature, compared, inconsistent)"
                " VALUES (%s, %s, %s, %s)",
                (each.feature_view, each.feature, each.compared, each.inconsistent),
            )


def read(connection: Any) -> State:
    """All that is known, in one look."""
    rows = connection.execute(
        "SELECT v.feature_view,"
        " extract(epoch FROM coalesce(v.materialized_until, v.registered_at))::float8,"
        " extract(epoch FROM coalesce(max(c.checked_at), v.registered_at))::float8"
        " FROM stanchion.views v LEFT JOIN stanchion.checks c USING (feature_view)"
        " GROUP BY v.feature_view"
    ).fetchall()
    found = connection.execute(
        "SELECT feature_view, feature, compared, inconsistent FROM stanchion.checks ORDER BY 1, 2"
    ).fetchall()
    return State(
        {name: until for name, until, _ in rows},
        {name: checked for name, _, checked in rows},
        tuple(Checked(*row) for row in found),
    )
