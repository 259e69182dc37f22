"""`stanchion-mlflow serve`: MLflow's server with users, host check and metrics."""

from __future__ import annotations

import configparser
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from stanchion_mlflow.settings import (
    ARTIFACT_ROOT_VARIABLE,
    ARTIFACTS_DESTINATION_VARIABLE,
    BACKEND_STORE_VARIABLE,
    REGISTRY_STORE_VARIABLE,
    SERVE_ARTIFACTS_VARIABLE,
    Database,
    Login,
    SettingsError,
    number,
    read_login,
    read_secret,
    required,
    write_passfile,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_AUTH_CACHE_SECONDS: Final = 30
_DRAIN_SECONDS: Final = 30


@dataclass(frozen=True)
class Plan:
    """Everything the server needs."""

    database: Database
    server: Login
    admin_username: str
    session_key: str
    artifacts_destination: str
    allowed_hosts: str
    cors_allowed_origins: str
    read_only_users: str
    workers: int
    host: str
    port: int
    metrics_port: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment and the secret files.

        Raises:
            SettingsError: Something is missing or malformed, or the host check is turned off.
        """
        database = Database.read(environment)
        allowed = required(environment, "ALLOWED_HOSTS")
        if "*" in (host.strip() for host in allowed.split(",")):
            raise SettingsError("ALLOWED_HOSTS: * turns the host check off; list the names")
        return cls(
            database=database,
            server=read_login("database-server", username=database.server_role),
            admin_username=read_secret("mlflow-admin", "username"),
            session_key=read_secret("session", "key"),
            artifacts_destination=required(environment, "ARTIFACTS_DESTINATION"),
            allowed_hosts=allowed,
            cors_allowed_origins=environment.get("CORS_ALLOWED_ORIGINS", ""),
            read_only_users=environment.get("READ_ONLY_USERS", "registry-reader"),
            workers=number(environment, "WORKERS", 1),
            host=environment.get("HOST") or "0.0.0.0",  # noqa: S104 - a pod is reached from outside
            port=number(environment, "PORT", 5000),
            metrics_port=number(environment, "METRICS_PORT", 9090),
        )


def serve(plan: Plan) -> None:
    """Run the server until it is told to stop.

    With one worker everything is this process; with more, this process only watches over them.
    The administrator must exist: `migrate` creates it, and no default password is ever used.
    """
    with tempfile.TemporaryDirectory(prefix="stanchion-") as folder:
        scratch = Path(folder)
        passfile, users, metrics = scratch / "pgpass", scratch / "users.ini", scratch / "metrics"
        metrics.mkdir()
        write_passfile(passfile, plan.database, plan.server)
        _write_users(users, plan, passfile)
        os.environ.update(_environment(plan, passfile, users, metrics))
        tempfile.tempdir = folder
        _expose_metrics(plan, metrics)
        uvicorn.run(
            "stanchion_mlflow.app:create_app",
            factory=True,
            host=plan.host,
            port=plan.port,
            workers=plan.workers,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )


def _write_users(path: Path, plan: Plan, passfile: Path) -> None:
    """MLflow's user configuration. It holds no password; reading is every user's right."""
    configuration = configparser.ConfigParser(interpolation=None)
    configuration["mlflow"] = {
        "default_permission": "READ",
        # MLflow reads this file with interpolation.
        "database_uri": _uri(plan, plan.database.auth, passfile).replace("%", "%%"),
        "admin_username": plan.admin_username,
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": str(_AUTH_CACHE_SECONDS),
    }
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as stream:
        configuration.write(stream)


def _uri(plan: Plan, database: str, passfile: Path) -> str:
    return plan.database.uri(database, plan.server.username, passfile)


def _environment(plan: Plan, passfile: Path, users: Path, metrics: Path) -> dict[str, str]:
    """What MLflow's own command would set for its workers, and the switches it has no option for.

    The session key is the one secret here; MLflow takes it no other way. It is set inside the
    process and is no part of the pod's specification.
    """
    store = _uri(plan, plan.database.tracking, passfile)
    settings = {
        BACKEND_STORE_VARIABLE: store,
        REGISTRY_STORE_VARIABLE: store,
        ARTIFACT_ROOT_VARIABLE: "mlflow-artifacts:/",
        ARTIFACTS_DESTINATION_VARIABLE: plan.artifacts_destination,
        SERVE_ARTIFACTS_VARIABLE: "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_AUTH_CONFIG_PATH": str(users),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": plan.session_key,
        "MLFLOW_SERVER_ALLOWED_HOSTS": plan.allowed_hosts,
        "MLFLOW_SERVER_X_FRAME_OPTIONS": "SAMEORIGIN",
        "MLFLOW_ENABLE_WORKSPACES": "false",
        # Background jobs would be further processes, for features this platform does not use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "READ_ONLY_USERS": plan.read_only_users,
    }
    if plan.cors_allowed_origins:
        settings["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = plan.cors_allowed_origins
    return settings


def _expose_metrics(plan: Plan, folder: Path) -> None:
    # PROMETHEUS_MULTIPROC_DIR must be set before this import.
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    start_http_server(plan.metrics_port, addr=plan.host, registry=registry)
