"""Images in Artifact Registry: one repository that holds them all."""

import pulumi
import pulumi_gcp as gcp

from stanchion.children import child_options
from stanchion.foundation.encryption.gcp import customer_key
from stanchion.foundation.image_registry.contract import (
    UNTAGGED_DAYS,
    ImageRegistryArgs,
    ImageRegistryBackend,
    ImageRegistryParts,
)
from stanchion.foundation.tags import cloud_tags

DAY = 24 * 60 * 60


class GcpImageRegistry:
    """A Docker repository with a key of its own."""

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ImageRegistryArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ImageRegistryParts:
        """The key, the right of Artifact Registry itself to use it, and the repository."""
        environment = args["environment"]
        project, region = args["location"]["account"], args["location"]["region"]
        labels = cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=environment
        )
        keep = args.get("keep", False)
        deletion = "PREVENT" if keep else "DELETE"
        held, plain = child_options(parent, opts, keep=keep), child_options(parent, opts)
        key = customer_key(
            name,
            location=args["location"],
            ring_name=f"{environment}-images",
            key_name="images",
            labels=labels,
            deletion_policy=deletion,
            held=held,
        )
        registry = gcp.projects.ServiceIdentity(
            f"{name}-service",
            project=project,
            service="artifactregistry.googleapis.com",
            opts=plain,
        )
        right = gcp.kms.CryptoKeyIAMMember(
            f"{name}-key-user",
            crypto_key_id=key.id,
            role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
            member=registry.member,
            opts=plain,
        )
        days = args.get("untagged_days", UNTAGGED_DAYS)
        repository = gcp.artifactregistry.Repository(
            f"{name}-repository",
            project=project,
            location=region,
            repository_id=environment,
            description=f"Images of {environment}",
            format="DOCKER",
            mode="STANDARD_REPOSITORY",
            docker_config=gcp.artifactregistry.RepositoryDockerConfigArgs(immutable_tags=True),
            vulnerability_scanning_config=gcp.artifactregistry.RepositoryVulnerabilityScanningConfigArgs(
                enablement_config="INHERITED"
            ),
            kms_key_name=key.id,
            cleanup_policy_dry_run=False,
            cleanup_policies=[
                gcp.artifactregistry.RepositoryCleanupPolicyArgs(
                    id="untagged",
                    action="DELETE",
                    condition=gcp.artifactregistry.RepositoryCleanupPolicyConditionArgs(
                        tag_state="UNTAGGED", older_than=f"{days * DAY}s"
                    ),
                )
            ],
            labels=labels,
            deletion_policy=deletion,
            opts=child_options(parent, opts, keep=keep, depends_on=[right]),
        )
        host = f"{region}-docker.pkg.dev/{project}"
        return ImageRegistryParts(
            repository=repository.repository_id.apply(lambda made: f"{host}/{made}")
        )


BACKEND: ImageRegistryBackend = GcpImageRegistry()
"""What `ImageRegistry` takes for Google Cloud."""
