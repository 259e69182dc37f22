"""Labelled manifests of other tools, and what the policy pack says to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from stanchion_policies.catalogue import RULES
from stanchion_policies.rules import Settings
from stanchion_policies.running import Judged, Run

Manifest = dict[str, Any]

BY_NAME = {rule.name: rule for rule in RULES}


@dataclass(frozen=True)
class Label:
    """Manifests, and whether they violate a check of the tool that they come from.

    Attributes:
        check: The tool's name of the check.
        title: The file or case.
        objects: The manifests.
        violated: What the tool's own tests expect.
        subject: Kind and name of the object that is meant; None for any.
    """

    check: str
    title: str
    objects: tuple[Manifest, ...]
    violated: bool
    subject: tuple[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    """What the pack is asked for a check of another tool.

    Attributes:
        policies: The policies, any of which may find the violation.
        settings: Settings of the policies that are not the defaults.
    """

    policies: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def ask(*policies: str, **settings: Any) -> Asked:
    """Policies, and settings of them that are not the defaults."""
    return Asked(policies, settings)


def found(label: Label, asked: Asked) -> list[str]:
    """What the policies say of the object that the label is about."""
    resources = [_resource(number, body) for number, body in enumerate(label.objects)]
    judged, messages = Judged(resources), []

    def report(message: str, urn: str) -> None:
        body = label.objects[int(urn)]
        if label.subject is None or label.subject == identity(body):
            messages.append(message)

    for name in asked.policies:
        rule = BY_NAME[name]
        known = {key: asked.settings[key] for key in rule.settings or {} if key in asked.settings}
        Run(rule, Settings(rule.settings or {}, known), report).over(judged)
    return messages


def identity(body: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of an object."""
    return str(body.get("kind")), str((body.get("metadata") or {}).get("name"))


def _resource(number: int, body: Manifest) -> Any:
    """A manifest as the resource that declares it; its place is its URN."""
    version = str(body["apiVersion"])
    api = f"core/{version}" if "/" not in version else version
    return SimpleNamespace(
        resource_type=f"kubernetes:{api}:{body['kind']}",
        props=body,
        urn=str(number),
        name=identity(body)[1],
        provider=None,
        opts=None,
    )


def manifests(text: str) -> tuple[Manifest, ...]:
    """The objects of a YAML text, the members of its lists among them.

    Raises:
        yaml.YAMLError: The text is no YAML, a template for instance.
    """
    return tuple(_objects(yaml.load_all(text, yaml.CSafeLoader)))


def read(path: Path) -> tuple[Manifest, ...]:
    """The objects of a file; none where it is no plain YAML."""
    try:
        return manifests(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return ()


def _objects(documents: Iterable[Any]) -> Iterator[Manifest]:
    for document in documents:
        if not isinstance(document, dict) or "kind" not in document or "apiVersion" not in document:
            continue
        if document["kind"] == "List":
            yield from _objects(document.get("items") or ())
        else:
            yield document
