"""A passing or failing case of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policies.manifests import Manifest


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
    objects: tuple[Manifest, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.policy} {self.verdict}: {self.title}"


def passes(policy: str, title: str, *objects: Manifest, **settings: Any) -> Case:
    return Case(policy, title, Verdict.PASSES, objects, settings)


def fails(policy: str, title: str, *objects: Manifest, **settings: Any) -> Case:
    return Case(policy, title, Verdict.FAILS, objects, settings)


def undecided(policy: str, title: str, *objects: Manifest, **settings: Any) -> Case:
    return Case(policy, title, Verdict.UNDECIDED, objects, settings)
