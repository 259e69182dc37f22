"""Every service file of kind BatchInference becomes a `BatchInference`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pulumi
from batch_service import BatchInferenceFile
from environment import Environment, Profile
from explain import in_the_notation_of_files
from foundation import Foundation
from images import image
from service import LOCK_SUFFIX, Pin
from service_place import PoolOffer, place_problems
from stanchion import (
    ArgumentsError,
    BatchInference,
    BatchInferenceArgs,
    Cloud,
    Grant,
    GrantKind,
    ModelRegistryAccess,
    Placement,
    WorkloadIdentity,
)
from stanchion.jobs.arguments import checked
from validation import InvalidFileError

if TYPE_CHECKING:
    from serving import Platform

_SCHEMES = {Cloud.AWS: "s3", Cloud.GCP: "gs"}
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
        InvalidFileError: with every problem found, by its path in the file; in prod also for a
            model without a pin, whose scoring other environments leave out with a warning.
    """
    problems: list[str] = []
    for file in files:
        found = _place_problems(file, environment, stack, pools)
        found += _pin_problems(file, pins, stack)
        if file.pool is None or file.pool in pools:
            found += _refused(file, environment, stack, pools)
        if environment.profile is Profile.PROD and pin_of(file, pins) is None and not found:
            found = [unpinned(file, stack)]
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


def _place_problems(
    file: BatchInferenceFile,
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> list[str]:
    tenants = [tenant.name for tenant in environment.tenants]
    offers = {name: PoolOffer(placement) for name, placement in pools.items()}
    problems = place_problems(file.tenant, file.pool, stack, tenants, offers)
    own = _SCHEMES.get(Cloud(environment.provider.cloud))
    for field, folder in (("input", file.input), ("output", file.output)):
        scheme = urlsplit(folder).scheme
        if scheme in _SCHEMES.values() and scheme != own:
            right = f"{own}://BUCKET/PATH" if own else "file:///data/PATH with `claim`"
            problems.append(
                f"{field}: '{folder}' is in another cloud than {stack}, whose pods have no "
                f"credentials for it; write {right}"
            )
    if file.queue is not None and environment.lacks_for_queues:
        problems.append(
            f"queue: needs {environment.lacks_for_queues} of {stack}; add it, or remove queue"
        )
    return problems


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
        return [_in_files(problem) for problem in error.problems]
    return []


def _in_files(problem: str) -> str:
    for taken, written in _IN_FILES.items():
        problem = re.sub(rf"\b{re.escape(taken)}\b", written, problem)
    return in_the_notation_of_files(problem)


def _args(
    file: BatchInferenceFile,
    pin: Pin,
    environment: Environment,
    stack: str,
    pools: Mapping[str, Placement],
) -> BatchInferenceArgs:
    """All but where it runs and where its model comes from."""
    args: BatchInferenceArgs = {  # type: ignore[typeddict-item]
        "tenant": file.tenant,
        "owner": file.owner,
        "cost_center": file.cost_center,
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
        "deadline_seconds": file.deadline_minutes * 60,
        "resources": {
            "cpu": file.resources.cpu,
            "cpu_limit": file.resources.cpu_limit,
            "memory": file.resources.memory,
        },
        "gpus": file.resources.gpus,
    }
    if file.schedule is not None:
        args["schedule"] = file.schedule
    if file.dates is not None:
        args["dates"] = {
            "first": file.dates.first.isoformat(),
            "last": file.dates.last.isoformat(),
        }
    if file.queue is not None:
        args["queue"] = file.queue
    if file.claim is not None:
        args["volume_claim_name"] = file.claim
    if file.pool is not None:
        args["placement"] = pools[file.pool]
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
        identity = _identity(file, foundation)
        if identity is not None:
            args["service_account_annotations"] = identity.annotations
        opts = foundation.pools[file.pool] if file.pool else foundation.workloads
        made = BatchInference(file.name, args, opts)
        summary[file.name] |= {"job": made.job_name, "cronJob": made.cron_job_name}
    return summary


def _identity(file: BatchInferenceFile, foundation: Foundation) -> WorkloadIdentity | None:
    """The right to read the input's bucket and to write the output's, where they are in one."""
    site = foundation.site
    grants: list[Grant] = []
    for name, kind, folder, key in (
        ("input", GrantKind.BUCKET_READ, file.input, file.input_key),
        ("output", GrantKind.BUCKET_WRITE, file.output, file.output_key),
    ):
        if urlsplit(folder).scheme in _SCHEMES.values():
            grant: Grant = {"name": name, "kind": kind, "resource": urlsplit(folder).netloc}
            if key is not None:
                grant["key"] = key
            grants.append(grant)
    if site is None or not grants:
        return None
    return WorkloadIdentity(
        f"{file.name}-identity",
        {
            "location": site.location,
            "environment": site.environment,
            "owner": file.owner,
            "cost_center": file.cost_center,
            "cluster": site.cluster,
            "namespace": file.tenant,
            "service_account": file.name,
            "grants": grants,
        },
        foundation.opts,
    )
