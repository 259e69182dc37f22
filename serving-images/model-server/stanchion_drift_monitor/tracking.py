"""What MLflow knows: a version's reference and evaluation, and the run that keeps a report.

A window's run is found by the report's key. One that was interrupted is gone on with, and every
number is logged with the window's end as its time: repeating it adds nothing.
"""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from stanchion_model_server.errors import ModelRefusedError
from stanchion_models import (
    DigestError,
    InvalidReferenceError,
    Reference,
    Registry,
    artifact_digest,
    read_reference,
)

from stanchion_drift_monitor.logs import log

if TYPE_CHECKING:
    from datetime import date

    from mlflow.tracking import MlflowClient

_EVALUATION_RUN: Final = "stanchion.promotion.evaluation_run"
"""Tag of a version, written by `stanchion promote`."""
_NOT_IN_A_METRIC: Final = re.compile(r"[^\w.\-/ ]")
_AT_ONCE: Final = 1000
"""Metrics that one call of MLflow takes."""
KEY: Final = "stanchion.report.key"
WINDOW: Final = "stanchion.report.window"
SUPERSEDED: Final = "stanchion.report.superseded"


def training_reference(
    registry: Registry, model: str, version: str, digest: str
) -> Reference | None:
    """What a version was trained on, of the very files that served.

    Args:
        registry: Where it is.
        model: Its name.
        version: Its version.
        digest: The digest of what wrote the log.

    Returns:
        None where none was logged, or none that can be read.

    Raises:
        ModelRefusedError: The version's files are not those that wrote the log.
        RegistryError: They cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="stanchion-model-") as scratch:
        folder = registry.download(model, version, Path(scratch))
        try:
            actual = artifact_digest(folder)
        except DigestError as error:
            raise ModelRefusedError(f"{model} version {version}: {error}") from error
        if digest and actual != digest:
            raise ModelRefusedError(
                f"{model} version {version} has {actual}, and {digest} wrote the log; the registry "
                "has another model under this version"
            )
        try:
            return read_reference(folder)
        except InvalidReferenceError as error:
            fields = {"version": version, "reason": str(error)}
            log.warning("the reference cannot be read", extra={"fields": fields})
            return None


def evaluated(
    registry: Registry, model: str, version: str, service: str, metric: str
) -> float | None:
    """A metric of the evaluation that `stanchion promote` recorded; None where none is.

    Raises:
        RegistryError: The version cannot be had.
        MlflowException: MLflow does not answer.
    """
    run_id = registry.resolve(model, version).tags.get(_EVALUATION_RUN)
    if run_id is None:
        return None
    try:
        metrics = registry.client().get_run(run_id).data.metrics
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED"}:
            raise
        return None
    found = metrics.get(_NOT_IN_A_METRIC.sub("_", f"{service}/evaluation/{metric}"))
    return None if found is None else float(found)


class Runs:
    """The runs that keep a service's reports.

    Raises:
        MlflowException: From every method, where MLflow does not answer or refuses.
    """

    def __init__(self, client: MlflowClient, service: str) -> None:
        self._client, self._service = client, service
        self._experiment_id: str | None = None

    @property
    def _experiment(self) -> str:
        if self._experiment_id is None:
            name = f"drift-{self._service}"
            found = self._client.get_experiment_by_name(name)
            made = found.experiment_id if found else self._client.create_experiment(name)
            self._experiment_id = str(made)
        return self._experiment_id

    def find(self, key: str) -> tuple[str, bool] | None:
        """The run of a report, and whether it is whole."""
        found = self._client.search_runs([self._experiment], f"tags.`{KEY}` = '{key}'")
        whole = [run for run in found if run.info.status == "FINISHED"]
        runs = whole or [*found]
        return (str(runs[0].info.run_id), bool(whole)) if runs else None

    def keep(self, report: dict[str, Any], page: str) -> str:
        """A report's run: its figures, itself and its page.

        Args:
            report: The report.
            page: The same for people.

        Returns:
            The run's id.
        """
        key, window = str(report["key"]), report["window"]
        named = f"{window['first']}..{window['last']}"
        found = self.find(key)
        if found is not None and found[1]:
            return found[0]
        if found is not None:
            run_id = found[0]
        else:
            tags = {
                KEY: key,
                WINDOW: named,
                "stanchion.service": self._service,
                "stanchion.model": report["model"],
                "stanchion.verdict": report["verdict"],
            }
            made = self._client.create_run(
                self._experiment, run_name=f"{self._service} {named}", tags=tags
            )
            run_id = str(made.info.run_id)
        ended = _end(window["last"])
        metrics = [
            Metric(_NOT_IN_A_METRIC.sub("_", name)[:250], value, ended, 0)
            for name, value in figures(report).items()
        ]
        for start in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(run_id, metrics=metrics[start : start + _AT_ONCE])
        self._client.log_dict(run_id, report, "report.json")
        self._client.log_text(run_id, page, "report.html")
        self._client.set_terminated(run_id, "FINISHED")
        self._supersede(named, run_id)
        return run_id

    def _supersede(self, window: str, run_id: str) -> None:
        """Mark what was said of the window before: labels or files have come since."""
        for run in self._client.search_runs([self._experiment], f"tags.`{WINDOW}` = '{window}'"):
            if run.info.run_id != run_id and SUPERSEDED not in run.data.tags:
                self._client.set_tag(run.info.run_id, SUPERSEDED, run_id)


def _end(last: str) -> int:
    """The end of a window's last day, ms since 1970."""
    day: date = datetime.fromisoformat(last).date()
    return int(datetime.combine(day + timedelta(days=1), time(), UTC).timestamp() * 1000)


def figures(report: dict[str, Any]) -> dict[str, float]:
    """Every number of a report by a name for MLflow, as `3/input/alcohol/psi`."""
    told: dict[str, float] = {}
    for each in report["versions"]:
        version = each["version"]
        told[f"{version}/rows"] = each["rows"]
        for field in each["fields"]:
            name = f"{version}/{field['side']}/{field['field']}"
            told |= {f"{name}/{what}": field[what] for what in ("psi", "drift")}
            told |= {f"{name}/{what}": share for what, share in field["problems"].items()}
        quality = each["quality"]
        if quality is None:
            continue
        told |= {
            f"{version}/labels/rows": quality["labelled"],
            f"{version}/labels/coverage": quality["coverage"],
        }
        told |= {
            f"{version}/quality/{name}": value
            for name, value in quality["metrics"].items()
            if value is not None
        }
        for sliced in quality["slices"]:
            for name, group in sliced["groups"].items():
                told[f"{version}/slice/{sliced['column']}/{name}"] = group["value"]
    return told
