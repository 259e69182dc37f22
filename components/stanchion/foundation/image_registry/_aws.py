"""Images in ECR: one repository for each, below the environment's name."""

import json

import pulumi
import pulumi_aws as aws

from stanchion.children import child_options
from stanchion.foundation.encryption.aws import customer_key
from stanchion.foundation.image_registry.contract import (
    UNTAGGED_DAYS,
    ImageRegistryArgs,
    ImageRegistryBackend,
    ImageRegistryParts,
)
from stanchion.foundation.tags import cloud_tags


class AwsImageRegistry:
    """ECR repositories that share a key."""

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: ImageRegistryArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> ImageRegistryParts:
        """The key and a repository with its rule for each image."""
        environment, location = args["environment"], args["location"]
        tags = cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=environment
        )
        held = child_options(parent, opts, keep=args.get("keep", False))
        plain = child_options(parent, opts)
        key = customer_key(
            name,
            alias=f"{environment}-images",
            description=f"Images of {environment}",
            tags=tags,
            held=held,
            plain=plain,
        )
        names = []
        for image in args["images"]:
            repository = aws.ecr.Repository(
                f"{name}-{image}",
                name=f"{environment}/{image}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(
                    scan_on_push=True
                ),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(
                        encryption_type="KMS", kms_key=key.arn
                    )
                ],
                force_delete=False,
                tags=tags,
                opts=held,
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{image}-untagged",
                repository=repository.name,
                policy=json.dumps(_untagged(args.get("untagged_days", UNTAGGED_DAYS))),
                opts=plain,
            )
            names.append(repository.name)
        host = f"{location['account']}.dkr.ecr.{location['region']}.amazonaws.com"
        return ImageRegistryParts(
            repository=pulumi.Output.all(*names).apply(lambda _: f"{host}/{environment}")
        )


def _untagged(days: int) -> dict[str, object]:
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"Images without a tag go after {days} days",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": days,
                },
                "action": {"type": "expire"},
            }
        ]
    }


BACKEND: ImageRegistryBackend = AwsImageRegistry()
"""What `ImageRegistry` takes for AWS."""
