"""From a check, which is a plain function, to a rule of the catalogue.

A check looks at one object, and where it takes two to see a fault, at all that is around it. It
yields a message for each violation: which field, why, and what to write instead, never a secret's
value. What it looks at is the rule's scope, and each scope has its decorator:

| decorator | looks at | among |
| --- | --- | --- |
| `object_policy` | a Kubernetes object | nothing else |
| `cluster_policy` | a Kubernetes object | all Kubernetes objects |
| `resource_policy` | a resource of any provider | nothing else |
| `stack_policy` | a resource of any provider | the whole stack, Kubernetes objects included |

`running` runs rules; `pack` makes the engine's policies of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from stanchion_policies import exemptions
from stanchion_policies.cluster import Cluster
from stanchion_policies.exemptions import Exemption
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.remedies import Remedy
from stanchion_policies.stack import CloudResource, Stack

PAGES = "docs/policies"

BASELINE, RESTRICTED = "pod-security:baseline", "pod-security:restricted"
"""Tags of policies that belong to a level of the Pod Security Standards."""

MAY_WAIT = "may-wait"
"""The tag by which a pack's client knows of `Rule.may_wait`."""
REMEDIABLE = "remediable"
"""The tag by which it knows of `Rule.remedy`."""

Schema = Mapping[str, dict[str, Any]]


