"""Every service file of kind TrainingJob becomes a `TrainingJob`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from environment import Environment
from images import image
from retraining import build_trigger
from service_folders import Folder
from service_jobs import job_args, job_identity, job_place_problems, told_in_files
from service_lock import Pin
from stanchion import (
    ArgumentsError,
    CapacityKind,
    GrantKind,
    Operator,
    Placement,
    TrackingAccess,
    TrainingData,
    TrainingJob,
    TrainingJobArgs,
)
from stanchion.jobs.training_arguments import DEFAULT_KEPT_RUNS, checked
from training_service import Code, Ray, TrainingJobFile, read_code
from validation import InvalidFileError

if TYPE_CHECKING:
    from serving import Platform

_IN_FILES = {
    "placement": "pool",
    "service_name": "name",
    "volume_claim_name": "claim",
    "tracking.secret_name": "credentials",
    "model_name": "model",
    "gpus": "resources.gpus",
    "on_demand": "retrain",
    "ray.head_resources": "ray.head",
    "ray.head_placement": "ray.head.pool",
}
"""Where a file says what the component takes under another name."""
_NOT_YET: TrackingAccess = {"url": "", "namespace": "", "secret_name": ""}
"""An MLflow to check the rest with."""


@dataclass(frozen=True)
class Training:
    """A file and the code that it leads to."""

    file: TrainingJobFile
    code: Code


def load_trainings(
    files: Sequence[TrainingJobFile],
    directory: Path,
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> list[Training]:
    """Read the files' code, and hold all to the environment and to the component's rules.

    Args:
        files: The files.
        directory: Where they are.
        environment: The environment.
        stack: Its name.
        pools: Placement on its pools, by their names.

    Raises:
        InvalidFileError: with every problem found, by its path in the file.
    """
    problems: list[str] = []
    trainings: list[Training] = []
    for file in files:
        found = job_place_problems(file, _folders(file), environment, stack, pools)
        lacking = environment.lacks(Operator.JOBSET)
        if file.nodes > 1 and lacking:
            found.append(
                f"nodes: {file.nodes} need {lacking} of {stack}; add it, or write nodes: 1"
            )
        if file.ray is not None:
            found += _lacks_for_ray(file.ray, environment, stack)
        try:
            training = Training(file, read_code(file, directory))
        except InvalidFileError as error:
            found += error.problems
        else:
            trainings.append(training)
            if file.pool is None or file.pool in pools:
                found += _refused(training, environment, stack, pools)
        problems += [f"services/{file.name}: {problem}" for problem in found]
    if problems:
        raise InvalidFileError(problems)
    return trainings


def _lacks_for_ray(ray: Ray, environment: Environment, stack: str) -> list[str]:
    """What a cluster of Ray lacks in an environment."""
    lacking = environment.lacks(Operator.KUBERAY_OPERATOR)
    problems = [f"ray: needs {lacking} of {stack}; add it, or remove ray"] if lacking else []
    plain = {each.name: set(each.capacity) for each in environment.pools if each.cpu is not None}
    fit = [name for name, capacity in plain.items() if capacity != {CapacityKind.SPOT}]
    chosen = ray.head.pool
    if chosen is not None:
        if chosen not in fit:
            problems.append(
                f"ray.head.pool: '{chosen}' is no pool of CPUs of {stack} with more than spot, on "
                f"which a head is lost; write {' or '.join(fit) or 'one'}, or remove it"
            )
    elif plain and not fit:
        problems.append(
            f"ray: its head is never on spot nodes, and pools without GPUs of {stack} "
            f"({', '.join(plain)}) have nothing else; add on_demand to the capacity of one"
        )
    elif len(fit) < len(plain) and environment.has_queues:
        problems.append(
            f"ray.head.pool: is needed, for the queue may send the head to spot nodes; write "
            f"{' or '.join(fit)}"
        )
    return problems


def _folders(file: TrainingJobFile) -> list[Folder]:
    folders = [Folder("data", GrantKind.BUCKET_READ, file.data.location, file.data.key)]
    if file.checkpoints is not None:
        kept = Folder("checkpoints", GrantKind.BUCKET_WRITE, file.checkpoints, file.checkpoints_key)
        folders.append(kept)
    return folders


def _refused(
    training: Training, environment: Environment, stack: str, pools: Mapping[str, Placement]
) -> list[str]:
    """What the component has against its arguments, by the paths of files."""
    args = _args(training, environment, stack, pools)
    args |= {"namespace": training.file.tenant}
    args["tracking"] = {**_NOT_YET, "secret_name": training.file.credentials}
    try:
        checked(training.file.name, args)
    except ArgumentsError as error:
        return told_in_files(error.problems, _IN_FILES)
    return []


def _args(
    training: Training, environment: Environment, stack: str, pools: Mapping[str, Placement]
) -> TrainingJobArgs:
    """All but where it runs and what it logs to."""
    file, code = training.file, training.code
    data: TrainingData = {"location": file.data.location}
    if file.data.digest is not None:
        data["digest"] = file.data.digest
    if file.data.version is not None:
        data["version"] = file.data.version
    args: TrainingJobArgs = {  # type: ignore[typeddict-item]
        **job_args(file, environment, pools),  # type: ignore[typeddict-item]
        "image": file.image or image(environment, stack, "model-server"),
        "command": list(file.command),
        "model_name": file.model,
        "code_version": code.version,
        "data": data,
        "seed": file.seed,
        "retries": file.retries,
        "nodes": file.nodes,
    }
    if file.ray is not None:
        head = file.ray.head
        args["ray"] = {
            "version": file.ray.version,
            "workers": file.ray.workers,
            "head_resources": {
                "cpu": head.cpu,
                "cpu_limit": head.cpu_limit,
                "memory": head.memory,
            },
        }
        if head.pool is not None and head.pool in pools:
            args["ray"]["head_placement"] = pools[head.pool]
    if code.files is not None:
        args["code"] = dict(code.files)
    if file.checkpoints is not None:
        args["checkpoints"] = file.checkpoints
    if file.retrain is not None:
        args["on_demand"] = True
        args["kept_runs"] = max(DEFAULT_KEPT_RUNS, file.retrain.max_runs)
    return args


def build_trainings(
    platform: Platform, trainings: Sequence[Training], pins: Mapping[str, Pin]
) -> Mapping[str, object]:
    """Create each training and what begins it again; return all for the outputs."""
    foundation = platform.foundation
    summary: dict[str, dict[str, object]] = {}
    for training in trainings:
        file = training.file
        args = _args(training, platform.environment, foundation.environment, foundation.placements)
        args["namespace"] = platform.namespaces[file.tenant]
        registry = platform.tracking.registry
        args["tracking"] = {
            "url": registry["url"],
            "namespace": registry["namespace"],
            "secret_name": file.credentials,
        }
        identity = job_identity(file, _folders(file), foundation)
        if identity is not None:
            args["service_account_annotations"] = identity.annotations
        opts = foundation.pools[file.pool] if file.pool else foundation.workloads
        made = TrainingJob(file.name, args, opts)
        summary[file.name] = {
            "tenant": file.tenant,
            "model": file.model,
            "codeVersion": training.code.version,
            "job": made.job_name,
            "cronJob": made.cron_job_name,
            "retraining": None,
        }
        if file.retrain is not None:
            trigger = build_trigger(file, file.retrain, platform, pins)
            summary[file.name]["retraining"] = trigger.service_name
    return summary
