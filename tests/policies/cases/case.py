"""A passing or failing case of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policies.manifests import Manifest, resource
from stanchion_cli.policies import AnalyzedResource

Declared = Manifest | AnalyzedResource
"""A Kubernetes object as a manifest, or any other resource as a program registers it."""


class Verdict(StrEnum):
    PASSES = "passes"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Case:
    """Objects that a policy passes, fails or cannot decide.

    Attributes:
        policy: The policy's name.
        title: What the case is about.
        verdict: What the policy is to say.
        objects: The stack's objects.
        settings: The policy's settings, defaults where empty.
    """

    policy: str
    title: str
    verdict: Verdict
    objects: tuple[Declared, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.policy} {self.verdict}: {self.title}"

    @property
    def resources(self) -> list[AnalyzedResource]:
        """The objects as a program registers them."""
        return [
            item if isinstance(item, AnalyzedResource) else resource(item) for item in self.objects
        ]


def passes(policy: str, title: str, *objects: Declared, **settings: Any) -> Case:
    return Case(policy, title, Verdict.PASSES, objects, settings)


def fails(policy: str, title: str, *objects: Declared, **settings: Any) -> Case:
    return Case(policy, title, Verdict.FAILS, objects, settings)


def undecided(policy: str, title: str, *objects: Declared, **settings: Any) -> Case:
    return Case(policy, title, Verdict.UNDECIDED, objects, settings)
