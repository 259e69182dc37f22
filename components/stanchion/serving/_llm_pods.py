"""The replicas of an `LlmService`."""

import json
import math

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.catalog.llms import LanguageModel, LlmWeightFormat
from stanchion.placement import Placement
from stanchion.serving import _llm_adapters as adapters_of
from stanchion.serving import _llm_weights as weights
from stanchion.serving import _served
from stanchion.serving._llm_cold_start import cold_start_of
from stanchion.serving._llm_fit import gpus_of, running
from stanchion.serving.llm_arguments import (
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_GPU_MEMORY_PERCENT,
    DEFAULT_LOAD_SECONDS,
    DEFAULT_RESOURCES,
    DEFAULT_SCRATCH_GIB,
    DEFAULT_STREAM_SECONDS,
    PORT,
    LlmServiceArgs,
)
from stanchion.serving.rollout import DEFAULT_SURGE

_CORE = k8s.core.v1
_USER = 1000
_STARTUP_PERIOD_SECONDS = 5
_NODE_START_SECONDS = 600
"""For a node that a pool starts from nothing, with its drivers."""
_IMAGE_PULL_SECONDS = 900
"""vLLM's image is about ten gigabytes."""
_EXIT_MARGIN_SECONDS = 15
_SHARED_MEMORY = "2Gi"
"""What the GPUs of one replica exchange through the host."""
_HOME = "/tmp"  # noqa: S108 - a volume of the pod's own
_ENVIRONMENT = {
    # The image has no user 1000, and PyTorch names its caches after the user.
    "HOME": _HOME,
    "USER": "vllm",
    "XDG_CACHE_HOME": f"{_HOME}/cache",
    "VLLM_CACHE_ROOT": f"{_HOME}/cache/vllm",
    "TORCHINDUCTOR_CACHE_DIR": f"{_HOME}/cache/inductor",
    "TRITON_CACHE_DIR": f"{_HOME}/cache/triton",
    "FLASHINFER_WORKSPACE_BASE": f"{_HOME}/cache/flashinfer",
    "HF_HOME": f"{_HOME}/cache/huggingface",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


def deployment_spec(
    service: str,
    args: LlmServiceArgs,
    model: LanguageModel,
    labelled: dict[str, str],
    selected: dict[str, str],
) -> k8s.apps.v1.DeploymentSpecArgs:
    """Replicas, as many as are kept at least."""
    template = _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels=labelled, annotations={**weights.annotations(args), **evidence(args)} or None
        ),
        spec=_pod(service, args, model, selected),
    )
    return _served.deployment_spec(
        template,
        selected,
        replicas=args["autoscaling"]["min_replicas"],
        surge=DEFAULT_SURGE,
        deadline_seconds=replica_seconds(args, model),
    )


def evidence(args: LlmServiceArgs) -> dict[str, str]:
    """Annotations that name the guardrail before the model, and what evaluated it."""
    known = {"guardrail": args.get("guardrail"), "evaluation": args.get("evaluation")}
    return {f"stanchion.dev/{key}": value for key, value in known.items() if value}


def replica_seconds(args: LlmServiceArgs, model: LanguageModel) -> int:
    """Longest time until a new replica counts as ready, that of its node included."""
    load = args.get("load_seconds", DEFAULT_LOAD_SECONDS)
    fetch = weights.fetch_seconds(args, model) + weights.seconds_of(adapters_of.local_gib(args))
    bounds = _NODE_START_SECONDS + _IMAGE_PULL_SECONDS + fetch + load
    longest = max(bounds, cold_start_of(args, model).seconds)
    return longest + 2 * _served.READY_FOR_SECONDS


def rollout_options(args: LlmServiceArgs, model: LanguageModel) -> pulumi.ResourceOptions:
    """Patience for all replicas one after the other; the engine's own is ten minutes."""
    replicas = args["autoscaling"]["max_replicas"] + DEFAULT_SURGE
    longest = f"{replica_seconds(args, model) * replicas}s"
    return pulumi.ResourceOptions(
        custom_timeouts=pulumi.CustomTimeouts(create=longest, update=longest)
    )


def command(service: str, args: LlmServiceArgs, model: LanguageModel) -> list[str]:
    """The command line of vLLM; it says all that memory depends on, and trusts no default."""
    engine, run = args["engine"], running(args, model)
    percent = engine.get("gpu_memory_percent", DEFAULT_GPU_MEMORY_PERCENT)
    half = {LlmWeightFormat.BF16: "bfloat16", LlmWeightFormat.FP16: "float16"}
    options = {
        "served-model-name": service,
        "port": PORT,
        "dtype": half.get(run.weights, "auto"),
        "kv-cache-dtype": engine.get("kv_cache", "auto"),
        "max-model-len": run.max_model_len,
        "max-num-seqs": run.max_num_seqs,
        "max-num-batched-tokens": run.max_num_batched_tokens,
        "gpu-memory-utilization": f"{percent / 100:.2f}",
        "tensor-parallel-size": run.tensor_parallel,
        "pipeline-parallel-size": run.pipeline_parallel,
        "shutdown-timeout": args.get("stream_seconds", DEFAULT_STREAM_SECONDS),
    }
    words = ["vllm", "serve", weights.model_path(args)]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    if engine.get("quantize_on_load", False):
        words += ["--quantization", "fp8"]
    adapters = args.get("adapters", [])
    if adapters:
        modules = [
            {
                "name": adapter["name"],
                "path": adapters_of.path(adapter),
                "base_model_name": service,
            }
            for adapter in adapters
        ]
        words += ["--enable-lora", "--max-loras", str(run.adapters)]
        words += ["--max-lora-rank", str(run.adapter_rank), "--lora-modules"]
        words += [json.dumps(module, separators=(",", ":")) for module in modules]
    return words


