"""Feast, told in memory what it otherwise reads from a file with the password in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from stanchion_feature_store.online import NAME

# Feast sends its maker what it is used for unless it is told not to, before it is imported.
os.environ["FEAST_USAGE"] = "False"

from feast import FeatureStore, FeatureView, RepoConfig

if TYPE_CHECKING:
    from stanchion_feature_store.settings import Login, Settings

SCHEMA: Final = "features"
"""The registry's tables and the online features'."""
_CONNECTIONS: Final = 10


def opened(settings: Settings, login: Login, *, creates: bool = False) -> Any:
    """The feature store as a role of the database sees it.

    The registry is read once: what a process serves is what was applied before it started.

    Args:
        settings: Where it is.
        login: The role.
        creates: Whether to make the registry's tables, which the owner alone may.
    """
    database = settings.database
    return FeatureStore(
        config=RepoConfig(
            project=settings.project,
            provider="local",
            registry={
                "registry_type": "sql",
                "path": f"postgresql+psycopg://{database.host}:{database.port}/{database.name}",
                "cache_ttl_seconds": 0,
                "schema_mode": "auto" if creates else "skip",
                "sqlalchemy_config_kwargs": {
                    "pool_pre_ping": True,
                    "connect_args": {
                        "user": login.username,
                        "password": login.password,
                        "sslmode": database.sslmode,
                        "options": f"-c search_path={SCHEMA}",
                    },
                },
            },
            online_store={
                "type": NAME,
                "host": database.host,
                "port": database.port,
                "database": database.name,
                "db_schema": SCHEMA,
                "user": login.username,
                "password": login.password,
                "sslmode": database.sslmode,
                "max_conn": _CONNECTIONS,
            },
            offline_store={"type": "dask"},
            entity_key_serialization_version=3,
        )
    )


def views(store: Any) -> list[Any]:
    """The feature views that are served, by name."""
    found = [view for view in store.list_feature_views() if isinstance(view, FeatureView)]
    return sorted((view for view in found if view.online), key=lambda view: view.name)
