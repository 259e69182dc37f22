"""Every service file of kind DriftMonitor becomes a `DriftMonitor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from drift_monitor_service import DriftMonitorFile
from environment import Environment
from images import image
from service import ModelServiceFile
from service_folders import Folder
from service_jobs import job_args, job_identity, job_place_problems, told_in_files
from service_lock import Pin
from stanchion import (
    ArgumentsError,
    DriftMonitor,
    DriftMonitorArgs,
    GrantKind,
    Placement,
    TrackingAccess,
)
from stanchion.jobs.drift_monitor_arguments import checked
from validation import InvalidFileError

if TYPE_CHECKING:
    from serving import Platform

_IN_FILES = {
    "placement": "pool",
    "service_name": "name",
    "volume_claim_name": "claim",
    "tracking.secret_name": "credentials",
    "model_service": "service",
    "prediction_log": "predictionLog",
}
"""Where a file says what the component takes under another name."""
_NOT_YET: TrackingAccess = {"url": "", "namespace": "", "secret_name": ""}
"""An MLflow to check the rest with."""


def check_drift_monitors(
    files: Sequence[DriftMonitorFile],
    services: Sequence[ModelServiceFile],
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> None:
    """Hold the files to the services that they watch, the environment and the component's rules.

    Args:
        files: The files.
        services: The model services of the environment.
        environment: The environment.
        stack: Its name.
        pools: Placement on its pools, by their names.

    Raises:
        InvalidFileError: with every problem found, by its path in the file.
    """
    problems: list[str] = []
    watched: dict[str, str] = {}
    for file in files:
        found = _service_problems(file, services, stack)
        if file.service in watched:
            found.append(
                f"service: {file.service} is judged by {watched[file.service]} already, and both "
                "would tell the same metrics; keep one"
            )
        watched.setdefault(file.service, file.name)
        if not found:
            service = watched_service(file, services)
            found = job_place_problems(file, _folders(file, service), environment, stack, pools)
            if file.resources.gpus:
                found.append("resources.gpus: a comparison has no use for GPUs; remove it")
            if file.pool is None or file.pool in pools:
                found += _refused(file, service, environment, stack, pools)
        problems += [f"services/{file.name}: {problem}" for problem in found]
    if problems:
        raise InvalidFileError(problems)


def watched_service(
    file: DriftMonitorFile, services: Sequence[ModelServiceFile]
) -> ModelServiceFile:
    """The service that a checked file watches."""
    return next(each for each in services if each.name == file.service)


def _service_problems(
    file: DriftMonitorFile, services: Sequence[ModelServiceFile], stack: str
) -> list[str]:
    service = next((each for each in services if each.name == file.service), None)
    if service is None:
        known = ", ".join(sorted(each.name for each in services)) or "none"
        return [f"service: '{file.service}' is no ModelService of {stack}; known are {known}"]
    problems = []
    if service.tenant != file.tenant:
        problems.append(
            f"service: {file.service} is of tenant {service.tenant}, whose log {file.tenant} may "
            "not read; name a service of the same tenant"
        )
    log = service.prediction_log
    if log is None:
        problems.append(
            f"service: {file.service} keeps no log to judge; add predictionLog to its file"
        )
    elif log.claim != file.claim and log.claim is not None:
        problems.append(
            f"claim: the log of {file.service} is on the claim {log.claim}; write claim: "
            f"{log.claim}"
        )
    elif file.labels is not None and log.retention_days < file.labels.days:
        problems.append(
            f"labels.days: {file.labels.days} days are more than the {log.retention_days} that "
            f"{file.service} keeps its log (predictionLog.retentionDays); write at most that"
        )
    return problems


def _folders(file: DriftMonitorFile, service: ModelServiceFile) -> list[Folder]:
    folders = [Folder("reports", GrantKind.BUCKET_WRITE, file.reports, file.reports_key)]
    if service.prediction_log is not None:
        log = service.prediction_log
        folders.append(Folder("predictionLog", GrantKind.BUCKET_READ, log.location, log.key))
    if file.labels is not None:
        labels = file.labels
        folders.append(Folder("labels", GrantKind.BUCKET_READ, labels.location, labels.key))
    return folders


def _refused(
    file: DriftMonitorFile,
    service: ModelServiceFile,
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> list[str]:
    """What the component has against its arguments, by the paths of files."""
    args = _args(file, service, environment, stack, pools)
    args |= {"namespace": file.tenant}
    args["tracking"] = {**_NOT_YET, "secret_name": file.credentials}
    try:
        checked(file.name, args)
    except ArgumentsError as error:
        return told_in_files(error.problems, _IN_FILES)
    return []


def _args(
    file: DriftMonitorFile,
    service: ModelServiceFile,
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> DriftMonitorArgs:
    """All but where it runs and what it logs to."""
    log = service.prediction_log
    of_job: dict[str, object] = {**job_args(file, environment, pools)}
    del of_job["gpus"]
    found: dict[str, object] = {
        **of_job,
        "image": image(environment, stack, "model-server"),
        "model_service": service.name,
        "model_name": service.model,
        "prediction_log": log.location if log is not None else "",
        "reports": file.reports,
        "window_days": file.window_days,
        "days_back": file.days_back,
        # The limits that Prometheus holds the service to: both say the same.
        "psi": service.drift.psi,
        "problem_ratio": service.drift.problem_ratio,
        "min_rows": file.min_rows,
        "replicas": environment.min_replicas,
    }
    if file.labels is not None:
        found["labels"] = file.labels.arguments()
    if file.overdue_hours is not None:
        found["overdue_hours"] = file.overdue_hours
    return cast("DriftMonitorArgs", found)


def build_drift_monitors(
    platform: Platform,
    files: Sequence[DriftMonitorFile],
    services: Sequence[ModelServiceFile],
    pins: Mapping[str, Pin],
) -> Mapping[str, object]:
    """Create each monitor, of the model that its service serves; return all for the outputs."""
    foundation = platform.foundation
    summary: dict[str, dict[str, object]] = {}
    for file in files:
        service = watched_service(file, services)
        args = _args(
            file, service, platform.environment, foundation.environment, foundation.placements
        )
        if service.name in pins:
            args["model_name"] = pins[service.name].model
        args["namespace"] = platform.namespaces[file.tenant]
        registry = platform.tracking.registry
        args["tracking"] = {
            "url": registry["url"],
            "namespace": registry["namespace"],
            "secret_name": file.credentials,
        }
        identity = job_identity(file, _folders(file, service), foundation)
        if identity is not None:
            args["service_account_annotations"] = identity.annotations
        opts = foundation.pools[file.pool] if file.pool else foundation.workloads
        made = DriftMonitor(file.name, args, opts)
        summary[file.name] = {
            "tenant": file.tenant,
            "service": file.service,
            "reports": file.reports,
            "cronJob": made.cron_job_name,
        }
    return summary
