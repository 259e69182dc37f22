"""What the commands are told: plain values by the environment, passwords by files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stanchion_feature_store.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS: Final = Path("/run/secrets/stanchion")
_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_ROOT: Final = re.compile(r"^(s3|gs)://[a-z0-9][a-z0-9._-]+(/\S*)?$|^file:///\S+$")


@dataclass(frozen=True)
class Login:
    """A role of the database and its password. Its text form hides the password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Database:
    """Where PostgreSQL answers, and the database that is the feature store's own."""

    host: str
    port: int
    name: str
    sslmode: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Database:
        """Read DB_HOST, DB_PORT, DB_SSLMODE and FEATURE_DATABASE.

        Raises:
            SettingsError: One is missing or malformed.
        """
        return cls(
            required(environment, "DB_HOST"),
            number(environment, "DB_PORT", 5432),
            name(environment, "FEATURE_DATABASE", "feature_store"),
            environment.get("DB_SSLMODE") or "prefer",
        )

    @property
    def owner(self) -> str:
        """Role that owns every table; `apply` alone logs in as it."""
        return f"{self.name}_owner"

    @property
    def writer(self) -> str:
        """Role that writes online values and what is known of them, and changes no schema."""
        return f"{self.name}_writer"

    @property
    def reader(self) -> str:
        """Role that reads."""
        return f"{self.name}_reader"


@dataclass(frozen=True)
class Settings:
    """What every command but `prepare` needs.

    Attributes:
        database: Where the registry and the online features are.
        project: Feast's name for all definitions together.
        sources: Folder that all Parquet sources are in, without a trailing slash.
    """

    database: Database
    project: str
    sources: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the database's variables, FEATURE_PROJECT and FEATURE_SOURCES.

        Raises:
            SettingsError: One is missing or malformed.
        """
        sources = required(environment, "FEATURE_SOURCES").rstrip("/")
        if not _ROOT.match(sources):
            raise SettingsError(
                f"FEATURE_SOURCES: '{sources}' is no folder; write s3://BUCKET/PATH, "
                "gs://BUCKET/PATH or file:///PATH"
            )
        project = name(environment, "FEATURE_PROJECT", "features")
        return cls(Database.read(environment), project, sources)


def login(folder: str, *, username: str | None = None) -> Login:
    """Read `<SECRETS>/<folder>/password`, and `username` beside it unless it is given.

    Raises:
        SettingsError: A file is missing or empty.
    """
    return Login(username or _secret(folder, "username"), _secret(folder, "password"))


def _secret(folder: str, key: str) -> str:
    path = Path(os.environ.get("STANCHION_SECRETS_DIR") or SECRETS) / folder / key
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if not value:
        raise SettingsError(f"{path}: the file is empty")
    return value


def required(environment: Mapping[str, str], variable: str) -> str:
    """A variable that must be set and not empty."""
    value = environment.get(variable, "")
    if not value:
        raise SettingsError(f"{variable} is not set")
    return value


def number(environment: Mapping[str, str], variable: str, default: int) -> int:
    """A variable that holds a whole number above zero."""
    text = environment.get(variable) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{variable}: '{text}' is not a whole number above zero")
    return int(text)


def fraction(environment: Mapping[str, str], variable: str, default: float) -> float:
    """A variable that holds a number from 0 up to, and without, 1."""
    text = environment.get(variable) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise SettingsError(f"{variable}: '{text}' is no number from 0 up to 1")
    return value


def name(environment: Mapping[str, str], variable: str, default: str) -> str:
    """A variable that names a database or a project."""
    value = environment.get(variable) or default
    if not _NAME.match(value):
        raise SettingsError(
            f"{variable}: '{value}' is no plain name (lower case, digits, underscores)"
        )
    return value
