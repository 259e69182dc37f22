"""Which image a workload of the platform runs."""

from __future__ import annotations

from environment import Environment
from provider import LocalProvider

CLOUD_IMAGES = ("feature-store", "llm-gateway", "mlflow", "model-server", "vllm-openai")
"""The images that an environment in a cloud keeps in its own registry: the serving images, and a
copy of vLLM's."""
VLLM_VERSION = "v0.26.0"
"""Tag of vLLM's own image, docker.io/vllm/vllm-openai, and of its copies."""


def image(environment: Environment, stack: str, name: str) -> str:
    """The reference of the serving image `name`: its tag is given, or a hash of its sources.

    A hash needs the checkout alone, no registry and no build, so that every preview of the
    same sources names the same image.
    """
    registry, tag = _registry(environment, stack), environment.images.tag
    if tag != "source":
        return f"{registry}/{name}:{tag}"
    from stanchion_cli.images import reference

    return f"{registry}/{reference(name).rpartition('/')[2]}"


def vllm_image(environment: Environment, stack: str) -> str:
    """The reference of the environment's copy of vLLM's image."""
    return f"{_registry(environment, stack)}/vllm-openai:{VLLM_VERSION}"


def _registry(environment: Environment, stack: str) -> str:
    if environment.images.registry is not None:
        return environment.images.registry
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        return "localhost/stanchion"
    return f"{provider.registry}/{stack}"
