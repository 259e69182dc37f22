"""Where models and other artifacts of runs are kept."""

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.artifact_store.contract import (
    ArtifactStoreArgs,
    ArtifactStoreBackend,
    purpose,
)
from stanchion.foundation.cloud import choose

__all__ = ["ArtifactStore", "ArtifactStoreArgs"]


class ArtifactStore(pulumi.ComponentResource):
    """The store behind the tracking server, which alone reads and writes it.

    Clients send and fetch artifacts through the server, so they hold no credentials of the
    store. In a cloud it is a private bucket that keeps old versions, encrypted with a key of its
    own. It deliberately serves nothing itself, makes no copies in other regions, and gives no
    rights: those belong to the tracking server's identity. The local backend is a volume that
    one node mounts.
    """

    destination: pulumi.Output[str]
    """URI for the tracking server: file:// with a volume, else the bucket's."""
    volume_claim_name: pulumi.Output[str] | None
    """Claim that the tracking server mounts; absent where the store is a bucket."""
    encryption_key: pulumi.Output[str] | None
    """Key of the bucket, which its users on AWS need a right to as well: its ARN on AWS, its
    resource name on Google Cloud; absent where the store is a volume."""

    def __init__(
        self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("ArtifactStore", name)
        args = check.arguments(ArtifactStoreArgs, args)
        backend: ArtifactStoreBackend = choose(check, args["cloud"], __name__)
        check.name("purpose", purpose(args))
        check.name("claim_name", args.get("claim_name", purpose(args)))
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        check.quantity("storage", args.get("storage", "10Gi"))
        backend.check(check, args)
        check.done()
        super().__init__("stanchion:index:ArtifactStore", name, {}, opts)

        parts = backend.build(self, name, args, opts)
        self.destination = parts.destination
        self.volume_claim_name = parts.volume_claim_name
        self.encryption_key = parts.encryption_key
        self.register_outputs(
            {
                "destination": self.destination,
                "volumeClaimName": self.volume_claim_name,
                "encryptionKey": self.encryption_key,
            }
        )
