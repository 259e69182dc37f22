"""Images into the node, from archives: a bundled node reaches no registry."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import Cluster, ClusterError
from stanchion_cli.cluster.packages import program

_NAMESPACE = "k8s.io"
_OCI_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True)
class Archived:
    """One image in an archive: its identity (the configuration's digest) and its names."""

    identity: str
    references: tuple[str, ...]


def load(cluster: Cluster, archive: Path) -> list[str]:
    """Import what an archive of `docker save`, `podman save` or OCI layout form holds.

    Args:
        cluster: A running node.
        archive: An uncompressed tar file.

    Returns:
        The references now present. Those that the node has already are not imported again.

    Raises:
        ClusterError: The archive cannot be read, names no image, or the node refused it.
    """
    images = contents(archive)
    references = [reference for image in images for reference in image.references]
    if not references:
        raise ClusterError(
            "the archive names no image",
            where=str(archive),
            fix="save it with a full name and tag: `buildah push IMAGE docker-archive:FILE:NAME`",
        )
    lacking = [
        reference
        for image in images
        for reference in image.references
        if present(cluster, reference) != image.identity
    ]
    if lacking:
        _ctr(cluster.name, "images", "import", "--snapshotter", "overlayfs", str(archive))
    return [canonical(reference) for reference in references]


def present(cluster: Cluster, reference: str) -> str | None:
    """The identity (`sha256:…` of its configuration, as docker and buildah show it) of an image.

    Returns:
        None where the node has no image of that name.
    """
    wanted = canonical(reference)
    for line in _ctr(cluster.name, "images", "list").splitlines()[1:]:
        name, media_type, digest, *_ = line.split()
        if name == wanted:
            return _identity(cluster.name, media_type, digest)
    return None


def canonical(reference: str) -> str:
    """A reference as the node stores it: with its registry and its tag."""
    first, _, rest = reference.partition("/")
    if not rest:
        reference = f"docker.io/library/{reference}"
    elif not ("." in first or ":" in first or first == "localhost"):
        reference = f"docker.io/{reference}"
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"


def contents(archive: Path) -> list[Archived]:
    """What an archive holds, read without unpacking it.

    Raises:
        ClusterError: It is not there, not a tar file, or of neither form.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            names = set(tar.getnames())
            if "manifest.json" in names:
                return [
                    Archived(
                        "sha256:" + Path(entry["Config"]).name.removesuffix(".json"),
                        tuple(entry.get("RepoTags") or ()),
                    )
                    for entry in _json(tar, "manifest.json")
                ]
            if "index.json" in names:
                return [_of_layout(tar, entry) for entry in _json(tar, "index.json")["manifests"]]
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            f"the image archive cannot be read: {error}",
            where=str(archive),
            fix="save the image again, uncompressed",
        ) from error
    raise ClusterError(
        "the archive holds neither manifest.json nor index.json",
        where=str(archive),
        fix="save it as docker-archive or oci-archive",
    )


def _of_layout(tar: tarfile.TarFile, entry: dict[str, Any]) -> Archived:
    annotations = entry.get("annotations") or {}
    names = tuple(annotations[key] for key in _OCI_NAMES if key in annotations)[:1]
    manifest = _json(tar, "blobs/" + entry["digest"].replace(":", "/"))
    return Archived(manifest.get("config", {}).get("digest", entry["digest"]), names)


def _json(tar: tarfile.TarFile, name: str) -> Any:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return json.load(file)


def _identity(cluster: str, media_type: str, digest: str) -> str:
    blob = json.loads(_ctr(cluster, "content", "get", digest))
    if "index" in media_type or "manifest.list" in media_type:
        blob = json.loads(_ctr(cluster, "content", "get", blob["manifests"][0]["digest"]))
    return str(blob["config"]["digest"])


def _ctr(cluster: str, *args: str) -> str:
    layout = Layout.of(cluster)
    command = [str(program("ctr")), f"--address={layout.containerd_socket}"]
    done = subprocess.run(
        [*command, f"--namespace={_NAMESPACE}", *args], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ClusterError(
            f"containerd refused `{' '.join(args[:2])}`: {done.stderr.strip()}",
            where=f"cluster {cluster}",
            fix=f"see `stanchion cluster status --name {cluster}`",
        )
    return done.stdout
