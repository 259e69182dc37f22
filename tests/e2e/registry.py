"""MLflow's runs and models, asked as its administrator by the name that it answers to."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

from e2e.platform import Platform

MODEL = "wine-cultivar"


class Registry:
    """The tracking server of a platform."""

    def __init__(self, platform: Platform) -> None:
        service = platform.get("service", "mlflow", "-n", "tracking")["spec"]
        secret = platform.get("secret", "mlflow-admin", "-n", "tracking")["data"]
        username, password = (
            base64.b64decode(secret[key]).decode() for key in ("username", "password")
        )
        self._address = f"http://{service['clusterIP']}:{service['ports'][0]['port']}"
        self._headers = {
            "host": "mlflow.tracking.svc:5000",
            "content-type": "application/json",
            "authorization": "Basic "
            + base64.b64encode(f"{username}:{password}".encode()).decode(),
        }

    def ask(self, method: str, path: str, *, api: str = "2.0", **body: str) -> dict[str, Any]:
        """One request of MLflow's REST API; what it answers."""
        request = urllib.request.Request(
            f"{self._address}/api/{api}/mlflow/{path}",
            method=method,
            headers=self._headers,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def version(self, number: str, model: str = MODEL) -> dict[str, Any] | None:
        """A version of a model or a prompt, its tags in order; None where there is none."""
        try:
            answer = self.ask("GET", f"model-versions/get?name={model}&version={number}")
        except urllib.error.HTTPError as error:
            assert error.code == 404, error.read()
            return None
        found: dict[str, Any] = answer["model_version"]
        return {**found, "tags": sorted(found.get("tags", []), key=lambda tag: str(tag["key"]))}

    def alias(self, model: str, called: str) -> str:
        """The number of the version of a model, or of a prompt, that an alias stands for."""
        answer = self.ask("GET", f"registered-models/alias?name={model}&alias={called}")
        return str(answer["model_version"]["version"])

    def experiment(self, name: str) -> str:
        """The number of an experiment."""
        answer = self.ask("GET", f"experiments/get-by-name?experiment_name={name}")
        return str(answer["experiment"]["experiment_id"])

    def admit(self, user: str, password: str) -> None:
        """Make a user, unless there is one of that name."""
        try:
            self.ask("POST", "users/create", username=user, password=password)
        except urllib.error.HTTPError as error:
            assert b"ALREADY_EXISTS" in error.read()

    def grant(self, user: str, kind: str, of: str, permission: str) -> None:
        """Give a user a right to an experiment or a registered model."""
        self.ask(
            "POST",
            "users/permissions/grant",
            api="3.0",
            username=user,
            resource_type=kind,
            resource_id=of,
            permission=permission,
        )

    def stage(self, run: str) -> str:
        """Whether a run is active or deleted."""
        return str(self.ask("GET", f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"])
