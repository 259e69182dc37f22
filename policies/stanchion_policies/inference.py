"""What serves models and what trains them, told by images, commands and what they ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stanchion_policies.kubernetes import REPLICATED, Container, KubernetesObject
from stanchion_policies.placement import devices, is_queued
from stanchion_policies.reading import number, present, text

LLM_SERVERS = re.compile(
    r"(?:^|[/_.-])(?:vllm|sglang|lmdeploy|text-generation-inference|tgi|tensorrt-?llm|ollama"
    r"|llama-?cpp)(?:$|[/_.-])"
)
SERVERS = re.compile(
    LLM_SERVERS.pattern
    + r"|(?:^|[/_.-])(?:tritonserver|torchserve|mlserver|tensorflow/serving|bentoml"
    r"|text-embeddings-inference|seldon|kserve|ray-?llm|model-?server)(?:$|[/_.-])"
)
MODEL_VARIABLES = frozenset({"MODEL_NAME", "MODEL_URI", "STORAGE_URI", "MODEL_ID"})
_OTHER_PROGRAMS = re.compile(r"(?:^|[ /])stanchion-(?:batch|drift-monitor|retraining)(?: |$)")
"""What the platform's model-server image runs besides the server."""
_COMMANDS = ("vllm serve", "vllm.entrypoints", "mlflow models serve", "tritonserver", "sglang")


def command_line(container: Container) -> str:
    """Command and arguments as one line."""
    return " ".join(container.words())


def image_name(container: Container) -> str:
    """The image's repository with its registry, without tag and digest."""
    repository = text(container.body, "image").partition("@")[0]
    head, slash, last = repository.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}".lower()


def serves_llm(container: Container) -> bool:
    """Whether the container runs a server of large language models."""
    line = command_line(container)
    return bool(LLM_SERVERS.search(image_name(container))) or any(
        command in line for command in ("vllm serve", "vllm.entrypoints", "sglang.launch_server")
    )


def _serves(container: Container) -> bool:
    line = command_line(container)
    if _OTHER_PROGRAMS.search(line):
        return False
    if SERVERS.search(image_name(container)):
        return True
    if any(command in line for command in _COMMANDS):
        return True
    named = any(name in MODEL_VARIABLES for name, _ in container.env)
    return present(container.body, "ports") and (named or bool(devices(container)))


def model_servers(item: KubernetesObject) -> Iterator[Container]:
    """The containers of a replicated workload that answer requests with a model."""
    if item.is_a(*REPLICATED) and item.pod is not None:
        yield from (container for container in item.pod.main if _serves(container))


def is_serving(item: KubernetesObject) -> bool:
    """Whether a workload serves a model."""
    return any(True for _ in model_servers(item))


def is_training(item: KubernetesObject) -> bool:
    """Whether a job trains or computes with models: it asks for GPUs or waits in a queue."""
    if item.pod is None or not item.is_a("Job", "CronJob"):
        return False
    return is_queued(item) or any(devices(container) for container in item.pod.main)


def start_allowance(container: Container) -> float | None:
    """Seconds that a container may take to start before it is killed; None for any time."""
    for probe in ("startupProbe", "livenessProbe"):
        if present(container.body, probe):
            wait = number(container.body, probe, "initialDelaySeconds")
            period = number(container.body, probe, "periodSeconds", default=10)
            return wait + period * number(container.body, probe, "failureThreshold", default=3)
    return None
