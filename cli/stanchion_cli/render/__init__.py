"""The Kubernetes objects of a preview, as the API server would receive them, and as files.

`objects` is what an engine-less `stanchion up` applies and, all but the number of replicas that an
autoscaler says, what `stanchion render` writes.
"""

from __future__ import annotations

from stanchion_cli.render.files import Rendered, write
from stanchion_cli.render.objects import (
    KubernetesObject,
    NotRendered,
    for_repository,
    not_rendered,
    objects,
)
from stanchion_cli.render.outputs import check_outputs, read_outputs

__all__ = [
    "KubernetesObject",
    "NotRendered",
    "Rendered",
    "check_outputs",
    "for_repository",
    "not_rendered",
    "objects",
    "read_outputs",
    "write",
]
