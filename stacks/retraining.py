"""Every training with `retrain` gets a `RetrainingTrigger`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from drift_monitor_service import DriftMonitorFile
from environment import Environment
from images import image
from service import ModelServiceFile
from service_folders import Folder, folder_grants
from service_lock import Pin
from stanchion import GrantKind, RetrainingReason, RetrainingTrigger, RetrainingTriggerArgs
from stanchion.checks import LONGEST_NAME
from stanchion.schedules import fewest_runs, longest_gap
from training_retrain import BY_ALERT, MOST_RUNS, Retrain
from validation import InvalidFileError

if TYPE_CHECKING:
    from serving import Platform
    from training_service import TrainingJobFile

_BUDGET = timedelta(days=30)
"""What `maxRuns` is about."""


def retraining_name(training: str) -> str:
    """Name of the trigger's objects."""
    return f"{training}-retraining"


def retraining_problems(
    file: TrainingJobFile,
    services: Sequence[ModelServiceFile],
    environment: Environment,
    stack: str,
    monitors: Sequence[DriftMonitorFile] = (),
) -> list[str]:
    """What is wrong with a file's `retrain`, by its path in the file.

    Args:
        file: The training's file.
        services: The model services of the environment.
        environment: The environment.
        stack: Its name.
        monitors: The drift monitors of the environment.
    """
    retrain = file.retrain
    if retrain is None:
        return []
    problems = []
    if len(retraining_name(file.name)) > LONGEST_NAME:
        room = LONGEST_NAME - len(retraining_name(""))
        problems.append(
            f"name: '{file.name}' leaves no room for what retrain makes, "
            f"{retraining_name(file.name)}; write at most {room} characters"
        )
    if file.data.digest is not None:
        problems.append(
            "retrain: data.digest holds every training to the same data, so it would make the same "
            "model again; remove data.digest"
        )
    if retrain.cooldown_hours * 60 < file.deadline_minutes:
        problems.append(
            f"retrain.cooldownHours: {retrain.cooldown_hours} hours are less than deadlineMinutes, "
            f"{file.deadline_minutes}, for which a training may go on; write "
            f"{-(-file.deadline_minutes // 60)} or more"
        )
    if file.schedule is not None:
        problems += _schedule_problems(file.schedule, retrain, file.deadline_minutes)
    if retrain.service is not None:
        problems += _service_problems(file, retrain.service, services, stack)
        labelled = {each.service for each in monitors if each.labels is not None}
        if RetrainingReason.QUALITY in retrain.reasons and retrain.service not in labelled:
            problems.append(
                f"retrain.reasons: quality needs labels of {retrain.service}; add a file of kind "
                "DriftMonitor with labels for it, or remove quality"
            )
        if environment.lacks_for_metrics:
            alerts = ", ".join(each for each in retrain.reasons if each in BY_ALERT)
            problems.append(
                f"retrain.reasons: {alerts} need {environment.lacks_for_metrics} of {stack}; add "
                "it, or remove them"
            )
    return problems


def _schedule_problems(schedule: str, retrain: Retrain, deadline_minutes: int) -> list[str]:
    """Where scheduled runs alone use up the budget, or are never further apart than the cooldown.

    Nothing but the clock would ever begin a training then.
    """
    rarer = f"a schedule that trains less often than {schedule}"
    problems = []
    runs = fewest_runs(schedule, _BUDGET)
    if runs >= retrain.max_runs:
        more = f"{runs + 1} or more, or " if runs < MOST_RUNS else ""
        problems.append(
            f"retrain.maxRuns: {retrain.max_runs} in {_BUDGET.days} days are used up by schedule, "
            f"which makes {runs} or more of them, and nothing else would ever start a training; "
            f"write {more}{rarer}, or remove retrain"
        )
    gap = longest_gap(schedule)
    cooldown = timedelta(hours=retrain.cooldown_hours)
    if gap is not None and gap <= cooldown:
        hours = gap / timedelta(hours=1)
        less = math.ceil(hours) - 1
        fewer = f"{less} or less, or " if less * 60 >= max(60, deadline_minutes) else ""
        problems.append(
            f"retrain.cooldownHours: {retrain.cooldown_hours} hours are never over between two "
            f"runs of schedule, at most {hours:g} hours apart, and nothing else would ever start a "
            f"training; write {fewer}{rarer}, or remove retrain"
        )
    return problems


def _service_problems(
    file: TrainingJobFile, name: str, services: Sequence[ModelServiceFile], stack: str
) -> list[str]:
    service = next((each for each in services if each.name == name), None)
    if service is None:
        known = ", ".join(sorted(each.name for each in services)) or "none"
        return [f"retrain.service: '{name}' is no ModelService of {stack}; known are {known}"]
    problems = []
    if service.tenant != file.tenant:
        problems.append(
            f"retrain.service: {name} is of tenant {service.tenant}, whose alerts are not told to "
            f"{file.tenant}; name a service of the same tenant"
        )
    if service.model != file.model:
        problems.append(
            f"retrain.service: {name} serves {service.model}, and model is {file.model}; name the "
            "service that serves what is trained"
        )
    return problems


def check_retraining(
    files: Sequence[TrainingJobFile],
    services: Sequence[ModelServiceFile],
    environment: Environment,
    stack: str,
    monitors: Sequence[DriftMonitorFile] = (),
) -> None:
    """Hold every `retrain` to the services and the environment.

    Raises:
        InvalidFileError: with every problem found.
    """
    problems = [
        f"services/{file.name}: {problem}"
        for file in files
        for problem in retraining_problems(file, services, environment, stack, monitors)
    ]
    if problems:
        raise InvalidFileError(problems)


def build_trigger(
    file: TrainingJobFile, retrain: Retrain, platform: Platform, pins: Mapping[str, Pin]
) -> RetrainingTrigger:
    """Create what begins a training again.

    Args:
        file: The training's file.
        retrain: Its `retrain`.
        platform: What it is built upon.
        pins: Of the services, by their names.
    """
    environment, foundation = platform.environment, platform.foundation
    name = retraining_name(file.name)
    args: RetrainingTriggerArgs = {
        "namespace": platform.namespaces[file.tenant],
        "tenant": file.tenant,
        "owner": file.owner,
        "cost_center": file.cost_center,
        "image": image(environment, foundation.environment, "model-server"),
        "training": file.name,
        "reasons": list(retrain.reasons),
        "cooldown_hours": retrain.cooldown_hours,
        "max_runs": retrain.max_runs,
        "settle_minutes": retrain.settle_minutes,
        "replicas": environment.min_replicas,
        "monitoring": environment.monitored,
    }
    environment.monitoring.link(args)
    if retrain.service is not None:
        args["model_service"] = retrain.service
        pin = pins.get(retrain.service)
        if pin is not None and pin.model == file.model:
            args["served_version"] = pin.version
    if RetrainingReason.NEW_DATA in retrain.reasons:
        args["data"] = file.data.location
        if file.claim is not None:
            args["volume_claim_name"] = file.claim
        read = Folder("data", GrantKind.BUCKET_READ, file.data.location, file.data.key)
        identity = foundation.identity(
            name,
            tenant=file.tenant,
            owner=file.owner,
            cost_center=file.cost_center,
            grants=[*folder_grants([read])],
        )
        if identity is not None:
            args["service_account_annotations"] = identity.annotations
    return RetrainingTrigger(name, args, foundation.workloads)
