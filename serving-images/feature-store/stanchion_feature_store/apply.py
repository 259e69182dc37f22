"""`stanchion-feature-store apply`: a team's definitions into the registry, as its owner."""

from __future__ import annotations

import logging
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from feast.repo_operations import apply_total_with_repo_instance
from sqlalchemy.exc import SQLAlchemyError

from stanchion_feature_store import definitions, feast_store, state
from stanchion_feature_store.database import alone, one_line, wait_for
from stanchion_feature_store.errors import StoreError
from stanchion_feature_store.settings import Login, Settings, login, number, required

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("stanchion_feature_store")


@dataclass(frozen=True)
class Plan:
    """Everything one run needs."""

    settings: Settings
    owner: Login
    folder: Path
    wait_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret file.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        settings = Settings.read(environment)
        return cls(
            settings,
            login("owner", username=settings.database.owner),
            Path(required(environment, "DEFINITIONS_DIR")),
            number(environment, "DB_WAIT_SECONDS", 600),
        )


def apply(plan: Plan) -> None:
    """Make the registry what the definitions say; what they no longer name goes, values included.

    Nothing is changed where the definitions are refused.

    Raises:
        DefinitionsError: The definitions cannot be run, or say what is not served.
        StoreError: The database stayed away, or refused a statement.
    """
    with tempfile.TemporaryDirectory(prefix="definitions-") as scratch:
        found = definitions.load(plan.folder, Path(scratch))
    definitions.check(found, plan.settings.sources)
    connection = wait_for(plan.settings.database, plan.owner, plan.wait_seconds)
    try:
        with alone(connection):
            store = feast_store.opened(plan.settings, plan.owner, creates=True)
            # Feast tells a terminal what it does.
            with redirect_stdout(StringIO()):
                apply_total_with_repo_instance(
                    store, plan.settings.project, store.registry, found, skip_source_validation=True
                )
            served = feast_store.views(store)
            began = state.register(
                connection, {view.name: definitions.fingerprint(view) for view in served}
            )
    except (psycopg.Error, SQLAlchemyError) as error:
        raise StoreError(one_line(error)) from error
    finally:
        connection.close()
    log.info(
        "definitions applied",
        extra={"fields": {"views": [view.name for view in served], "begin": began}},
    )
