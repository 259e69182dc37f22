"""Where images come from, and whether the same reference is the same image tomorrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject
from stanchion_policies.reading import text
from stanchion_policies.rules import Settings, Severity, choice, object_policy, strings

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DIGESTS = re.compile(
    r"(?:sha256|blake3):[0-9a-f]{64}|sha512:[0-9a-f]{128}"
    r"|(?!sha256|sha512|blake3)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[\w=-]+"
)
"""Digests: of the algorithms that the OCI registers by their length, of others by their form."""
REGISTRY_UNKNOWN = (
    "a registry that the same stack makes has no address yet, and the pod is judged again before "
    "it is made."
)
MOVING_TAGS = frozenset({"", "latest"})


@dataclass(frozen=True)
class Image:
    """A reference to an image, taken apart.

    Attributes:
        repository: Registry and path, written out: `docker.io/library/nginx`.
        tag: The tag, empty where none is written.
        digest: The digest, empty where none is written.
    """

    repository: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, reference: str) -> Image:
        """Take `[registry/]path[:tag][@digest]` apart; a colon before a slash is a port."""
        rest, _, digest = reference.partition("@")
        path, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            path, tag = rest, ""
        registry, slash, name = path.partition("/")
        if not slash:
            path = f"docker.io/library/{path}"
        elif "." not in registry and ":" not in registry and registry != "localhost":
            path = f"docker.io/{path}"
        elif registry == "docker.io" and "/" not in name:
            path = f"docker.io/library/{name}"
        return cls(path, tag, digest)


def _images(item: KubernetesObject) -> Iterator[tuple[Container, Image]]:
    """Every container of any kind that names an image."""
    for container in item.pod.containers() if item.pod else ():
        reference = text(container.body, "image")
        if reference:
            yield container, Image.parse(reference)


@object_policy(
    "image-pinned",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Write a version tag, or a digest (image@sha256:…), which cannot be moved at all.",
    may_wait=REGISTRY_UNKNOWN,
)
def pinned(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An image is named by a version, not by a tag that moves."""
    for container, image in _images(item):
        if not image.digest and image.tag in MOVING_TAGS:
            tag = f"the tag {image.tag}" if image.tag else "no tag"
            yield f"{container.title} names {image.repository} with {tag}; write a version"


@object_policy(
    "image-digest",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Add the digest (image@sha256:…) that the registry shows for the tag.",
    settings={
        "immutable": strings(
            "Repositories, with * for any text, whose registry never moves a tag: there a tag is "
            "as good as a digest."
        ),
    },
    may_wait=REGISTRY_UNKNOWN,
)
def digest(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """An image reference means the same image at every start."""
    for container, image in _images(item):
        tagged = image.tag not in MOVING_TAGS and _immutable(image.repository, settings)
        if not image.digest and not tagged:
            yield f"{container.title} names {image.repository} without a digest; add @sha256:…"


@object_policy(
    "image-digest-valid",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Write sha256: and 64 hexadecimal digits, as the registry shows them.",
)
def digest_valid(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A digest is one, so that the image can be pulled."""
    for container, image in _images(item):
        if image.digest and not _DIGESTS.fullmatch(image.digest):
            yield f"{container.title} has a malformed digest; write sha256: and 64 hex digits"


def _immutable(repository: str, settings: Settings) -> bool:
    return any(fnmatchcase(repository, each) for each in settings.strings("immutable"))


@object_policy(
    "image-registry",
    kinds=WORKLOADS,
    severity=Severity.MEDIUM,
    fix="Copy the image into one of the registries that the environment allows.",
    settings={
        "registries": strings(
            "Registries, or paths in one, that images may come from; none means any."
        )
    },
    may_wait=REGISTRY_UNKNOWN,
)
def registry(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """Images come from registries that the environment trusts."""
    allowed = [name.rstrip("/") for name in settings.strings("registries")]
    for container, image in _images(item) if allowed else ():
        if not any(f"{image.repository}/".startswith(f"{name}/") for name in allowed):
            yield f"{container.title} comes from {image.repository}; allowed: {', '.join(allowed)}"


@object_policy(
    "image-pull-policy",
    kinds=WORKLOADS,
    severity=Severity.LOW,
    fix="Pull a fixed tag or digest IfNotPresent, a moving tag Always.",
    settings={
        "demand": choice(
            "`fits` accepts a policy that fits the reference; `always` wants Always, which also "
            "checks the right to pull at every start.",
            "fits",
            "always",
        )
    },
)
def pull_policy(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """The pull policy fits the image reference."""
    for container, image in _images(item):
        moving = not image.digest and image.tag in MOVING_TAGS
        usual = "Always" if moving else "IfNotPresent"
        policy = text(container.body, "imagePullPolicy", default=usual)
        if settings.text("demand") == "always":
            if policy != "Always":
                yield f"{container.title} has imagePullPolicy {policy}; write Always"
        elif policy == "Never":
            yield f"{container.title} has imagePullPolicy Never, so a new node cannot run it"
        elif moving and policy != "Always":
            yield f"{container.title} pulls a moving tag {policy}, so nodes differ; write Always"
