"""What `ImageRegistry` takes, and what each backend gives back."""

from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

import pulumi

from stanchion.foundation.location import Location

UNTAGGED_DAYS = 14


class ImageRegistryArgs(TypedDict):
    """Arguments of `ImageRegistry`."""

    location: Location
    """Account or project, region and zones."""
    environment: str
    """Name of the environment, as prod-aws: prefix of every name in the cloud."""
    owner: str
    """Team that answers for it; becomes a tag."""
    cost_center: str
    """Where its cost is booked; becomes a tag."""
    images: list[str]
    """Names of the images that are kept, as model-server; ECR has a repository for each."""
    untagged_days: NotRequired[int]
    """Days after which an image without a tag is deleted: 1 to 365. Default: 14."""
    keep: NotRequired[bool]
    """Whether images are protected from deletion. Default: false."""


@dataclass(frozen=True)
class ImageRegistryParts:
    """What a backend has made."""

    repository: pulumi.Output[str]


class ImageRegistryBackend(Protocol):
    """One cloud's registry."""

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ImageRegistryArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ImageRegistryParts:
        """Make it, as children of `parent`."""
        ...
