"""Every service file of kind BatchInference becomes a `BatchInference`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pulumi
from batch_service import BatchInferenceFile
from environment import Environment
from images import image
from service_folders import Folder
from service_jobs import job_args, job_identity, job_place_problems, told_in_files
from service_lock import LOCK_SUFFIX, Pin
from stanchion import (
    ArgumentsError,
    BatchInference,
    BatchInferenceArgs,
    GrantKind,
    ModelRegistryAccess,
    Placement,
)
from stanchion.jobs.arguments import checked
from validation import InvalidFileError

if TYPE_CHECKING:
    from serving import Platform

_IN_FILES = {
    "placement": "pool",
    "service_name": "name",
    "volume_claim_name": "claim",
    "dates.first": "dates.from",
    "dates.last": "dates.to",
    "gpus": "resources.gpus",
}
"""Where a file says what the component takes under another name."""
_NOT_YET: ModelRegistryAccess = {"url": "", "namespace": "", "username": "", "password": ""}
"""A registry to check the rest with."""


def check_batches(
    files: Sequence[BatchInferenceFile],
    pins: Mapping[str, Pin],
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> None:
    """Hold the files to the environment's tenants, pools and cloud, and to the component's rules.

    Args:
        files: The files.
        pins: What the lock file pins, by service.
        environment: The environment.
        stack: Its name.
        pools: Placement on its pools, by their names.

    Raises:
        InvalidFileError: with every problem found, by its path in the file.
    """
    problems: list[str] = []
    for file in files:
        found = job_place_problems(file, _folders(file), environment, stack, pools)
        found += _pin_problems(file, pins, stack)
        if file.pool is None or file.pool in pools:
            found += _refused(file, environment, stack, pools)
        problems += [f"services/{file.name}: {problem}" for problem in found]
    if problems:
        raise InvalidFileError(problems)


def pin_of(file: BatchInferenceFile, pins: Mapping[str, Pin]) -> Pin | None:
    """The version that the file scores with: pinned for itself, else for its model's services."""
    if file.name in pins:
        return pins[file.name]
    return next((pin for pin in pins.values() if pin.model == file.model), None)


def unpinned(file: BatchInferenceFile, stack: str) -> str:
    """What a file lacks whose model is not pinned."""
    return (
        f"model {file.model} is not pinned, so nothing is scored; run `stanchion promote "
        f"{file.model} VERSION --env {stack}`, or pin it under {file.name} in {stack}{LOCK_SUFFIX}"
    )


def _folders(file: BatchInferenceFile) -> list[Folder]:
    return [
        Folder("input", GrantKind.BUCKET_READ, file.input, file.input_key),
        Folder("output", GrantKind.BUCKET_WRITE, file.output, file.output_key),
    ]


def _pin_problems(file: BatchInferenceFile, pins: Mapping[str, Pin], stack: str) -> list[str]:
    own = pins.get(file.name)
    if own is not None and own.model != file.model:
        return [
            f"model: is '{file.model}', and {stack}{LOCK_SUFFIX} pins '{own.model}' under "
            f"{file.name}; write the same in both"
        ]
    versions = {pin.version: name for name, pin in pins.items() if pin.model == file.model}
    if own is None and len(versions) > 1:
        named = " and ".join(f"{name} version {version}" for version, name in versions.items())
        return [
            f"model: {named} are pinned in {stack}{LOCK_SUFFIX}, and nothing says which scores; "
            f"pin one under {file.name} too"
        ]
    return []


def _refused(
    file: BatchInferenceFile, environment: Environment, stack: str, pools: Mapping[str, Placement]
) -> list[str]:
    """What the component has against its arguments, by the paths of files."""
    stand_in = Pin(model=file.model, version="1", digest=f"sha256:{'0' * 64}")
    args = _args(file, stand_in, environment, stack, pools)
    args |= {"namespace": file.tenant, "registry": _NOT_YET}
    try:
        checked(file.name, args)
    except ArgumentsError as error:
        return told_in_files(error.problems, _IN_FILES)
    return []


def _args(
    file: BatchInferenceFile,
    pin: Pin,
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> BatchInferenceArgs:
    """All but where it runs and where its model comes from."""
    args: BatchInferenceArgs = {  # type: ignore[typeddict-item]
        **job_args(file, environment, pools),  # type: ignore[typeddict-item]
        "image": image(environment, stack, "model-server"),
        "model": {"name": pin.model, "version": pin.version, "digest": pin.digest},
        "input": file.input,
        "output": file.output,
        "shards": file.shards,
        "parallelism": file.parallelism,
        "days_back": file.days_back,
        "keep_columns": list(file.keep_columns),
        "batch_rows": file.batch_rows,
        "refused_share": file.refused_share,
    }
    if file.dates is not None:
        args["dates"] = {
            "first": file.dates.first.isoformat(),
            "last": file.dates.last.isoformat(),
        }
    return args


def build_batches(
    platform: Platform, files: Sequence[BatchInferenceFile], pins: Mapping[str, Pin]
) -> Mapping[str, object]:
    """Create each pinned scoring, warn of each that is not pinned; return all for the outputs."""
    foundation = platform.foundation
    summary: dict[str, dict[str, object]] = {}
    for file in files:
        pin = pin_of(file, pins)
        summary[file.name] = {
            "tenant": file.tenant,
            "model": file.model,
            "version": pin.version if pin else None,
            "output": file.output,
        }
        if pin is None:
            pulumi.log.warn(f"services/{file.name}: {unpinned(file, foundation.environment)}")
            continue
        args = _args(file, pin, platform.environment, foundation.environment, foundation.placements)
        args["namespace"] = platform.namespaces[file.tenant]
        args["registry"] = platform.tracking.registry
        identity = job_identity(file, _folders(file), foundation)
        if identity is not None:
            args["service_account_annotations"] = identity.annotations
        opts = foundation.pools[file.pool] if file.pool else foundation.workloads
        made = BatchInference(file.name, args, opts)
        summary[file.name] |= {"job": made.job_name, "cronJob": made.cron_job_name}
    return summary
