"""One window's report, and the exit status that tells its Job what to do."""

from __future__ import annotations

import hashlib
import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import requests
from mlflow.exceptions import MlflowException
from stanchion_model_server.batch.errors import (
    FAILED,
    INPUT_REFUSED,
    MODEL_REFUSED,
    InputRefusedError,
)
from stanchion_model_server.batch.storage import Folder
from stanchion_model_server.check import patiently
from stanchion_model_server.errors import ModelRefusedError
from stanchion_models import Credentials, Registry, RegistryError

from stanchion_drift_monitor import feedback, verdicts
from stanchion_drift_monitor.answered import logged_rows
from stanchion_drift_monitor.comparing import Compared, compare
from stanchion_drift_monitor.logs import log
from stanchion_drift_monitor.page import page
from stanchion_drift_monitor.prediction_files import LogFile, about, log_files
from stanchion_drift_monitor.tracking import Runs, evaluated, training_reference

if TYPE_CHECKING:
    from stanchion_drift_monitor.settings import Labels, MonitorSettings

FORMAT: Final = 1
LATEST: Final = "_latest.json"
"""The newest window's report, which the exporter tells."""
_TRIES, _WAIT_SECONDS = 5, 2.0


def run(settings: MonitorSettings) -> tuple[int, dict[str, Any] | None]:
    """Judge the window that the settings name.

    Returns:
        The exit status, and the report where there is one.
    """
    try:
        return 0, _monitored(settings)
    except ModelRefusedError as error:
        return _failed("model refused", error, MODEL_REFUSED), None
    except (InputRefusedError, pa.ArrowInvalid) as error:  # the latter of damaged pages
        return _failed("input refused", error, INPUT_REFUSED), None
    except (RegistryError, MlflowException, requests.RequestException, OSError) as error:
        return _failed("not available, a later try may succeed", error, FAILED), None


def _monitored(settings: MonitorSettings) -> dict[str, Any]:
    credentials = settings.registry_credentials_dir
    registry = Registry(
        settings.mlflow_tracking_uri, Credentials(credentials) if credentials else None
    )
    target = Folder(f"{settings.report_uri.rstrip('/')}/service={settings.service}")
    place = f"date={settings.last}"
    work = _Work(settings, registry)
    runs = Runs(registry.client(), settings.service)
    said = target.read(f"{place}/report.json")
    if isinstance(said, dict) and said.get("key") == work.key:
        found = runs.find(work.key)
        if found is not None and found[1]:
            _tell_latest(target, said)
            log.info("window is judged already", extra={"fields": {"window": said["window"]}})
            return said
    report = work.report()
    shown = page(report)
    run_id = runs.keep(report, shown)
    with target.written(f"{place}/report.html") as stream:
        stream.write(shown.encode())
    target.write(f"{place}/report.json", report)
    _tell_latest(target, report)
    fields = {"window": report["window"], "verdict": report["verdict"], "run": run_id}
    log.info("window judged", extra={"fields": fields})
    return report


def _tell_latest(target: Folder, report: dict[str, Any]) -> None:
    """Have the exporter tell it, unless it tells a later window."""
    told = target.read(LATEST)
    if isinstance(told, dict) and told["window"]["last"] > report["window"]["last"]:
        return
    if told != report:
        target.write(LATEST, report)


