"""The MLflow model registry as readers need it: look up, download, read the recorded digest."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import requests
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from stanchion_models.digest import DIGEST_TAG, artifact_digest

# MLflow's own retries are silent and last minutes; the callers here retry and say so.
_CLIENT_SETTINGS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class RegistryError(Exception):
    """The registry answered, and trying again with the same question will not help."""


class RegistryUnavailableError(RegistryError):
    """The registry, or the model in it, cannot be had now; a later try may succeed."""


@dataclass(frozen=True)
class Credentials:
    """A registry user, read from a mounted secret: files `username` and `password` in one folder.

    `export` hands them to MLflow inside this process, so that they never stand in a pod's
    specification. It is called again before each try: a rotated secret is picked up.
    """

    directory: Path

    def export(self) -> None:
        """Give user and password to the MLflow client of this process.

        Raises:
            RegistryUnavailableError: A file is missing, unreadable or empty. A secret that is
                mounted later cures it.
        """
        for key, name in (
            ("MLFLOW_TRACKING_USERNAME", "username"),
            ("MLFLOW_TRACKING_PASSWORD", "password"),
        ):
            path = self.directory / name
            try:
                value = path.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise RegistryUnavailableError(
                    f"registry credentials: {path}: {error.strerror}"
                ) from error
            if not value:
                raise RegistryUnavailableError(f"registry credentials: {path} is empty")
            os.environ[key] = value


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model."""

    name: str
    version: str
    digest: str | None
    """What registration recorded; None where it recorded nothing."""
    tags: dict[str, str] = field(default_factory=dict)


class Registry:
    """A reader of one MLflow registry.

    Args:
        tracking_uri: Where MLflow answers, such as `http://mlflow.mlflow:5000`.
        credentials: The user to read as, or None where the registry asks for none.

    It reads only: registration is `stanchion_models.registration.register`, and aliases belong to
    whoever promotes.
    """

    def __init__(self, tracking_uri: str, credentials: Credentials | None = None) -> None:
        self.tracking_uri = tracking_uri
        self._credentials = credentials
        for key, value in _CLIENT_SETTINGS.items():
            os.environ.setdefault(key, value)

    def client(self) -> MlflowClient:
        """An MLflow client with today's credentials.

        Raises:
            RegistryUnavailableError: The credentials cannot be read.
        """
        if self._credentials is not None:
            self._credentials.export()
        return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)

    def resolve(self, name: str, version_or_alias: str) -> ModelVersion:
        """Look up a version by its number, or by `@alias`.

        Raises:
            RegistryUnavailableError: No answer, no access, or no such model or version (yet).
            RegistryError: The question itself is refused, such as a malformed name.
        """
        client = self.client()
        try:
            if version_or_alias.startswith("@"):
                found = client.get_model_version_by_alias(name, version_or_alias[1:])
            else:
                found = client.get_model_version(name, version_or_alias)
        except (MlflowException, requests.RequestException, OSError) as error:
            raise _translate(error, f"{name} version {version_or_alias}") from error
        tags = dict(found.tags or {})
        return ModelVersion(str(found.name), str(found.version), tags.get(DIGEST_TAG), tags)

    def download(self, name: str, version: str, destination: Path) -> Path:
        """Fetch a version's artifacts into `destination` and return the folder that holds them.

        Nothing is loaded or run; verify `artifact_digest` of the result before that.

        Raises:
            RegistryUnavailableError: No answer, no access, or the artifacts are not there (yet).
            RegistryError: The registry refuses the request.
        """
        client = self.client()
        try:
            source = client.get_model_version_download_uri(name, version)
            fetched = download_artifacts(
                artifact_uri=source, dst_path=str(destination), tracking_uri=self.tracking_uri
            )
        except (MlflowException, requests.RequestException, OSError) as error:
            raise _translate(error, f"artifacts of {name} version {version}") from error
        return Path(fetched)

    def digest(self, name: str, version: str, destination: Path) -> str:
        """Download a version into `destination` and digest it; see `download` for the errors."""
        return artifact_digest(self.download(name, version, destination))


# Anything else that MLflow calls an error may pass: a proxy that is starting, a lost database.
_FINAL_CODES: Final = frozenset({"INVALID_PARAMETER_VALUE", "MALFORMED_REQUEST", "BAD_REQUEST"})


def _translate(error: Exception, what: str) -> RegistryError:
    code = getattr(error, "error_code", "")
    reason = " ".join(str(error).split())
    if len(reason) > 300:
        reason = f"{reason[:300]}…"
    kind = RegistryError if code in _FINAL_CODES else RegistryUnavailableError
    return kind(f"{what}: {reason}")
