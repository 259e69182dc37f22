"""The platform's own container images: what they are called, and how they are built."""

from stanchion_cli.images.build import build
from stanchion_cli.images.context import names, reference

__all__ = ["build", "names", "reference"]
