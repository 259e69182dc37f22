"""What a preview knows: resources as the program registered them, and what was found wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from stanchion_cli.policies import Finding, PolicyInfo


class Unknown(Enum):
    """The type of `UNKNOWN`; a single value, so that `is` and type narrowing work."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        """Show it the way reports do."""
        return "<unknown>"


UNKNOWN: Final = Unknown.UNKNOWN
"""A value that only the provider or the first `up` decides."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must never be shown; `value` may itself be UNKNOWN or hold more of them."""

    value: Any

    def __repr__(self) -> str:
        """Keep the value out of logs, assertions and tracebacks."""
        return "<secret>"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, text or archive handed to a provider; `content` is its path, text or URI."""

    kind: Literal["asset", "archive"]
    source: Literal["text", "path", "uri", "assets"]
    content: Any


@dataclass(frozen=True, slots=True)
class ResourceReference:
    """Another resource passed as a value."""

    urn: str
    id: Any = None


@dataclass(frozen=True, slots=True)
class ResourceOptions:
    """The options of a resource after inheritance and transforms; the engine's own defaults."""

    protect: bool = False
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Each alias as a URN or as its specification (`name=old, parent=urn`)."""
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    deleted_with: str | None = None
    replace_with: tuple[str, ...] = ()
    hide_diffs: tuple[str, ...] = ()
    version: str | None = None
    plugin_download_url: str | None = None
    import_id: str | None = None
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """One registered resource.

    `inputs` and `outputs` are plain dicts, lists, strings, numbers and booleans with `UNKNOWN`,
    `Secret`, `Asset` and `ResourceReference` inside. `provider` is the URN of the provider that
    would be used, a default one included; components have none. `external` marks a resource that
    is read, not managed.
    """

    urn: str
    type: str
    name: str
    custom: bool
    inputs: Mapping[str, Any]
    parent: str | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str | None = None
    options: ResourceOptions = field(default_factory=ResourceOptions)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    external: bool = False


@dataclass(frozen=True, slots=True)
class TypeProblem:
    """An input that the provider's own types refuse."""

    urn: str
    path: str
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        """One line: resource name, property path, what is wrong, what to write."""
        line = f"{self.urn.rsplit('::', 1)[-1]}: {self.path}: {self.reason}"
        return f"{line}; {self.fix}" if self.fix else line


@dataclass(frozen=True, slots=True)
class Remedied:
    """What a policy of the level `remediate` changed in a resource's inputs."""

    policy: str
    urn: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A message of the program: `severity` is debug, info, warning or error."""

    severity: str
    message: str
    urn: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The outcome of evaluating one environment's program once, without an engine.

    `resources` are in the order the program made them; `outputs` are the stack's. `findings` are
    what the policies said, undecided ones included; `problems` are inputs of the wrong shape;
    `remedied` is what policies changed before they judged; `skipped_hooks` are hooks that the
    engine would have run.
    """

    environment: str
    project: str
    root: Path
    profile: str
    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
    remedied: tuple[Remedied, ...] = ()
    problems: tuple[TypeProblem, ...] = ()
    log: tuple[LogLine, ...] = ()
    policies: tuple[PolicyInfo, ...] = ()
    policies_run: bool = False
    skipped_hooks: tuple[str, ...] = ()

    def resource(self, urn: str) -> Resource:
        """The resource of that URN; raises KeyError where there is none."""
        for resource in self.resources:
            if resource.urn == urn:
                return resource
        raise KeyError(urn)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every innermost value with its property path (`spec.containers[0].image`), in order.

    A `Secret` is one leaf: nothing inside it is walked.
    """
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, member(path, str(key)))
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def replace_leaves(value: Any, change: Callable[[str, Any], Any], path: str = "") -> Any:
    """A copy of `value` in which each of its `leaves` is what `change(path, leaf)` makes of it."""
    if isinstance(value, Mapping) and value:
        return {k: replace_leaves(v, change, member(path, str(k))) for k, v in value.items()}
    if isinstance(value, list | tuple) and value:
        return [replace_leaves(v, change, f"{path}[{i}]") for i, v in enumerate(value)]
    return change(path, value)


def member(path: str, key: str) -> str:
    """The property path of `key` below `path`."""
    if key.replace("_", "a").replace("-", "a").isalnum():
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'


def contains_unknown(value: Any) -> bool:
    """Whether `value` is, or holds anywhere inside (secrets too), an unknown."""
    if isinstance(value, Secret):
        return contains_unknown(value.value)
    if isinstance(value, Mapping):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(contains_unknown(item) for item in value)
    return value is UNKNOWN
