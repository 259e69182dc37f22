"""What it takes to break one field of our own production environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutation:
    """What is done to an environment and what is to be said of it.

    Attributes:
        policy: The policy that is to see it.
        kind: The kind of the object that is changed.
        name: Its name.
        changes: What it gets at each path; `DROP` takes it away.
        told: What the message must name, the field above all.
        about: The kind of the object that the message is about, where it is another one.
        type_token: Another type token for it, where its API version is what is wrong.
        without: Kinds of objects that are taken away from its namespace.
        heeded: Whether the program no longer ignores changes of what it ignores.
    """

    policy: str
    kind: str
    name: str
    changes: Mapping[Path, Any]
    told: str
    about: str = ""
    type_token: str = ""
    without: tuple[str, ...] = ()
    heeded: bool = False

    def __str__(self) -> str:
        return self.policy


POD: Path = ("spec", "template", "spec")
MAIN: Path = (*POD, "containers", 0)
SAFETY: Path = (*MAIN, "securityContext")
LIMITS, REQUESTS = (*MAIN, "resources", "limits"), (*MAIN, "resources", "requests")
JOB: Path = ("spec", "jobTemplate", "spec")
SCALER = ("HorizontalPodAutoscaler", "wine")
OTHERS = {"a": "b"}
CLEANING = ("CronJob", "mlflow-gc")


def served(policy: str, path: Path, value: Any, told: str = "", **more: Any) -> Mutation:
    """A change of the model service's Deployment."""
    return Mutation(policy, "Deployment", "wine", {path: value}, told or str(path[-1]), **more)


def tracked(policy: str, path: Path, value: Any, told: str = "", **more: Any) -> Mutation:
    """A change of the tracking server's Deployment."""
    return Mutation(policy, "Deployment", "mlflow", {path: value}, told or str(path[-1]), **more)


def changed(
    policy: str, kind: str, name: str, path: Path, value: Any, told: str = "", **more: Any
) -> Mutation:
    """A change of any object."""
    return Mutation(policy, kind, name, {path: value}, told or str(path[-1]), **more)
