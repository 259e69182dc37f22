"""Folders in buckets or on volumes that service files name, and the right to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from stanchion import Cloud, Grant, GrantKind

_SCHEMES = {Cloud.AWS: "s3", Cloud.GCP: "gs"}


@dataclass(frozen=True)
class Folder:
    """A folder that pods read or write."""

    field: str
    """Where the file names it."""
    kind: GrantKind
    """What the pods do there, should it be in a bucket."""
    address: str
    key: str | None = None
    """The KMS key of its bucket."""


def folder_problems(folders: Sequence[Folder], cloud: Cloud, stack: str) -> list[str]:
    """What is wrong with folders in buckets for the pods of an environment.

    Args:
        folders: The folders.
        cloud: The environment's cloud.
        stack: Its name.
    """
    own = _SCHEMES.get(cloud)
    right = f"{own}://BUCKET/PATH" if own else "file:///data/PATH with `claim`"
    return [
        f"{folder.field}: '{folder.address}' is in another cloud than {stack}, whose pods "
        f"have no credentials for it; write {right}"
        for folder in folders
        if urlsplit(folder.address).scheme in {*_SCHEMES.values()} - {own}
    ]


def folder_grants(folders: Sequence[Folder]) -> Iterator[Grant]:
    """The rights to those that are in buckets."""
    for folder in folders:
        where = urlsplit(folder.address)
        if where.scheme in _SCHEMES.values():
            # Names of grants are names of objects, which have no capitals.
            name = re.sub(r"([A-Z])", r"-\1", folder.field).lower()
            grant: Grant = {"name": name, "kind": folder.kind, "resource": where.netloc}
            if folder.key is not None:
                grant["key"] = folder.key
            yield grant
