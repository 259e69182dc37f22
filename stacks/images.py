"""Which image a workload of the platform runs."""

from __future__ import annotations

from environment import Environment
from provider import LocalProvider

CLOUD_IMAGES = ("mlflow", "model-server")
"""The serving images that an environment in a cloud keeps in its own registry."""


def image(environment: Environment, stack: str, name: str) -> str:
    """The reference of the serving image `name`: its tag is given, or a hash of its sources.

    A hash needs the checkout alone, no registry and no build, so that every preview of the
    same sources names the same image.
    """
    registry, tag = (
        environment.images.registry or _registry(environment, stack),
        environment.images.tag,
    )
    if tag != "source":
        return f"{registry}/{name}:{tag}"
    from stanchion_cli.images import reference

    return f"{registry}/{reference(name).rpartition('/')[2]}"


def _registry(environment: Environment, stack: str) -> str:
    provider = environment.provider
    if isinstance(provider, LocalProvider):
        return "localhost/stanchion"
    return f"{provider.registry}/{stack}"
