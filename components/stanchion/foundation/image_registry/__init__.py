"""Where the platform's own container images are kept."""

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.image_registry.contract import (
    UNTAGGED_DAYS,
    ImageRegistryArgs,
    ImageRegistryBackend,
)
from stanchion.foundation.location import check_location

__all__ = ["ImageRegistry", "ImageRegistryArgs"]


class ImageRegistry(pulumi.ComponentResource):
    """Repositories whose tags never move, whose images are scanned, with a key of their own.

    A tagged image is never deleted by a rule: something may run it. It deliberately builds and
    pushes nothing and gives no rights: nodes of a cluster may read by their own role.
    """

    repository: pulumi.Output[str]
    """Address before the name of an image, as HOST/PREFIX, without a slash at its end."""

    def __init__(
        self, name: str, args: ImageRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("ImageRegistry", name)
        args = check.arguments(ImageRegistryArgs, args)
        backend: ImageRegistryBackend = choose(check, args["location"]["cloud"], __name__)
        check_location(check, args["location"])
        check.name("environment", args["environment"])
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        check.between("untagged_days", args.get("untagged_days", UNTAGGED_DAYS), 1, 365)
        if not args["images"]:
            check.refuse("images", "is empty", "name an image")
        check.unique("images", args["images"])
        for at, image in enumerate(args["images"]):
            check.name(f"images[{at}]", image)
        check.done()
        super().__init__("stanchion:index:ImageRegistry", name, {}, opts)

        self.repository = backend.build(self, name, args, opts).repository
        self.register_outputs({"repository": self.repository})
