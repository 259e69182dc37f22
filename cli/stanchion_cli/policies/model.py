"""What goes into a policy pack and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from stanchion_cli.errors import StanchionError

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct

    from stanchion_cli.report.place import Place


PROD = "prod"
"""The profile without exemptions from critical policies, in which nothing is left undecided."""
EXEMPTIONS = "exemptions"
"""The setting that names the objects a policy lets be."""
MAY_WAIT = "may-wait"
"""The tag of policies whose undecided findings the deployment decides before it makes anything."""
REMEDIABLE = "remediable"
"""The tag of policies that can mend what violates them."""


class Level(StrEnum):
    """What a violation does: nothing, a warning, a refusal, or a refusal if it cannot be mended."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    REMEDIATE = "remediate"
    DISABLED = "disabled"


class Severity(StrEnum):
    """How bad a violation is, whatever its level."""

    UNSPECIFIED = "unspecified"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class PolicyError(StanchionError):
    """The pack itself failed: it did not start, it ended, or one of its checks crashed."""


@dataclass(frozen=True, slots=True)
class AnalyzedResource:
    """One registered resource, as a policy is to see it.

    Attributes:
        urn: The resource's URN.
        type: Its type token, `kubernetes:apps/v1:Deployment`.
        name: Its Pulumi name (not the object's own name).
        properties: Its inputs as they came over the wire: secrets, unknowns, output values and
            resource references in their wire encoding.
        parent: The parent's URN, empty for the stack itself.
        provider: The provider as `(urn, type, name, properties)`, or None for a component.
        dependencies: URNs of everything it depends on.
        property_dependencies: URNs each input depends on.
        protect: Whether the resource is protected from deletion.
        ignore_changes: Property paths whose changes are ignored.
        delete_before_replace: None where the program does not say.
        aliases: Former URNs.
        custom_timeouts: Seconds for any of `create`, `update` and `delete`.
        additional_secret_outputs: Outputs to treat as secrets.
    """

    urn: str
    type: str
    name: str
    properties: Struct
    parent: str = ""
    provider: tuple[str, str, str, Struct] | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    aliases: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, float] = field(default_factory=dict)
    additional_secret_outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exemption:
    """One object that a policy lets be, as the configuration file says.

    Attributes:
        policy: The policy's name.
        object: The object as messages name it; a `*` in the name stands for anything.
        reason: Why it may stay so.
        owner: Who answers for it.
        expires: The last day on which it holds, `2027-01-31`.
    """

    policy: str
    object: str
    reason: str
    owner: str
    expires: str


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """One policy of a pack, with the level and settings it runs with.

    Attributes:
        name: Its name in configuration files and findings.
        description: The rule, in one sentence.
        kind: `resource` or `stack`.
        level: The level in force, configuration applied.
        settings: The settings in force, defaults included.
        schema: The JSON schema of each setting.
        severity: How bad a violation is.
        framework: The compliance framework and its clause, or an empty string.
        tags: Further marks, `pod-security:restricted` among them.
        remediation: What to do about a violation.
        url: Where the policy is described.
    """

    name: str
    description: str
    kind: str
    level: Level
    settings: Mapping[str, Any]
    schema: Mapping[str, Mapping[str, Any]]
    severity: Severity
    framework: str
    tags: tuple[str, ...]
    remediation: str
    url: str

    @property
    def exemptions(self) -> tuple[Exemption, ...]:
        """The objects that it lets be."""
        return tuple(Exemption(self.name, **entry) for entry in self.settings.get(EXEMPTIONS) or ())

    def finding(
        self,
        message: str,
        urn: str,
        *,
        level: Level | None = None,
        undecided: bool = False,
        exemption: Exemption | None = None,
        title: str = "",
        place: Place | None = None,
    ) -> Finding:
        """A finding of the policy, at its own level unless told otherwise."""
        return Finding(
            policy=self.name,
            level=level or self.level,
            severity=self.severity,
            message=message,
            urn=urn,
            undecided=undecided,
            tags=self.tags,
            remediation=self.remediation,
            url=self.url,
            description=self.description,
            exemption=exemption,
            title=title,
            place=place,
        )


@dataclass(frozen=True, slots=True)
class Remediation:
    """What a policy of the level `remediate` makes of a resource.

    Attributes:
        policy: The policy's name.
        properties: All inputs of the resource, the changed ones among them.
    """

    policy: str
    properties: Struct


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation, or one thing that a policy could not decide.

    An exempted one counts for nothing; it is there to be listed.

    Attributes:
        policy: The policy's name.
        level: The policy's level in force, also where the finding is undecided.
        severity: The policy's severity.
        message: Which object and field, why, and what to write instead.
        urn: The resource it is about, empty where it is about the whole stack.
        undecided: True where the policy met a value that is not known before deployment.
        tags: The policy's tags.
        remediation: The policy's remediation steps.
        url: The policy's page.
        description: The rule, in one sentence.
        exemption: What lets the object be, or None.
        title: How messages name the object, where no plan says so.
        place: Where the object stands in a file, or None.
    """

    policy: str
    level: Level
    severity: Severity
    message: str
    urn: str
    undecided: bool
    tags: tuple[str, ...]
    remediation: str
    url: str
    description: str
    exemption: Exemption | None = None
    title: str = ""
    place: Place | None = None

    @property
    def enforced(self) -> bool:
        """Whether its policy refuses in this environment."""
        return self.level in (Level.MANDATORY, Level.REMEDIATE)

    @property
    def violates(self) -> bool:
        """Whether it is a violation that nothing exempts."""
        return not self.undecided and self.exemption is None

    @property
    def may_wait(self) -> bool:
        """Whether the policy leaves what it could not decide to the deployment."""
        return MAY_WAIT in self.tags
