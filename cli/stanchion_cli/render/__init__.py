"""The Kubernetes objects of a preview, as the API server would receive them, and as files.

`objects` is what both `stanchion render` writes and an engine-less `stanchion up` applies.
"""

from __future__ import annotations

from stanchion_cli.render.files import Rendered, write
from stanchion_cli.render.objects import KubernetesObject, NotRendered, not_rendered, objects
from stanchion_cli.render.outputs import check_outputs, read_outputs

__all__ = [
    "KubernetesObject",
    "NotRendered",
    "Rendered",
    "check_outputs",
    "not_rendered",
    "objects",
    "read_outputs",
    "write",
]
