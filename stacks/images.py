"""Which image a workload of the platform runs."""

from __future__ import annotations

from environment import ImagesConfig


def image(config: ImagesConfig, name: str) -> str:
    """The reference of the serving image `name`: its tag is given, or a hash of its sources.

    A hash needs the checkout alone, no registry and no build, so that every preview of the
    same sources names the same image.
    """
    if config.tag != "source":
        return f"{config.registry}/{name}:{config.tag}"
    from stanchion_cli.images import reference

    return f"{config.registry}/{reference(name).rpartition('/')[2]}"
