"""Where models and other artifacts of runs are kept."""

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.artifact_store.contract import ArtifactStoreArgs, ArtifactStoreBackend
from stanchion.foundation.cloud import choose

__all__ = ["ArtifactStore", "ArtifactStoreArgs"]


class ArtifactStore(pulumi.ComponentResource):
    """The store behind the tracking server, which alone reads and writes it.

    Clients send and fetch artifacts through the server, so they hold no credentials of the
    store. It deliberately serves nothing itself and makes no copies; the local backend is a
    volume that one node mounts.
    """

    destination: pulumi.Output[str]
    """URI for the tracking server: file:// with a volume, else the bucket's."""
    volume_claim_name: pulumi.Output[str] | None
    """Claim that the tracking server mounts; absent where the store is a bucket."""

    def __init__(
        self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("ArtifactStore", name)
        args = check.arguments(ArtifactStoreArgs, args)
        backend: ArtifactStoreBackend = choose(check, args["cloud"], __name__)
        check.name("claim_name", args.get("claim_name", "artifacts"))
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        check.quantity("storage", args.get("storage", "10Gi"))
        check.done()
        super().__init__("stanchion:index:ArtifactStore", name, {}, opts)

        parts = backend.build(self, name, args, opts)
        self.destination = parts.destination
        self.volume_claim_name = parts.volume_claim_name
        self.register_outputs(
            {"destination": self.destination, "volumeClaimName": self.volume_claim_name}
        )
