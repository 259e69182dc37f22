"""`stanchion images`: build the platform's images and say where they are."""

from __future__ import annotations

import typer


def images() -> None:
    """Build every image this checkout holds; print each reference and its archive to load."""
    from stanchion_cli import images as platform_images

    for name, archive in platform_images.build(platform_images.names()).items():
        typer.echo(f"{platform_images.reference(name)}\t{archive}")
