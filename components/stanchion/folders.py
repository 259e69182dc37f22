"""Folders that pods read and write: in a bucket, or on a volume that a claim stands for."""

import re

from stanchion.checks import Checks

DATA = "/data"
"""Where a claim is mounted."""
_FOLDER = re.compile(rf"(s3|gs)://[a-z0-9][a-z0-9._-]+(?P<within>/\S*)?|file://{DATA}/\S+")


def in_bucket(place: str) -> bool:
    """Whether a folder is one of a cloud's object store."""
    return not place.startswith("file:")


def is_folder(place: str, *, whole_bucket: bool = True) -> bool:
    """Whether pods can reach a folder.

    Args:
        place: The folder.
        whole_bucket: Whether a bucket without a path is one.
    """
    read = _FOLDER.fullmatch(place)
    if read is None:
        return False
    return whole_bucket or not in_bucket(place) or len(read["within"] or "") > 1


def check_folder(
    check: Checks, field: str, place: str, *, claimed: bool, whole_bucket: bool = True
) -> None:
    """Note a folder that no pod reaches.

    Args:
        check: Where it is noted.
        field: Where the folder is named.
        place: The folder.
        claimed: Whether there is a claim that is mounted.
        whole_bucket: Whether a bucket without a path is one.
    """
    if not is_folder(place, whole_bucket=whole_bucket):
        check.refuse(
            field,
            f"'{place}' is no folder that pods reach",
            f"write s3://BUCKET/PATH, gs://BUCKET/PATH or file://{DATA}/PATH",
        )
    elif not in_bucket(place) and not claimed:
        check.refuse(
            field,
            "is on a volume, but there is no volume_claim_name, so nothing is mounted",
            "name a claim, or write a bucket's folder",
        )
