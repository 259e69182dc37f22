"""The services layer: every service file becomes what it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
from batch_service import BatchInferenceFile
from batch_serving import check_batches
from drift_monitor_service import DriftMonitorFile
from drift_monitoring import check_drift_monitors
from environment import Environment, Profile
from foundation import Foundation
from foundation_args import CheckedPool
from images import image
from llm_adapters import AdapterPins, fitting
from llm_prompts import PromptPins
from llm_service import LlmServiceFile
from llm_serving import check_llm_services
from retraining import check_retraining
from service import ModelServiceFile, check_services
from service_files import load_service_files
from service_folders import folder_grants
from service_lock import Pin, load_lock
from service_place import PoolOffer
from service_quota import check_quotas
from stanchion import CapacityKind, Cloud, ModelService, ModelServiceArgs, balancer_cidrs
from tracking import Tracking
from training_service import TrainingJobFile
from training_serving import Training, load_trainings
from validation import together

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Declared:
    """The service files of an environment and what its lock file pins."""

    files: Sequence[ModelServiceFile]
    pins: Mapping[str, Pin]
    shadows: Mapping[str, Pin]
    llms: Sequence[LlmServiceFile] = ()
    batches: Sequence[BatchInferenceFile] = ()
    trainings: Sequence[Training] = ()
    monitors: Sequence[DriftMonitorFile] = ()
    prompts: PromptPins = field(default_factory=dict)
    adapters: AdapterPins = field(default_factory=dict)


def load_declared(
    directory: Path,
    environment: Environment,
    stack: str,
    pools: Sequence[CheckedPool] = (),
    *,
    fitting_pins_alone: bool = False,
) -> Declared:
    """Read and check the service files and the lock file of the environment `stack`.

    What has no pin is no problem: a platform is up before a version can be promoted there.

    Args:
        directory: Where the files are.
        environment: The environment.
        stack: Its name.
        pools: Its pools.
        fitting_pins_alone: Whether a pinned adapter that does not go with its service's model
            counts as not pinned, and is not refused: for who promotes one that does.

    Raises:
        InvalidFileError: with every problem found.
    """
    files, lock = together(
        lambda: load_service_files(directory, stack), lambda: load_lock(directory, stack)
    )
    trainings = [file for file in files if isinstance(file, TrainingJobFile)]
    offers = {
        each.pool.name: PoolOffer(
            each.placement,
            interruptible=environment.profile is Profile.PROD
            and set(each.pool.capacity) == {CapacityKind.SPOT},
        )
        for each in pools
        if each.placement is not None
    }
    placements = {name: offer.placement for name, offer in offers.items()}
    services = [file for file in files if isinstance(file, ModelServiceFile)]
    llms = [file for file in files if isinstance(file, LlmServiceFile)]
    adapters = fitting(llms, lock.adapters) if fitting_pins_alone else lock.adapters
    batches = [file for file in files if isinstance(file, BatchInferenceFile)]
    monitors = [file for file in files if isinstance(file, DriftMonitorFile)]
    loaded, *_ = together(
        lambda: load_trainings(trainings, directory, environment, stack, placements),
        lambda: check_services(
            services,
            environment=stack,
            tenants=[tenant.name for tenant in environment.tenants],
            min_replicas=environment.min_replicas,
            lacks_for_releases=environment.lacks_for_releases,
            lacks_for_scaling=environment.lacks_for_scaling,
            pools=offers,
            image=image(environment, stack, "model-server"),
            cloud=Cloud(environment.provider.cloud),
            gateway=environment.gateway,
            shadows=lock.shadows,
        ),
        lambda: check_llm_services(
            llms, environment, stack, offers, lock.prompts, adapters=adapters
        ),
        lambda: check_quotas(services, llms, environment, stack, offers, shadowed=lock.shadows),
        lambda: check_retraining(trainings, services, environment, stack, monitors),
        lambda: check_drift_monitors(monitors, services, environment, stack, placements),
        lambda: check_batches(batches, lock.services, environment, stack, placements),
    )
    return Declared(
        services,
        lock.services,
        lock.shadows,
        llms,
        batches,
        loaded,
        monitors,
        lock.prompts,
        adapters,
    )


def _unpinned(file: ModelServiceFile, stack: str) -> str:
    return (
        f"services/{file.name}: model {file.model} is not pinned, so it is not served; "
        f"run `stanchion promote {file.model} VERSION --env {stack}`"
    )


def _of_another_model(file: ModelServiceFile, pin: Pin, stack: str) -> str:
    return (
        f"services/{file.name}: model is {file.model}, of which no version is pinned, so "
        f"{pin.model} version {pin.version} is served; "
        f"run `stanchion promote {file.model} VERSION --env {stack}`"
    )


@dataclass(frozen=True)
class Platform:
    """What a service is built upon."""

    environment: Environment
    foundation: Foundation
    tracking: Tracking
    namespaces: Mapping[str, pulumi.Output[str]]
    """Of the tenants, by their names."""


def build_services(platform: Platform, declared: Declared) -> Mapping[str, object]:
    """Create each pinned service, warn of each that is not pinned; return all for the outputs.

    One whose file names another model than its pin goes on serving what is pinned, with a warning:
    only the promotion of a version of the other takes it over.
    """
    stack = platform.foundation.environment
    summary: dict[str, dict[str, object]] = {}
    for file in declared.files:
        pin = declared.pins.get(file.name)
        model_server = image(platform.environment, stack, "model-server")
        summary[file.name] = {
            "name": file.name,
            "tenant": file.tenant,
            "namespace": file.tenant,
            "port": 80,
            "model": file.model,
            "image": model_server,
            "memory": file.resources.memory,
            "gates": file.gates.model_dump(mode="json", by_alias=True),
            "version": pin.version if pin else None,
            "strategy": str(file.rollout.strategy),
            "releaseSeconds": 0,
            "coldStart": None,
            "shadow": None,
        }
        if pin is None:
            pulumi.log.warn(_unpinned(file, stack))
            continue
        if pin.model != file.model:
            pulumi.log.warn(_of_another_model(file, pin, stack))
        candidate = _candidate(file, pin, declared.shadows)
        summary[file.name]["shadow"] = candidate.version if candidate else None
        made = _build(file, pin, candidate, platform)
        summary[file.name]["releaseSeconds"] = made.release_seconds
        summary[file.name]["coldStart"] = made.cold_start
    return summary


def _candidate(file: ModelServiceFile, pin: Pin, shadows: Mapping[str, Pin]) -> Pin | None:
    """The version that requests are mirrored to; none beside itself, or beside another model."""
    candidate = shadows.get(file.name)
    if file.shadow is None or candidate is None or candidate.model != pin.model:
        return None
    return None if candidate.version == pin.version else candidate


def _build(
    file: ModelServiceFile, pin: Pin, candidate: Pin | None, platform: Platform
) -> ModelService:
    environment = platform.environment
    model_server = image(environment, platform.foundation.environment, "model-server")
    args: ModelServiceArgs = {
        "namespace": platform.namespaces[file.tenant],
        "tenant": file.tenant,
        "owner": file.owner,
        "cost_center": file.cost_center,
        "image": model_server,
        "model": {
            "name": pin.model,
            "version": pin.version,
            "digest": pin.digest,
            "attempt": pin.attempt,
        },
        "registry": platform.tracking.registry,
        "autoscaling": file.autoscaling.arguments(environment.min_replicas),
        "rollout": file.rollout.arguments(),
        "resources": {
            "cpu": file.resources.cpu,
            "cpu_limit": file.resources.cpu_limit,
            "memory": file.resources.memory,
        },
        "gpus": file.resources.gpus,
        "load_seconds": file.load_seconds,
        "request_timeout_seconds": file.request_timeout_seconds,
        "drain_seconds": file.drain_seconds,
        "max_body_bytes": file.max_body_mebibytes * _MEBIBYTE,
        "allow_from": list(file.allow_from),
        "monitoring": environment.monitored,
    }
    environment.monitoring.link(args)
    if environment.monitored:
        args["slo"] = file.slo.arguments()
        args["drift"] = file.drift.arguments()
    if file.cold_start is not None:
        args["cold_start"] = file.cold_start.arguments()
    if file.gateway is not None and environment.gateway is not None:
        hosts = file.gateway.hostnames
        args["gateway"] = environment.gateway.arguments(hosts, _balancers(environment))
    if file.shadow is not None and candidate is not None:
        args["shadow"] = {
            "version": candidate.version,
            "digest": candidate.digest,
            "percent": file.shadow.percent,
            "replicas": file.shadow.replicas or environment.min_replicas,
        }
    if file.prediction_log is not None:
        args["prediction_log"] = file.prediction_log.arguments()
        identity = platform.foundation.identity(
            file.name,
            tenant=file.tenant,
            owner=file.owner,
            cost_center=file.cost_center,
            grants=[*folder_grants([file.prediction_log.folder])],
        )
        if identity is not None:
            args["service_account_annotations"] = identity.annotations
    opts = platform.foundation.workloads
    if file.pool is not None:
        args["placement"] = platform.foundation.placements[file.pool]
        opts = platform.foundation.pools[file.pool]
    return ModelService(file.name, args, opts)


def _balancers(environment: Environment) -> list[str]:
    """Where load balancers outside the cluster call from; nowhere without a network of ours."""
    if environment.network is None:
        return []
    return balancer_cidrs(Cloud(environment.provider.cloud), environment.network.cidr)