class _Work:
    """What one report is made of, looked up before anything is read."""

    def __init__(self, settings: MonitorSettings, registry: Registry) -> None:
        self._settings, self._registry = settings, registry
        labels = settings.labels
        self._days = settings.days(settings.window_days)
        self._files = log_files(settings.log_uri, settings.service, self._days)
        self._labelled: list[LogFile] = []
        self._baselines: dict[str, float | None] = {}
        truth: list[Any] = []
        if labels is not None:
            self._labelled = log_files(
                settings.log_uri, settings.service, settings.days(labels.days)
            )
            folder = Folder(labels.location)
            truth = [
                [folder.name(each.path), each.size, each.mtime_ns]
                for each in folder.data(".parquet")
            ]
            for version in sorted({each.version for each in self._labelled}, key=int):
                self._baselines[version] = patiently(
                    lambda of=version: evaluated(  # type: ignore[misc]
                        registry,
                        settings.registered_model_name,
                        of,
                        settings.service,
                        labels.metric,
                    ),
                    tries=_TRIES,
                    wait=_WAIT_SECONDS,
                )
        described = {
            "format": FORMAT,
            **settings.described,
            "last": str(settings.last),
            "log": [each.identity for each in self._files],
            "labelled": [each.identity for each in self._labelled],
            "truth": truth,
            "baselines": self._baselines,
        }
        text = json.dumps(described, sort_keys=True)
        self.key = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def report(self) -> dict[str, Any]:
        """The report: the same bytes for the same files and settings."""
        settings = self._settings
        by_version: dict[str, tuple[list[LogFile], list[LogFile]]] = {}
        for at, files in enumerate((self._files, self._labelled)):
            for version, own in groupby(files, key=lambda each: each.version):
                by_version.setdefault(version, ([], []))[at].extend(own)
        versions = [
            self._version(version, *by_version[version]) for version in sorted(by_version, key=int)
        ]
        given = [check["verdict"] for each in versions for check in each["checks"].values()]
        return {
            "format": FORMAT,
            "key": self.key,
            "service": settings.service,
            "model": settings.registered_model_name,
            "window": {"first": str(self._days[0]), "last": str(self._days[-1])},
            "limits": {key: settings.described[key] for key in ("psi", "problemRatio", "minRows")},
            "labels": settings.described["labels"],
            "verdict": verdicts.worst(given) if given else verdicts.INCONCLUSIVE,
            "versions": versions,
        }

    def _version(
        self, version: str, files: list[LogFile], labelled: list[LogFile]
    ) -> dict[str, Any]:
        settings = self._settings
        compared, told = Compared(), {"digest": "", "sampleRate": None}
        checks: dict[str, dict[str, Any]] = {}
        if files:
            told = about(files[0].read(["row"]))
            reference = patiently(
                lambda: training_reference(
                    self._registry, settings.registered_model_name, version, str(told["digest"])
                ),
                tries=_TRIES,
                wait=_WAIT_SECONDS,
            )
            if reference is None:
                checks = verdicts.without_reference("the version has no training reference")
                compared.rows = sum(each.read(["row"]).num_rows for each in files)
            else:
                compared = compare(reference, (each.read() for each in files))
                checks = verdicts.judged(compared, settings)
        quality = None
        if settings.labels is not None and labelled:
            checks["quality"], quality = self._quality(settings.labels, version, labelled)
        return {
            "version": version,
            "digest": told["digest"],
            "sampleRate": told["sampleRate"],
            "rows": compared.rows,
            "checks": checks,
            "fields": compared.fields,
            "notCompared": compared.skipped,
            "quality": quality,
        }

    def _quality(
        self, wanted: Labels, version: str, files: list[LogFile]
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The check, and its figures where answers and labels can be compared."""
        try:
            logged, not_logged = logged_rows(files, wanted)
            ids = {*logged["request_id"]}
            labels, contradicted = feedback.read_labels(Folder(wanted.location), wanted, ids)
            found = feedback.measure(logged, labels, wanted, self._baselines[version])
        except InputRefusedError as error:
            # The other checks need no labels, and are told all the same.
            why = _words(error)
            log.warning(
                "quality is not judged", extra={"fields": {"version": version, "reason": why}}
            )
            return {"verdict": verdicts.INCONCLUSIVE, "found": [why]}, None
        check = {key: found.pop(key) for key in ("verdict", "found")}
        return check, {**found, "contradicted": contradicted, "notLogged": not_logged}


def _failed(what: str, error: Exception, status: int) -> int:
    log.error(what, extra={"fields": {"reason": _words(error)}})
    return status


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:1000]
