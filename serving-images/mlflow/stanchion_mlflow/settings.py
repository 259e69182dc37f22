"""What both commands are told: plain values by the environment, secrets by files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS: Final = Path("/run/secrets/stanchion")
# How MLflow's own command hands these to its workers.
BACKEND_STORE_VARIABLE: Final = "_MLFLOW_SERVER_FILE_STORE"
REGISTRY_STORE_VARIABLE: Final = "_MLFLOW_SERVER_REGISTRY_STORE"
ARTIFACT_ROOT_VARIABLE: Final = "_MLFLOW_SERVER_ARTIFACT_ROOT"
ARTIFACTS_DESTINATION_VARIABLE: Final = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVE_ARTIFACTS_VARIABLE: Final = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
_IDENTIFIER: Final = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")


class SettingsError(ValueError):
    """The environment or a secret file is not what the command needs."""


class MigrationError(Exception):
    """The database stayed away, or is there and a migration did not succeed."""


class BackupError(Exception):
    """A backup was not written, or not restored."""


class GarbageError(Exception):
    """Something that was to go for good is still there."""


@dataclass(frozen=True)
class Database:
    """Where PostgreSQL answers, and the names that MLflow's data has in it."""

    host: str
    port: int
    tracking: str
    auth: str
    server_role: str
    sslmode: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Database:
        """Read DB_HOST, DB_PORT, DB_SSLMODE, TRACKING_DATABASE, AUTH_DATABASE and SERVER_ROLE.

        Raises:
            SettingsError: One is missing or malformed.
        """
        return cls(
            host=required(environment, "DB_HOST"),
            port=number(environment, "DB_PORT", 5432),
            tracking=identifier(environment, "TRACKING_DATABASE", "mlflow"),
            auth=identifier(environment, "AUTH_DATABASE", "mlflow_auth"),
            server_role=identifier(environment, "SERVER_ROLE", "mlflow"),
            sslmode=environment.get("DB_SSLMODE") or "prefer",
        )

    def uri(self, database: str, user: str, passfile: Path, *, role: str | None = None) -> str:
        """A connection address that holds no password: libpq looks it up in `passfile`.

        Args:
            database: Which database.
            user: Who logs in.
            passfile: What `write_passfile` wrote.
            role: Whom to act as, so that what is created belongs to them.
        """
        options = {"passfile": str(passfile), "sslmode": self.sslmode}
        if role is not None:
            options["options"] = f"-crole={role}"
        where = f"{quote(user, safe='')}@{self.host}:{self.port}/{database}"
        return f"postgresql+psycopg2://{where}?{urlencode(options, quote_via=quote)}"


@dataclass(frozen=True)
class Login:
    """A user name and its password. Its text form hides the password."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username!r})"


def read_login(folder: str, *, username: str | None = None) -> Login:
    """Read `<SECRETS>/<folder>/password`, and `username` beside it unless it is given.

    Raises:
        SettingsError: A file is missing or empty.
    """
    return Login(username or read_secret(folder, "username"), read_secret(folder, "password"))


def read_secret(folder: str, key: str) -> str:
    """Read one secret file.

    Raises:
        SettingsError: It is missing or empty; its content is never part of the message.
    """
    root = Path(os.environ.get("STANCHION_SECRETS_DIR") or SECRETS)
    path = root / folder / key
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if not value:
        raise SettingsError(f"{path}: the file is empty")
    return value


def write_passfile(path: Path, database: Database, *logins: Login) -> None:
    """Write libpq's password file for these users, readable by this process's user alone."""
    lines = [
        ":".join(
            _escaped(part)
            for part in (database.host, str(database.port), "*", login.username, login.password)
        )
        for login in logins
    ]
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _escaped(part: str) -> str:
    return part if part == "*" else part.replace("\\", "\\\\").replace(":", "\\:")


def required(environment: Mapping[str, str], name: str) -> str:
    """A variable that must be set and not empty."""
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A variable that holds a whole number above zero."""
    text = environment.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name}: {text!r} is not a whole number above zero")
    return int(text)


def identifier(environment: Mapping[str, str], name: str, default: str) -> str:
    """A variable that names a database or a role: lower case, digits and underscores."""
    value = environment.get(name) or default
    if not _IDENTIFIER.match(value):
        raise SettingsError(
            f"{name}: {value!r} is no plain SQL name (lower case, digits, underscores)"
        )
    return value
