"""What serves a model, and which one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.image import DIGEST
from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject
from stanchion_policies.reading import get, present
from stanchion_policies.rules import Settings, Severity, flag, object_policy

NAME, VERSION, MODEL_DIGEST, URI = "MODEL_NAME", "MODEL_VERSION", "MODEL_DIGEST", "MODEL_URI"
VERSION_NUMBER = re.compile(r"[1-9][0-9]*")
PINNED_URI = re.compile(r"models:/[^/@]+/[1-9][0-9]*|models:/m-[0-9a-f]{32}|runs:/[0-9a-f]{32}/.+")


@object_policy(
    "model-pinned",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Name the model's version number and digest, which `stanchion promote` writes into the "
    "environment's lock file; an alias or a stage means another model tomorrow.",
    settings={"digest": flag("Whether the model's digest is required.", default=True)},
)
def model_pinned(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """A container that serves a model serves one version, known by its digest."""
    for container in item.pod.main if item.pod else ():
        env = dict(container.env)
        if URI in env:
            uri = str(get(env[URI], "value", default=""))
            if uri.startswith(("models:", "runs:")) and not PINNED_URI.fullmatch(uri):
                yield f"{container.title} env {URI} names no fixed version; write models:/name/7"
        if NAME in env:
            yield from _unpinned(container, env, digest=settings.flag("digest"))


def _unpinned(
    container: Container, env: Mapping[str, Mapping[str, Any]], *, digest: bool
) -> Iterator[str]:
    patterns = {VERSION: VERSION_NUMBER} | ({MODEL_DIGEST: DIGEST} if digest else {})
    for name, pattern in patterns.items():
        entry = env.get(name, {})
        if not present(entry, "value"):
            yield f"{container.title} serves a model without env {name}"
        elif not pattern.fullmatch(str(get(entry, "value"))):
            expected = "a version number" if name == VERSION else "sha256: and 64 hex digits"
            yield f"{container.title} env {name} is not {expected}"
