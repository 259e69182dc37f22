"""What the image adds around MLflow: metrics, users who only read, readiness, its settings."""

from __future__ import annotations

import base64
import configparser
from pathlib import Path
from typing import Any

import pytest
from mlflow.server import constants
from prometheus_client import REGISTRY
from sqlalchemy.engine import make_url
from stanchion_mlflow import settings
from stanchion_mlflow.app import Guarded, Measured, handler, reads
from stanchion_mlflow.serve import Plan, _environment, _write_users
from stanchion_mlflow.settings import Database, Login, SettingsError, write_passfile

from .conftest import Client, Reply

DATABASE = Database("db.example", 5432, "mlflow", "mlflow_auth", "mlflow", "require")
ENVIRONMENT = {
    "DB_HOST": "db.example",
    "ALLOWED_HOSTS": "mlflow.mlflow:5000,localhost",
    "ARTIFACTS_DESTINATION": "/artifacts",
}


async def answers(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Stands for MLflow: allowed, as far as it is concerned."""
    status = 404 if scope["path"].startswith("/nowhere") else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"mlflow"})


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder, keys in {
        "database-server": {"password": "p:w\\d"},
        "mlflow-admin": {"username": "admin", "password": "secret-of-admin"},
        "session": {"key": "secret-of-session"},
    }.items():
        (tmp_path / folder).mkdir()
        for key, value in keys.items():
            (tmp_path / folder / key).write_text(value + "\n")
    monkeypatch.setenv("STANCHION_SECRETS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/2.0/mlflow/registered-models/get", "mlflow/registered-models/get"),
        ("/ajax-api/2.0/mlflow/runs/search", "mlflow/runs/search"),
        ("/api/2.0/mlflow/logged-models/m-123/tags", "mlflow/logged-models"),
        ("/api/2.0/mlflow-artifacts/artifacts/a/b/c.bin", "mlflow-artifacts"),
        ("/health", "/health"),
        ("/static-files/main.js", "/static-files"),
        ("/", "/"),
        ("/wp-login.php", "other"),
        ("/api/2.0/mlflow/../../etc", "other"),
    ],
)
def test_paths_become_few_handlers(path: str, expected: str) -> None:
    assert handler(path) == expected


async def test_requests_are_counted_and_unknown_paths_share_a_series() -> None:
    client = Client(Measured(answers))
    for path in ("/nowhere/1", "/nowhere/2", "/health"):
        await client("GET", path)
    sample = REGISTRY.get_sample_value

    def count(handler_name: str, status: str) -> float | None:
        labels = {"method": "GET", "handler": handler_name, "status": status}
        return sample("mlflow_http_requests_total", labels)

    assert count("other", "404") == 2.0
    assert count("/health", "200") == 1.0
    assert sample("mlflow_http_requests_in_flight") == 0.0


def as_user(name: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:x".encode()).decode()}


async def ask(method: str, path: str, headers: dict[str, str] | None = None) -> Reply:
    guarded = Guarded(answers, frozenset({"registry-reader"}), lambda: True)
    return await Client(guarded)(method, path, headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/2.0/mlflow/model-versions/get", True),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/model.pkl", True),
        ("POST", "/api/2.0/mlflow/experiments/search", True),
        ("POST", "/api/2.0/mlflow/registered-models/get-latest-versions", True),
        ("POST", "/graphql", True),
        ("POST", "/api/2.0/mlflow/registered-models/create", False),
        ("POST", "/api/2.0/mlflow/experiments/create", False),
        ("POST", "/api/2.0/mlflow/unknown/verb", False),
        ("PATCH", "/api/2.0/mlflow/users/update-password", False),
        ("DELETE", "/api/2.0/mlflow/model-versions/delete", False),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/model.pkl", False),
    ],
)
async def test_a_reader_reads_and_does_not_write(method: str, path: str, *, allowed: bool) -> None:
    assert reads(method, path) is allowed
    assert (await ask(method, path, as_user("registry-reader"))).status == (200 if allowed else 403)
    assert (await ask(method, path, as_user("somebody"))).status == 200


async def test_a_name_that_cannot_be_read_is_left_to_mlflow() -> None:
    for header in ("Basic %%%", "Bearer abc", "Basic"):
        reply = await ask("POST", "/api/2.0/mlflow/runs/create", {"authorization": header})
        assert reply.body == b"mlflow"


@pytest.mark.parametrize(("database", "status"), [(True, 200), (False, 503)])
async def test_readiness_follows_the_database(*, database: bool, status: int) -> None:
    reply = await Client(Guarded(answers, frozenset(), lambda: database))("GET", "/ready")
    assert reply.status == status


def test_workers_are_told_what_mlflows_own_command_would_tell_them(
    secrets: Path, tmp_path: Path
) -> None:
    assert constants.BACKEND_STORE_URI_ENV_VAR == settings.BACKEND_STORE_VARIABLE
    assert constants.REGISTRY_STORE_URI_ENV_VAR == settings.REGISTRY_STORE_VARIABLE
    assert constants.ARTIFACT_ROOT_ENV_VAR == settings.ARTIFACT_ROOT_VARIABLE
    assert constants.ARTIFACTS_DESTINATION_ENV_VAR == settings.ARTIFACTS_DESTINATION_VARIABLE
    assert constants.SERVE_ARTIFACTS_ENV_VAR == settings.SERVE_ARTIFACTS_VARIABLE
    plan = Plan.read(ENVIRONMENT)
    told = _environment(plan, tmp_path / "pgpass", tmp_path / "users", tmp_path / "metrics")
    assert told["MLFLOW_SERVER_ALLOWED_HOSTS"] == ENVIRONMENT["ALLOWED_HOSTS"]
    assert told["READ_ONLY_USERS"] == "registry-reader"


def test_no_password_stands_in_an_address_or_in_mlflows_configuration(
    secrets: Path, tmp_path: Path
) -> None:
    plan = Plan.read(ENVIRONMENT)
    users = tmp_path / "users.ini"
    _write_users(users, plan, tmp_path / "pgpass")
    written = users.read_text()
    told = _environment(plan, tmp_path / "pgpass", users, tmp_path / "metrics")
    for password in ("p:w\\d", "secret-of-admin"):
        assert password not in written
        assert all(password not in value for value in told.values())
    parsed = configparser.ConfigParser()  # as MLflow reads it
    parsed.read(users)
    assert parsed["mlflow"]["default_permission"] == "READ"
    assert make_url(parsed["mlflow"]["database_uri"]).query["passfile"] == str(tmp_path / "pgpass")
    assert users.stat().st_mode & 0o077 == 0
    assert "secret" not in repr(Login("admin", "secret-of-admin"))


def test_the_password_file_escapes_what_separates_its_fields(tmp_path: Path) -> None:
    path = tmp_path / "pgpass"
    write_passfile(path, DATABASE, Login("mlflow", "p:w\\d"))
    assert path.read_text() == "db.example:5432:*:mlflow:p\\:w\\\\d\n"
    assert path.stat().st_mode & 0o077 == 0


def test_addresses_keep_users_and_roles_apart_from_their_syntax(tmp_path: Path) -> None:
    url = make_url(DATABASE.uri("mlflow", "admin@corp", tmp_path / "p", role="owner"))
    assert (url.username, url.password, url.host) == ("admin@corp", None, "db.example")
    assert (url.query["options"], url.query["sslmode"]) == ("-crole=owner", "require")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
        ({"ALLOWED_HOSTS": "mlflow, *"}, "turns the host check off"),
        ({"DB_HOST": ""}, "DB_HOST is not set"),
        ({"DB_PORT": "many"}, "DB_PORT"),
        ({"WORKERS": "0"}, "WORKERS"),
        ({"SERVER_ROLE": "x; DROP"}, "SERVER_ROLE"),
    ],
)
def test_a_wrong_environment_is_refused_by_name(
    secrets: Path, change: dict[str, str], reason: str
) -> None:
    with pytest.raises(SettingsError, match=reason):
        Plan.read({**ENVIRONMENT, **change})


def test_a_missing_or_empty_secret_is_refused_by_path(secrets: Path) -> None:
    (secrets / "session" / "key").write_text("\n")
    with pytest.raises(SettingsError, match="session/key: the file is empty"):
        Plan.read(ENVIRONMENT)
    (secrets / "session" / "key").unlink()
    with pytest.raises(SettingsError, match="session/key: No such file"):
        Plan.read(ENVIRONMENT)
