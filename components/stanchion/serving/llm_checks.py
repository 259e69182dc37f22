"""What `LlmService` refuses, with what would be accepted."""

import re

from stanchion.checks import Checks
from stanchion.monitoring import check_llm_objectives
from stanchion.serving._llm_cold_start import cold_start_of, replicas, with_cache
from stanchion.serving._llm_fit import architecture, check_fit
from stanchion.serving._served import check_judged, check_served
from stanchion.serving.cold_start import check_cold_start
from stanchion.serving.llm_adapters import COMMIT, HUB_NAME, check_adapters
from stanchion.serving.llm_arguments import (
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_GPU_MEMORY_PERCENT,
    DEFAULT_KV_CACHE_PERCENT,
    DEFAULT_LOAD_SECONDS,
    DEFAULT_MAX_NUM_BATCHED_TOKENS,
    DEFAULT_MAX_NUM_SEQS,
    DEFAULT_RESOURCES,
    DEFAULT_SCALE_DOWN_SECONDS,
    DEFAULT_SCRATCH_GIB,
    DEFAULT_STREAM_SECONDS,
    DEFAULT_WAITING_REQUESTS,
    LlmAutoscaling,
    LlmServiceArgs,
    LlmWeightsCache,
)

_CONTENT = re.compile(r"[0-9a-f]{64}")
_FOLDER = re.compile(r"(?:s3|gs)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/(?:[\w.=+-]+/)*([\w.=+-]+)")


def checked(name: str, args: LlmServiceArgs) -> LlmServiceArgs:
    """The arguments, held to their types and bounds, and the model to the memory of the GPUs.

    Where they name no cache of the weights, they name the chosen one afterwards.

    Raises:
        ArgumentsError: with every problem found.
    """
    check = Checks("LlmService", name)
    args = with_cache(check.arguments(LlmServiceArgs, args))
    check_served(check, name, args)
    _check_bounds(check, args)
    _check_pin(check, args)
    _check_storage(check, args)
    check_adapters(check, args.get("service_name", name), args.get("adapters", []))
    _check_registered(check, args)
    _check_autoscaling(check, args["autoscaling"], monitored=args.get("monitoring", False))
    _check_callers(check, args)
    if "slo" in args:
        seconds = args.get("stream_seconds", DEFAULT_STREAM_SECONDS)
        check_llm_objectives(check, args["slo"], stream_seconds=seconds)
        check_judged(check, "slo", monitored=args.get("monitoring", False))
    check_fit(check, args)
    check.done()
    # Only of what fits is it known how large it is and on how many GPUs.
    found = cold_start_of(args, architecture(args))
    check_cold_start(check, args.get("cold_start"), replicas(args), found)
    check.done()
    return args


def _check_bounds(check: Checks, args: LlmServiceArgs) -> None:
    engine, resources = args["engine"], args.get("resources", DEFAULT_RESOURCES)
    for amount in ("cpu", "memory", "cpu_limit"):
        check.quantity(f"resources.{amount}", str(resources.get(amount, "1")))
    tokens = engine.get("max_num_batched_tokens", DEFAULT_MAX_NUM_BATCHED_TOKENS)
    percent = engine.get("gpu_memory_percent", DEFAULT_GPU_MEMORY_PERCENT)
    for field, value, low, high in (
        ("engine.max_model_len", engine["max_model_len"], 256, 10_000_000),
        ("engine.max_num_seqs", engine.get("max_num_seqs", DEFAULT_MAX_NUM_SEQS), 1, 1024),
        ("engine.max_num_batched_tokens", tokens, 256, 65_536),
        ("engine.full_length_requests", engine.get("full_length_requests", 1), 1, 1024),
        ("engine.gpu_memory_percent", percent, 50, 97),
        ("engine.tensor_parallel", engine.get("tensor_parallel", 1), 1, 16),
        ("engine.pipeline_parallel", engine.get("pipeline_parallel", 1), 1, 16),
        ("resources.scratch_gib", resources.get("scratch_gib", DEFAULT_SCRATCH_GIB), 1, 1000),
        ("load_seconds", args.get("load_seconds", DEFAULT_LOAD_SECONDS), 300, 7200),
        ("stream_seconds", args.get("stream_seconds", DEFAULT_STREAM_SECONDS), 10, 3600),
        ("drain_seconds", args.get("drain_seconds", DEFAULT_DRAIN_SECONDS), 1, 600),
    ):
        check.between(field, value, low, high)


