"""`stanchion-mlflow gc`: what users deleted long ago goes for good, with its artifacts.

MLflow marks runs, models and experiments as deleted and keeps them. Its own `mlflow gc` takes what
a registered model was made from as well, files and all; here that stays for as long as a version
in the registry names it, and an experiment goes with every file of its models.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from stanchion_mlflow.postgres import one_line
from stanchion_mlflow.settings import (
    Database,
    GarbageError,
    Login,
    number,
    read_login,
    required,
    write_passfile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

log = logging.getLogger("stanchion_mlflow")
_DAY_MILLISECONDS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Plan:
    """Everything one run needs: the database's rows, and the server that deletes artifacts."""

    database: Database
    server: Login
    admin: Login
    tracking_uri: str
    days: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Plan:
        """Read the environment, TRACKING_URI and DELETED_DAYS among it, and the secret files.

        Raises:
            SettingsError: Something is missing or malformed.
        """
        database = Database.read(environment)
        return cls(
            database=database,
            server=read_login("database-server", username=database.server_role),
            admin=read_login("mlflow-admin"),
            tracking_uri=required(environment, "TRACKING_URI"),
            days=number(environment, "DELETED_DAYS", 30),
        )


def collect(plan: Plan) -> int:
    """Delete what was marked as deleted `plan.days` ago or earlier; returns how many things went.

    Artifacts go before the row that names them, so that a run cut short is finished by the next.

    Raises:
        GarbageError: The registry or the database did not answer, and nothing went; or some of
            it could not be deleted, and stays for the next run.
    """
    # MLflow's client takes these no other way; they are no part of the pod's specification.
    os.environ["MLFLOW_TRACKING_USERNAME"] = plan.admin.username
    os.environ["MLFLOW_TRACKING_PASSWORD"] = plan.admin.password
    mlflow.set_tracking_uri(plan.tracking_uri)
    with tempfile.TemporaryDirectory(prefix="stanchion-") as scratch:
        passfile = Path(scratch) / "pgpass"
        write_passfile(passfile, plan.database, plan.server)
        uri = plan.database.uri(plan.database.tracking, plan.server.username, passfile)
        try:
            needed = _needed_by_the_registry()
            store: Any = SqlAlchemyStore(uri, "mlflow-artifacts:/")  # type: ignore[no-untyped-call]
            collector = _Collector(store, needed, plan.days * _DAY_MILLISECONDS)
            collector.collect()
        except MlflowException as error:
            raise GarbageError(f"asking what was deleted failed: {one_line(error)}") from error
    log.info("%d things went for good", collector.gone)
    if collector.failures:
        raise GarbageError(
            f"{len(collector.failures)} could not be deleted, first {collector.failures[0]}"
        )
    return collector.gone


def _needed_by_the_registry() -> frozenset[str]:
    """IDs of runs and models that a version of a registered model comes from."""
    needed: set[str] = set()
    for version in _pages(MlflowClient().search_model_versions):
        needed |= {version.run_id, version.model_id, *re.split(r"[/:]+", version.source or "")}
    return frozenset(needed)


class _Collector:
    """One collection: how much went, and what did not."""

    def __init__(self, store: Any, needed: frozenset[str], age: int) -> None:
        self._store, self._needed, self._age = store, needed, age
        self.gone = 0
        self.failures: list[str] = []

    def collect(self) -> None:
        for experiment in list(self._old_experiments()):
            self._attempt("experiment", experiment, self._delete_experiment)
        for run in self._store._get_deleted_runs(older_than=self._age):
            self._attempt("run", run, self._delete_run)
        for model in self._store._get_deleted_logged_models(older_than=self._age):
            self._attempt("model", model, self._delete_model)

    def _attempt(self, kind: str, name: str, delete: Callable[[str], bool]) -> None:
        try:
            if delete(name):
                self.gone += 1
                log.info("%s %s went for good", kind, name)
            else:
                log.info("%s %s stays: it is still needed", kind, name)
        # What a store raises depends on whose it is; the others are to go all the same.
        except Exception as error:
            log.exception("%s %s could not be deleted", kind, name)
            self.failures.append(f"{kind} {name}: {one_line(error)}")

    def _old_experiments(self) -> Iterator[str]:
        before = int(time.time() * 1000) - self._age
        found = _pages(
            self._store.search_experiments,
            view_type=ViewType.DELETED_ONLY,
            filter_string=f"last_update_time <= {before}",
        )
        return (each.experiment_id for each in found)

    def _delete_experiment(self, experiment: str) -> bool:
        """With all its runs and models, or not at all."""
        runs = _pages(
            self._store.search_runs,
            experiment_ids=[experiment],
            filter_string="",
            run_view_type=ViewType.ALL,
        )
        stages = {run.info.run_id: run.info.lifecycle_stage for run in runs}
        models = self._models_of(experiment)
        if self._needed & {*stages, *models} or LifecycleStage.ACTIVE in stages.values():
            return False
        for model in models:
            self._delete_model(model)
        for run in stages:
            self._delete_run(run)
        self._store._hard_delete_experiment(experiment)
        return True

    def _models_of(self, experiment: str) -> list[str]:
        """Deleting an experiment marks its runs, and leaves its models as they are."""
        kept = _pages(self._store.search_logged_models, experiment_ids=[experiment])
        marked = (
            self._store.get_logged_model(each, allow_deleted=True)
            for each in self._store._get_deleted_logged_models()
        )
        deleted = [model.model_id for model in marked if model.experiment_id == experiment]
        return [*(model.model_id for model in kept), *deleted]

    def _delete_run(self, run: str) -> bool:
        info = self._store.get_run(run).info
        if run in self._needed or info.lifecycle_stage != LifecycleStage.DELETED:
            return False
        _delete_artifacts(info.artifact_uri)
        self._store._hard_delete_run(run)
        return True

    def _delete_model(self, model: str) -> bool:
        if model in self._needed:
            return False
        found = self._store.get_logged_model(model, allow_deleted=True)
        _delete_artifacts(found.artifact_location)
        self._store._hard_delete_logged_model(model)
        return True


def _delete_artifacts(uri: str) -> None:
    """Through the server, which alone has a right to the store."""
    repository: Any = get_artifact_repository(uri)
    repository.delete_artifacts()


def _pages(search: Callable[..., Any], **query: Any) -> Iterator[Any]:
    """Every result of a search that answers in pages."""
    token = None
    while True:
        page = search(**query, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
