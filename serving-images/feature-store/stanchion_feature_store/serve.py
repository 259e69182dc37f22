"""`stanchion-feature-store serve`: online features over HTTP, and the metrics of the store."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from feast.feature_server import get_app
from feast.permissions.server.utils import AuthManagerType, ServerType, init_auth_manager
from prometheus_client import start_http_server
from sqlalchemy.exc import SQLAlchemyError
from stanchion_serving.server import DrainingServer, configured

from stanchion_feature_store import feast_store, state
from stanchion_feature_store.app import Application
from stanchion_feature_store.database import connect, one_line
from stanchion_feature_store.errors import StoreError
from stanchion_feature_store.metrics import Metrics
from stanchion_feature_store.settings import Login, Settings, login, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("stanchion_feature_store")
_REQUEST_SECONDS: Final = 30
_IN_TIME: Final = "SET statement_timeout = '4s'"


@dataclass(frozen=True)
class Plan:
    """Everything the server needs."""

    settings: Settings
    reader: Login
    host: str
    port: int
    metrics_port: int
    drain_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret file.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        settings = Settings.read(environment)
        return cls(
            settings,
            login("reader", username=settings.database.reader),
            environment.get("HOST") or "0.0.0.0",  # noqa: S104 - a pod is reached from outside
            number(environment, "PORT", 8080),
            number(environment, "METRICS_PORT", 9090),
            number(environment, "DRAIN_SECONDS", 10),
        )


def serve(plan: Plan) -> None:
    """Serve until told to stop; returns after the last accepted request is answered.

    The definitions are those that were applied before it started.

    Raises:
        StoreError: The registry could not be read.
    """
    try:
        store = feast_store.opened(plan.settings, plan.reader)
        names = [view.name for view in feast_store.views(store)]
    except SQLAlchemyError as error:
        raise StoreError(one_line(error)) from error
    init_auth_manager(
        auth_type=AuthManagerType.NONE,
        server_type=ServerType.REST,
        auth_config=store.config.auth_config,
    )
    metrics = Metrics(_asked(plan, state.read))
    ready = _asked(plan, lambda connection: connection.execute("SELECT 1").fetchone())
    # Feast's own timer that reads the registry again ends for good at its first failure.
    application = Application(get_app(store, registry_ttl_sec=0), metrics, lambda: _holds(ready))
    config = configured(application, plan.host, plan.port, _REQUEST_SECONDS)
    config.lifespan = "on"
    start_http_server(plan.metrics_port, addr=plan.host, registry=metrics.registry)
    log.info("listening", extra={"fields": {"port": plan.port, "views": names}})
    DrainingServer(config, application.drain, plan.drain_seconds).run()
    log.info("stopped")


def _asked(plan: Plan, question: Callable[[Any], Any]) -> Callable[[], Any]:
    """A question to the database, over a connection of its own."""

    def ask() -> Any:
        try:
            with connect(plan.settings.database, plan.reader) as connection:
                connection.execute(_IN_TIME)
                return question(connection)
        except psycopg.Error as error:
            raise StoreError(one_line(error)) from error

    return ask


def _holds(question: Callable[[], Any]) -> bool:
    try:
        question()
    except StoreError as error:
        log.warning("not ready: %s", error)
        return False
    return True