def _check_pin(check: Checks, args: LlmServiceArgs) -> None:
    pin = args["model"]
    if not HUB_NAME.fullmatch(pin["name"]):
        check.refuse(
            "model.name",
            f"'{pin['name']}' is no name of a model on the hub",
            "write its owner and name, as Qwen/Qwen3-8B",
        )
    in_bucket = "uri" in pin
    fits = COMMIT.fullmatch(pin["revision"]) or (in_bucket and _CONTENT.fullmatch(pin["revision"]))
    if not fits:
        check.refuse(
            "model.revision",
            f"'{pin['revision']}' pins nothing",
            "write the commit's 40 hexadecimal digits; a branch means other weights tomorrow",
        )
    if in_bucket:
        folder = _FOLDER.fullmatch(pin["uri"])
        if folder is None or folder[1] != pin["revision"]:
            check.refuse(
                "model.uri",
                f"'{pin['uri']}' is no folder of a bucket that ends with model.revision",
                "write s3:// or gs://, the bucket, and a folder named after the revision, without "
                "a slash at the end",
            )


def _check_storage(check: Checks, args: LlmServiceArgs) -> None:
    storage, at = args["storage"], args["placement"]
    cache = storage["cache"]
    mounted = cache is LlmWeightsCache.BUCKET_MOUNT
    if mounted != ("uri" in args["model"]):
        reason = "is missing" if mounted else f"is given, and storage.cache is {cache}"
        fix = "name the folder" if mounted else "remove it, or write storage.cache bucketMount"
        check.refuse("model.uri", reason, fix)
    if cache is LlmWeightsCache.NODE_NVME and not at.get("nvme_cache", False):
        check.refuse(
            "storage.cache",
            f"is nodeNvme, and nodes of pool '{at['pool']}' keep temporary files on their root "
            "disk",
            "set nvme_cache on the pool, or use bucketMount or volume",
        )
    for field in ("claim", "offline"):
        if field in storage and cache is not LlmWeightsCache.VOLUME:
            check.refuse(f"storage.{field}", f"is given, and storage.cache is {cache}", "remove it")
    if cache is LlmWeightsCache.VOLUME:
        if "claim" in storage:
            check.name("storage.claim", storage["claim"])
        else:
            check.refuse("storage.claim", "is missing", "name the PersistentVolumeClaim")
    fetched = not mounted and not storage.get("offline", False)
    if "hub_token" in args and not fetched:
        check.refuse("hub_token", "is given, and nothing is fetched from the hub", "remove it")
    if any("hub_name" in adapter for adapter in args.get("adapters", [])) and mounted:
        check.refuse(
            "adapters",
            "come from the hub, and storage.cache is bucketMount",
            "use nodeNvme or volume, or register them",
        )


def _check_registered(check: Checks, args: LlmServiceArgs) -> None:
    """Whether there is who fetches registered adapters, and from where."""
    needed = any("registered" in adapter for adapter in args.get("adapters", []))
    for field in ("registry", "fetcher_image"):
        if needed and field not in args:
            check.refuse(field, "is missing, and an adapter is registered", f"add {field}")
        elif field in args and not needed:
            check.refuse(field, "is given, and no adapter is registered", "remove it")
    if "fetcher_image" in args:
        check.image("fetcher_image", args["fetcher_image"])


def _check_autoscaling(check: Checks, scaling: LlmAutoscaling, *, monitored: bool) -> None:
    low, high = scaling["min_replicas"], scaling["max_replicas"]
    kv_cache = scaling.get("kv_cache_percent", DEFAULT_KV_CACHE_PERCENT)
    for field, value, least, most in (
        ("min_replicas", low, 1, 1000),
        ("max_replicas", high, 1, 1000),
        ("waiting_requests", scaling.get("waiting_requests", DEFAULT_WAITING_REQUESTS), 1, 1000),
        ("kv_cache_percent", kv_cache, 10, 99),
        (
            "scale_down_seconds",
            scaling.get("scale_down_seconds", DEFAULT_SCALE_DOWN_SECONDS),
            0,
            3600,
        ),
    ):
        check.between(f"autoscaling.{field}", value, least, most)
    if low > high:
        check.refuse(
            "autoscaling.min_replicas",
            f"{low} is above autoscaling.max_replicas, {high}",
            "lower one or raise the other",
        )
    if low < high and not monitored:
        check.refuse(
            "autoscaling.max_replicas",
            f"{high} is above min_replicas, {low}, and without monitoring nobody measures demand",
            f"set monitoring, or write {low}",
        )


def _check_callers(check: Checks, args: LlmServiceArgs) -> None:
    if "guardrail" in args:
        check.name("guardrail", args["guardrail"])
        if args.get("allow_from"):
            check.refuse(
                "allow_from",
                f"would lead around guardrail '{args['guardrail']}'",
                "let those namespaces call the gateway instead",
            )
    if "evaluation" in args:
        check.label("evaluation", args["evaluation"])
    if "routing" in args:
        routing = args["routing"]
        for field in ("gateway", "gateway_namespace", "endpoint_picker"):
            check.name(f"routing.{field}", routing[field])
        if not routing["hostnames"]:
            check.refuse("routing.hostnames", "is empty", "name the hosts of the route")
