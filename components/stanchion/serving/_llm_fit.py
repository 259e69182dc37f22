"""Whether a language model fits the GPUs of its pool."""

from stanchion.catalog.llms import LanguageModel, LlmWeightFormat, described, language_model
from stanchion.catalog.machines import CatalogueError
from stanchion.checks import Checks
from stanchion.placement import check_devices
from stanchion.serving.llm_arguments import (
    DEFAULT_GPU_MEMORY_PERCENT,
    DEFAULT_MAX_NUM_BATCHED_TOKENS,
    DEFAULT_MAX_NUM_SEQS,
    LlmKvCache,
    LlmServiceArgs,
)
from stanchion.serving.llm_memory import Running, estimate, splits, what_fits
from stanchion.serving.rollout import check_room


def running(args: LlmServiceArgs, model: LanguageModel) -> Running:
    """How the arguments have a model run, with every default."""
    engine, adapters = args["engine"], args.get("adapters", [])
    return Running(
        weights=engine.get("weights", model.weights),
        max_model_len=engine["max_model_len"],
        max_num_seqs=engine.get("max_num_seqs", DEFAULT_MAX_NUM_SEQS),
        max_num_batched_tokens=engine.get("max_num_batched_tokens", DEFAULT_MAX_NUM_BATCHED_TOKENS),
        kv_bytes=1 if engine.get("kv_cache") is LlmKvCache.FP8 else 2,
        tensor_parallel=engine.get("tensor_parallel", 1),
        pipeline_parallel=engine.get("pipeline_parallel", 1),
        adapters=len(adapters),
        adapter_rank=max((adapter["rank"] for adapter in adapters), default=0),
    )


def gpus_of(args: LlmServiceArgs) -> int:
    """GPUs of one replica."""
    engine = args["engine"]
    return engine.get("tensor_parallel", 1) * engine.get("pipeline_parallel", 1)


def architecture(args: LlmServiceArgs) -> LanguageModel:
    """The pinned model's architecture: its own, or that of a model of the catalogue.

    Raises:
        CatalogueError: if it has none, and the catalogue no model of that name.
    """
    pin = args["model"]
    if "architecture" in pin:
        return described(pin["name"], pin["architecture"])
    return language_model(pin.get("like", pin["name"]))


def check_fit(check: Checks, args: LlmServiceArgs) -> None:
    """Note what of the model and its engine the pool's GPUs, or their memory, cannot hold."""
    try:
        model = architecture(args)
    except CatalogueError as error:
        field = "like" if "like" in args["model"] else "name"
        way = "" if field == "like" else "write model.like and "
        check.refuse(
            f"model.{field}",
            error.reason,
            f"{way}{error.fix}; or describe it in model.architecture",
        )
        return
    if not _check_architecture(check, args, model):
        return
    at, gpus = args["placement"], gpus_of(args)
    if gpus < 1:
        return  # Noted as out of range, and nothing can be divided by it.
    _check_engine(check, args, model)
    if not at["device"]:
        check.refuse(
            "placement", f"is of pool '{at['pool']}', whose nodes have no GPU", "use a pool of GPUs"
        )
    elif "device_memory" not in at:
        check.refuse(
            "placement.device_memory",
            f"is not known: GPUs of pool '{at['pool']}' are shared in turns",
            "use a pool of whole GPUs or of MIG slices",
        )
    else:
        check_devices(check, "engine.tensor_parallel times engine.pipeline_parallel", gpus, at)
        if gpus <= at["devices_per_container"]:
            check_room(check, None, args["autoscaling"]["max_replicas"], gpus, at)
            _check_memory(check, args, model, at["device_memory"])


def _check_architecture(check: Checks, args: LlmServiceArgs, model: LanguageModel) -> bool:
    """Note what is no architecture, and tell whether it can be reckoned with."""
    pin = args["model"]
    if "architecture" not in pin:
        return True
    where, sound = "model.architecture", True
    if "like" in pin:
        check.refuse(where, "is given beside model.like", "leave out one of the two")
    for field in (
        "layers", "hidden", "intermediate", "heads", "kv_heads", "head_dim",
        "vocabulary", "context",
    ):  # fmt: skip
        value = getattr(model, field)
        if value < 1:
            sound = False
            check.refuse(f"{where}.{field}", f"is {value}", "copy it from the model's config.json")
    if model.parameters < model.embeddings * model.embedding + model.unquantised:
        sound = False
        check.refuse(
            f"{where}.parameters",
            f"{model.parameters} is fewer than its embeddings alone have",
            "write the number of all parameters",
        )
    if model.sliding is not None and not 0 < model.sliding.layers <= model.layers:
        sound = False
        check.refuse(
            f"{where}.sliding.layers",
            f"{model.sliding.layers} is not of the {model.layers} layers",
            "write how many of them see a window",
        )
    return sound


def _check_engine(check: Checks, args: LlmServiceArgs, model: LanguageModel) -> None:
    engine = args["engine"]
    if engine["max_model_len"] > model.context:
        check.refuse(
            "engine.max_model_len",
            f"{engine['max_model_len']} is more than the {model.context} tokens that {model.name} "
            "was trained for",
            f"write at most {model.context}",
        )
    tensor = engine.get("tensor_parallel", 1)
    if not splits(model, tensor):
        even = [str(count) for count in range(1, 17) if splits(model, count)]
        check.refuse(
            "engine.tensor_parallel",
            f"{tensor} GPUs cannot share the {model.heads} heads ({model.kv_heads} of keys and "
            f"values) and {model.vocabulary} rows of {model.name} evenly",
            f"write one of {', '.join(even)}",
        )
    weights = engine.get("weights", model.weights)
    if engine.get("quantize_on_load", False) and (
        weights is not LlmWeightFormat.FP8 or model.weights.bits < LlmWeightFormat.BF16.bits
    ):
        check.refuse(
            "engine.quantize_on_load",
            f"is given, and engine.weights is {weights}",
            "write engine.weights fp8 for a model that is published with 16 bits, or remove it",
        )


def _check_memory(
    check: Checks, args: LlmServiceArgs, model: LanguageModel, device_memory: float
) -> None:
    """The sum of all parts must be within the share of a GPU that vLLM may use."""
    engine, run = args["engine"], running(args, model)
    percent = engine.get("gpu_memory_percent", DEFAULT_GPU_MEMORY_PERCENT)
    requests = engine.get("full_length_requests", 1)
    budget = device_memory * percent / 100
    found = estimate(model, run)
    if found.needed(requests) <= budget:
        return
    pool = args["placement"]["pool"]
    advice = what_fits(
        model,
        run,
        budget=budget,
        requests=requests,
        gpus=args["placement"]["devices_per_container"],
    )
    check.refuse(
        "engine",
        f"{args['model']['name']} needs {found.told(requests)} on each GPU, and {percent} % of the "
        f"{device_memory:g} GiB that one of pool '{pool}' has are {budget:.1f} GiB",
        f"write {' or '.join(advice)}, or use larger GPUs"
        if advice
        else "use larger GPUs, or several changes at once: a shorter max_model_len, fp8, more GPUs",
    )
