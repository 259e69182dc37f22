"""Keys of Cloud KMS."""

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

from stanchion.foundation.location import Location

ROTATION_DAYS = 90
DELETION_DAYS = 30
"""Days in which the destruction of a key version, and with it of data, can be taken back."""
_DAY = 24 * 60 * 60


def customer_key(
    name: str,
    *,
    location: Location,
    ring_name: str,
    key_name: str,
    labels: Mapping[str, str],
    deletion_policy: str,
    held: pulumi.ResourceOptions,
) -> gcp.kms.CryptoKey:
    """A key that is rotated every quarter, in a ring of its own, which cannot be deleted.

    Args:
        name: Prefix of the resources' names.
        location: Project and region.
        ring_name: Name of the ring.
        key_name: Name of the key in it.
        labels: Labels of the key.
        deletion_policy: What a deletion does to it: PREVENT or DELETE.
        held: Options of both.
    """
    ring = gcp.kms.KeyRing(
        f"{name}-key-ring",
        project=location["account"],
        location=location["region"],
        name=ring_name,
        opts=held,
    )
    return gcp.kms.CryptoKey(
        f"{name}-key",
        key_ring=ring.id,
        name=key_name,
        purpose="ENCRYPT_DECRYPT",
        rotation_period=f"{ROTATION_DAYS * _DAY}s",
        destroy_scheduled_duration=f"{DELETION_DAYS * _DAY}s",
        labels=labels,
        deletion_policy=deletion_policy,
        opts=held,
    )
