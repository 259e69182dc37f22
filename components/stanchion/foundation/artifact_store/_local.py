"""Artifacts on a volume of the cluster: docs/decisions/0001-local-artifact-store.md says why."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels
from stanchion.checks import Checks
from stanchion.children import child_options, once_made
from stanchion.foundation.artifact_store.contract import (
    ArtifactStoreArgs,
    ArtifactStoreBackend,
    ArtifactStoreParts,
    mount_path,
    purpose,
)
from stanchion.labels import metadata

_UNBOUND_UNTIL_USED = {"pulumi.com/skipAwait": "true"}
"""Most storage classes bind a claim when its first pod is scheduled: waiting would be forever."""


class LocalArtifactStore:
    """A volume claim, mounted by the tracking server."""

    def check(self, check: Checks, args: ArtifactStoreArgs) -> None:
        """Nothing more: a volume has no place but the cluster."""

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ArtifactStoreArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ArtifactStoreParts:
        """The claim and nothing else."""
        claim_name = args.get("claim_name", purpose(args))
        claim = k8s.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=metadata(
                claim_name,
                args["namespace"],
                labels.standard(
                    labels.selector("artifact-store", claim_name),
                    owner=args["owner"],
                    cost_center=args["cost_center"],
                ),
                annotations=_UNBOUND_UNTIL_USED,
            ),
            spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=args.get("storage_class"),
                resources=k8s.core.v1.VolumeResourceRequirementsArgs(
                    requests={"storage": args.get("storage", "10Gi")}
                ),
            ),
            opts=child_options(parent, opts, keep=args.get("keep", False)),
        )
        return ArtifactStoreParts(
            destination=pulumi.Output.from_input(f"file://{mount_path(purpose(args))}"),
            volume_claim_name=once_made(claim_name, claim),
        )


BACKEND: ArtifactStoreBackend = LocalArtifactStore()