class Severity(StrEnum):
    """How bad a violation is, whatever the level that an environment gives the policy."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Framework(NamedTuple):
    """A clause of a compliance framework.

    Attributes:
        name: The framework.
        version: Its version.
        reference: The clause.
    """

    name: str
    version: str
    reference: str


def cis(reference: str) -> Framework:
    """A clause of the CIS Kubernetes Benchmark."""
    return Framework("CIS Kubernetes Benchmark", "1.8", reference)


def cis_eks(reference: str) -> Framework:
    """A clause of the CIS Amazon EKS Benchmark."""
    return Framework("CIS Amazon EKS Benchmark", "1.7", reference)


def cis_aws(reference: str) -> Framework:
    """A clause of the CIS AWS Foundations Benchmark."""
    return Framework("CIS AWS Foundations Benchmark", "5.0", reference)


def cis_gke(reference: str) -> Framework:
    """A clause of the CIS Google Kubernetes Engine Benchmark."""
    return Framework("CIS GKE Benchmark", "1.6", reference)


def cis_gcp(reference: str) -> Framework:
    """A clause of the CIS Google Cloud Platform Foundation Benchmark."""
    return Framework("CIS Google Cloud Foundation Benchmark", "3.0", reference)


class Settings:
    """A policy's settings in force: what the environment configures over the schema's defaults.

    Args:
        schema: The schema of each setting that is the policy's own.
        configured: What the environment configures.

    Attributes:
        exemptions: The objects that the policy lets be.

    Raises:
        ValueError: An exemption is malformed.
    """

    def __init__(self, schema: Schema, configured: Mapping[str, Any]) -> None:
        defaults = {name: entry["default"] for name, entry in schema.items()}
        self._values = {**defaults, **configured}
        self.exemptions = [Exemption.read(entry) for entry in configured.get(exemptions.KEY) or ()]

    def integer(self, name: str) -> int:
        """A whole number; numbers come as floats over the wire."""
        return int(self._values[name])

    def flag(self, name: str) -> bool:
        """A boolean."""
        return bool(self._values[name])

    def text(self, name: str) -> str:
        """A string."""
        return str(self._values[name])

    def strings(self, name: str) -> Sequence[str]:
        """A list of strings."""
        return [str(item) for item in self._values[name]]


def integer(description: str, default: int, *, minimum: int = 0) -> dict[str, Any]:
    """The schema of a whole-number setting."""
    return {"type": "integer", "description": description, "default": default, "minimum": minimum}


def flag(description: str, *, default: bool) -> dict[str, Any]:
    """The schema of a boolean setting."""
    return {"type": "boolean", "description": description, "default": default}


def choice(description: str, default: str, *others: str) -> dict[str, Any]:
    """The schema of a setting that is one of a few words."""
    values = [default, *others]
    return {"type": "string", "description": description, "default": default, "enum": values}


def strings(description: str, *default: str) -> dict[str, Any]:
    """The schema of a setting that is a list of strings."""
    element = {"type": "string"}
    return {"type": "array", "description": description, "default": [*default], "items": element}


class Scope(StrEnum):
    """What a check is called with, before the settings."""

    OBJECT = "object"
    CLUSTER = "cluster"
    RESOURCE = "resource"
    STACK = "stack"


OF_OBJECTS = frozenset({Scope.OBJECT, Scope.CLUSTER})
"""Scopes of what looks at Kubernetes objects by their kinds, not at resources by their types."""


@dataclass(frozen=True)
class Rule:
    """A check and what is to be known of it.

    Attributes:
        name: Its name in configuration files.
        description: The rule as users read it, the first line of the check's docstring.
        severity: How bad a violation is.
        fix: What to do about a violation.
        scope: What the check looks at.
        kinds: The Kubernetes kinds, or the type tokens of resources, that it looks at.
        check: The check itself.
        tags: `pod-security:restricted` and the like.
        framework: The clause of a compliance framework that it enforces.
        settings: Schema of each setting that is its own, every one with a default.
        may_wait: Why a deployment may begin though a preview could not decide it; empty where it
            may not. For what looks at one resource only: that is asked about again, its values
            known, before it is made.
        remedy: Mends an object that breaks the rule; None where only its author can.
    """

    name: str
    description: str
    severity: Severity
    fix: str
    scope: Scope
    kinds: frozenset[str]
    check: Callable[..., Iterable[str]]
    tags: tuple[str, ...] = ()
    framework: Framework | None = None
    settings: Schema | None = None
    may_wait: str = ""
    remedy: Remedy | None = None

    @property
    def schema(self) -> Schema:
        """The schema of each setting that it takes."""
        return {**(self.settings or {}), exemptions.KEY: exemptions.SCHEMA}

    @property
    def marks(self) -> tuple[str, ...]:
        """Its tags, and what else reports need to know of it."""
        waits = (MAY_WAIT,) if self.may_wait else ()
        mends = (REMEDIABLE,) if self.remedy else ()
        return (*self.tags, *waits, *mends)

    @property
    def url(self) -> str:
        """Where the documentation explains it."""
        return f"{page_of(self.check.__module__)}#{self.name}"

    @property
    def sees_stack(self) -> bool:
        """Whether it takes more than one resource to see a violation."""
        return self.scope in {Scope.CLUSTER, Scope.STACK}


Check = TypeVar("Check", bound=Callable[..., Iterable[str]])


class _Decorator(Generic[Check]):
    """Makes a rule of a check of one scope; the arguments are the attributes of `Rule`."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __call__(
        self,
        name: str,
        *,
        kinds: Iterable[str],
        severity: Severity,
        fix: str,
        tags: Sequence[str] = (),
        framework: Framework | None = None,
        settings: Schema | None = None,
        may_wait: str = "",
        remedy: Remedy | None = None,
    ) -> Callable[[Check], Rule]:
        def decorate(check: Check) -> Rule:
            description = (check.__doc__ or name).splitlines()[0]
            return Rule(
                name,
                description,
                severity,
                fix,
                self._scope,
                frozenset(kinds),
                check,
                tuple(tags),
                framework,
                settings,
                may_wait,
                remedy,
            )

        return decorate


object_policy = _Decorator[Callable[[KubernetesObject, Settings], Iterable[str]]](Scope.OBJECT)
cluster_policy = _Decorator[Callable[[KubernetesObject, Cluster, Settings], Iterable[str]]](
    Scope.CLUSTER
)
resource_policy = _Decorator[Callable[[CloudResource, Settings], Iterable[str]]](Scope.RESOURCE)
stack_policy = _Decorator[Callable[[CloudResource, Stack, Settings], Iterable[str]]](Scope.STACK)


def page_of(module: str) -> str:
    """The page of the documentation that a module's policies are on."""
    return f"{PAGES}/{module.rpartition('.')[2].replace('_', '-')}.md"


def rules_in(*modules: Any) -> list[Rule]:
    """Every rule that the modules define, in the order they are written."""
    return [
        value for module in modules for value in vars(module).values() if isinstance(value, Rule)
    ]
