"""How long a replica of an `LlmService` takes until it answers, and which cache makes it least."""

from dataclasses import replace

from stanchion.catalog import cold_starts
from stanchion.catalog.llms import LanguageModel
from stanchion.serving import cold_start
from stanchion.serving._llm_fit import gpus_of, running
from stanchion.serving._llm_weights import files_format
from stanchion.serving.llm_arguments import (
    DEFAULT_LOAD_SECONDS,
    LlmServiceArgs,
    LlmStorage,
    LlmWeightsCache,
)
from stanchion.serving.llm_memory import GIB, estimate

_WAYS = {
    LlmWeightsCache.NODE_NVME: ("hub", "disk"),
    LlmWeightsCache.BUCKET_MOUNT: ("bucket",),
    LlmWeightsCache.VOLUME: ("volume",),
}
"""How weights come from each cache into the GPUs, in the catalogue's words."""


def with_cache(args: LlmServiceArgs) -> LlmServiceArgs:
    """The arguments with the cache from which weights are there soonest, where none is named.

    Only what the service has is chosen from: the folder of `model.uri`, the claim, the NVMe disks
    of the pool. With none of them it is nodeNvme, which is then refused.
    """
    storage = args["storage"]
    if "cache" in storage:
        return args
    if "uri" in args["model"]:
        return {**args, "storage": {**storage, "cache": LlmWeightsCache.BUCKET_MOUNT}}
    if "claim" not in storage:
        return {**args, "storage": {**storage, "cache": LlmWeightsCache.NODE_NVME}}
    possible = [LlmWeightsCache.VOLUME]
    if args["placement"].get("nvme_cache", False):
        possible.append(LlmWeightsCache.NODE_NVME)
    soonest = min(possible, key=_seconds_of_a_megabyte)
    kept: LlmStorage = storage if soonest is LlmWeightsCache.VOLUME else {}
    return {**args, "storage": {**kept, "cache": soonest}}


def _seconds_of_a_megabyte(cache: LlmWeightsCache) -> float:
    return sum(1 / cold_starts.rate(way).value for way in _WAYS[cache])


def replicas(args: LlmServiceArgs) -> cold_start.Replicas:
    """What starts."""
    scaling = args["autoscaling"]
    return cold_start.Replicas(
        image=args["image"],
        gpus=gpus_of(args),
        least=scaling["min_replicas"],
        most=scaling["max_replicas"],
        load_seconds=args.get("load_seconds", DEFAULT_LOAD_SECONDS),
        at=args["placement"],
    )


def cold_start_of(args: LlmServiceArgs, model: LanguageModel) -> cold_start.Estimate:
    """The cold start of a replica, without adapters and the first filling of a volume."""
    declared = args.get("cold_start")
    start, warmer = cold_start.node(declared, replicas(args))
    pull, nearer = cold_start.image(declared, "vllm", replicas(args))
    fetch = cold_start.measured(declared, "weights", "model_seconds")
    changes = [*warmer, *nearer]
    if fetch is None:
        cache = args["storage"]["cache"]
        run = replace(
            running(args, model),
            weights=files_format(args, model),
            tensor_parallel=1,
            pipeline_parallel=1,
        )
        size = estimate(model, run).weights * GIB
        fetch = cold_start.transfer("weights", size, _WAYS[cache])
        for other, ways in _WAYS.items():
            part = cold_start.transfer("weights", size, ways)
            if part.seconds < fetch.seconds:
                changes.append(cold_start.Change(f"storage.cache {other}", "weights", part.seconds))
    warm_up = cold_start.measured(declared, "warm-up", "warm_up_seconds")
    if warm_up is None:
        figure = cold_starts.engine_seconds("vllm")
        warm_up = cold_start.Part("warm-up", round(figure.value), figure.told)
    return cold_start.Estimate((start, pull, fetch, warm_up), tuple(changes))
