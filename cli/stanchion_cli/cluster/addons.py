"""What a bare node lacks to be a cluster that people use: DNS, metrics, storage."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from string import Template

from stanchion_cli.cluster import images
from stanchion_cli.cluster.configuration import CLUSTER_DOMAIN
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.model import Cluster
from stanchion_cli.cluster.ranges import Ranges
from stanchion_cli.cluster.scratch import ScratchImage
from stanchion_cli.cluster.toolchain import COREDNS, METRICS_SERVER, NODE, PROVISIONER

NODE_IMAGE = "stanchion.local/node"
_MANIFESTS = Path(__file__).parent / "manifests"
DEPLOYMENTS = ("coredns", "metrics-server", "local-path-provisioner")
"""In the namespace `kube-system`."""


def node_image() -> ScratchImage:
    """What holds a pod's namespaces open and makes folders for volumes."""
    # The tag follows the program, so that a changed program is a changed configuration.
    tag = NODE.key.rpartition("-")[2]
    return ScratchImage(
        f"{NODE_IMAGE}:{tag}",
        NODE.path("stanchion-node"),
        "/stanchion-node",
        ("pause",),
        {"/volume": "/stanchion-node", "/pause": "/stanchion-node"},
    )


def controller_images() -> dict[str, ScratchImage]:
    """The controllers under the names and versions that they are known by upstream."""
    return {
        "coredns_image": ScratchImage(
            f"registry.k8s.io/coredns/coredns:{COREDNS.version}",
            COREDNS.path("coredns"),
            "/coredns",
        ),
        "metrics_server_image": ScratchImage(
            f"registry.k8s.io/metrics-server/metrics-server:{METRICS_SERVER.version}",
            METRICS_SERVER.path("metrics-server"),
            "/metrics-server",
        ),
        "provisioner_image": ScratchImage(
            f"docker.io/rancher/local-path-provisioner:{PROVISIONER.version}",
            PROVISIONER.path("local-path-provisioner"),
            "/local-path-provisioner",
        ),
    }


def load_images(cluster: Cluster, layout: Layout, more: Iterable[ScratchImage] = ()) -> int:
    """Bring the node's own image, the controllers' and `more` into it; return how many were new."""
    loaded = 0
    for image in (node_image(), *controller_images().values(), *more):
        # Reading 50 MB of program to find that nothing changed costs more than asking first.
        mark = layout.run / "images" / hashlib.sha256(image.reference.encode()).hexdigest()[:16]
        built = f"{image.program}\n{images.present(cluster, image.reference)}"
        if mark.exists() and mark.read_text() == built:
            continue
        archive = layout.run / "image.tar"
        image.write(archive)
        try:
            images.load(cluster, archive)
        finally:
            archive.unlink(missing_ok=True)
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(f"{image.program}\n{images.present(cluster, image.reference)}")
        loaded += 1
    return loaded


def manifests(layout: Layout, plan: Ranges) -> str:
    """All objects, as one YAML text."""
    pki = layout.certificates

    def encoded(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    values = {
        "cluster_domain": CLUSTER_DOMAIN,
        "dns_service": str(plan.dns_service),
        "volumes": str(layout.root / "volumes"),
        "node_image": node_image().reference,
        "certificate_authority": encoded("ca.crt"),
        "metrics_certificate": encoded("metrics-server.crt"),
        "metrics_key": encoded("metrics-server.key"),
        "metrics_certificate_digest": hashlib.sha256(
            (pki / "metrics-server.crt").read_bytes()
        ).hexdigest()[:16],
    }
    values |= {name: image.reference for name, image in controller_images().items()}
    texts = [path.read_text() for path in sorted(_MANIFESTS.glob("*.yaml"))]
    return "---\n".join(Template(text).substitute(values) for text in texts)


def apply(cluster: Cluster, layout: Layout, plan: Ranges) -> None:
    """Apply the objects server-side, as the field manager `stanchion-cluster`."""
    cluster.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=stanchion-cluster",
        "--filename=-",
        stdin=manifests(layout, plan),
    )
