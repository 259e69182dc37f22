"""Keys of KMS."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

ROTATION_DAYS = 365
DELETION_DAYS = 30
"""Days in which the deletion of a key, and with it of all data, can be taken back: the most."""


def customer_key(
    name: str,
    *,
    alias: str,
    description: str,
    tags: Mapping[str, str],
    held: pulumi.ResourceOptions,
    plain: pulumi.ResourceOptions,
) -> aws.kms.Key:
    """A key that is rotated every year, with an alias.

    Args:
        name: Prefix of the resources' names.
        alias: Its alias, without `alias/`.
        description: What it encrypts.
        tags: Tags of the key.
        held: Options of the key, which holds data.
        plain: Options of the alias.
    """
    key = aws.kms.Key(
        f"{name}-key",
        description=description,
        enable_key_rotation=True,
        rotation_period_in_days=ROTATION_DAYS,
        deletion_window_in_days=DELETION_DAYS,
        tags=tags,
        opts=held,
    )
    aws.kms.Alias(f"{name}-key-alias", name=f"alias/{alias}", target_key_id=key.key_id, opts=plain)
    return key