def _pod(
    service: str, args: LlmServiceArgs, model: LanguageModel, selected: dict[str, str]
) -> k8s.core.v1.PodSpecArgs:
    drain = args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)
    longest_answer = args.get("stream_seconds", DEFAULT_STREAM_SECONDS)
    at = args["placement"]
    return _CORE.PodSpecArgs(
        node_selector=at["node_selector"],
        tolerations=pods.tolerations(at),
        service_account_name=service,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.get("priority_class"),
        security_context=pods.pod_security(_USER),
        termination_grace_period_seconds=drain + longest_answer + _EXIT_MARGIN_SECONDS,
        topology_spread_constraints=pods.spread(selected),
        init_containers=[*weights.fetchers(args, model), *adapters_of.fetchers(args)] or None,
        containers=[_container(service, args, model, at)],
        volumes=_volumes(service, args, model),
    )


def _container(
    service: str, args: LlmServiceArgs, model: LanguageModel, at: Placement
) -> k8s.core.v1.ContainerArgs:
    resources = args.get("resources", DEFAULT_RESOURCES)
    drain = args.get("drain_seconds", DEFAULT_DRAIN_SECONDS)
    load = args.get("load_seconds", DEFAULT_LOAD_SECONDS)
    files_gib = weights.local_gib(args, model) + adapters_of.local_gib(args)
    asked: pods.ContainerResources = {
        "cpu": resources["cpu"],
        "memory": resources["memory"],
        "ephemeral_storage": f"{_scratch_gib(args) + files_gib}Gi",
    }
    if "cpu_limit" in resources:
        asked["cpu_limit"] = resources["cpu_limit"]
    mounts = [pods.scratch_mount(), weights.mount(args), *adapters_of.mounts(args)]
    if gpus_of(args) > 1:
        mounts.append(_CORE.VolumeMountArgs(name="shared-memory", mount_path="/dev/shm"))  # noqa: S108
    return _CORE.ContainerArgs(
        name="vllm",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=command(service, args, model),
        env=pods.environment(_ENVIRONMENT),
        ports=[_CORE.ContainerPortArgs(name="http", container_port=PORT)],
        resources=pods.requirements(asked, {at["device"]: gpus_of(args)}),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe(
            "/health",
            "http",
            period=_STARTUP_PERIOD_SECONDS,
            timeout=3,
            failures=math.ceil(load / _STARTUP_PERIOD_SECONDS),
        ),
        readiness_probe=pods.http_probe("/health", "http", period=5, timeout=3, failures=2),
        liveness_probe=pods.http_probe("/health", "http", period=10, timeout=10, failures=6),
        # Until everybody has taken it off their lists it answers as ever; SIGTERM follows, after
        # which it takes nothing new and finishes what it streams.
        lifecycle=_CORE.LifecycleArgs(
            pre_stop=_CORE.LifecycleHandlerArgs(sleep=_CORE.SleepActionArgs(seconds=drain))
        ),
        volume_mounts=mounts,
    )


def _volumes(
    service: str, args: LlmServiceArgs, model: LanguageModel
) -> list[k8s.core.v1.VolumeArgs]:
    volumes = [
        pods.scratch_volume(f"{_scratch_gib(args)}Gi"),
        weights.volume(service, args, model),
        *adapters_of.volumes(args),
    ]
    if gpus_of(args) > 1:
        shared = _CORE.EmptyDirVolumeSourceArgs(medium="Memory", size_limit=_SHARED_MEMORY)
        volumes.append(_CORE.VolumeArgs(name="shared-memory", empty_dir=shared))
    secrets: dict[str, tuple[pulumi.Input[str], tuple[str, ...]]] = {}
    if "hub_token" in args:
        key = args["hub_token"].get("key", "token")
        secrets[weights.HUB_FOLDER] = (f"{service}-hub", (key,))
    if adapters_of.registered(args):
        secrets[adapters_of.LOGIN_FOLDER] = (adapters_of.login(service), adapters_of.LOGIN_KEYS)
    if secrets:
        volumes.append(pods.secret_files(secrets))
    return volumes


def _scratch_gib(args: LlmServiceArgs) -> int:
    return args.get("resources", DEFAULT_RESOURCES).get("scratch_gib", DEFAULT_SCRATCH_GIB)
