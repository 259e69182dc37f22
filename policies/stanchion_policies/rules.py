"""From a check, which is a plain function, to a policy of the pack.

A check looks at one Kubernetes object, and where it takes two to see a fault, at the cluster it
is in. It yields a message for each violation: which field, why, and what to write instead, never
a secret's value. The wrapper here adds the object's name, and sees to what every check needs:

- a value that is not known before deployment leaves that one object undecided, not all of them;
- a check that crashes fails the run with the names of the policy and the resource.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject, objects_of

PAGE = "docs/policies.md"

Schema = Mapping[str, dict[str, Any]]
Check = Callable[[KubernetesObject, "Settings"], Iterable[str]]
ClusterCheck = Callable[[KubernetesObject, Cluster, "Settings"], Iterable[str]]


class Settings:
    """A policy's settings in force: what the environment configures over the schema's defaults."""

    def __init__(self, schema: Schema, configured: Mapping[str, Any]) -> None:
        defaults = {name: entry["default"] for name, entry in schema.items()}
        self._values = {**defaults, **configured}

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


def cis(reference: str) -> PolicyComplianceFramework:
    """A clause of the CIS Kubernetes Benchmark."""
    return PolicyComplianceFramework("CIS Kubernetes Benchmark", "1.8", reference)


def object_policy(
    name: str,
    *,
    kinds: Iterable[str],
    severity: Severity,
    fix: str,
    tags: Sequence[str] = (),
    framework: PolicyComplianceFramework | None = None,
    settings: Schema | None = None,
) -> Callable[[Check], ResourceValidationPolicy]:
    """Make a resource policy of a check that needs to see one object only.

    The first line of the check's docstring is the rule, as users read it.

    Args:
        name: The policy's name in configuration files.
        kinds: The Kubernetes kinds it looks at.
        severity: How bad a violation is, whatever the environment's level.
        fix: What to do about a violation.
        tags: `pod-security:restricted` and the like.
        framework: The clause of a compliance framework it enforces.
        settings: Schema of each setting, every one with a default.
    """
    schema, wanted = settings or {}, frozenset(kinds)

    def decorate(check: Check) -> ResourceValidationPolicy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            configured = Settings(schema, args.get_config())
            run = _Run(name, report)
            for item in run.objects([args]):
                if item.is_a(*wanted):
                    run.check(item, partial(check, item, configured))
            run.finish()

        return ResourceValidationPolicy(
            validate=validate,
            **_metadata(
                check,
                name=name,
                severity=severity,
                fix=fix,
                tags=tags,
                framework=framework,
                schema=schema,
            ),
        )

    return decorate


def cluster_policy(
    name: str,
    *,
    kinds: Iterable[str],
    severity: Severity,
    fix: str,
    tags: Sequence[str] = (),
    framework: PolicyComplianceFramework | None = None,
    settings: Schema | None = None,
) -> Callable[[ClusterCheck], StackValidationPolicy]:
    """Make a stack policy of a check that looks at an object among all others.

    The arguments are those of `object_policy`.
    """
    schema, wanted = settings or {}, frozenset(kinds)

    def decorate(check: ClusterCheck) -> StackValidationPolicy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            configured = Settings(schema, args.get_config())
            run = _Run(name, report)
            cluster = Cluster(run.objects(args.resources))
            for item in cluster.objects:
                if item.is_a(*wanted):
                    run.check(item, partial(check, item, cluster, configured))
            run.finish()

        return StackValidationPolicy(
            validate=validate,
            **_metadata(
                check,
                name=name,
                severity=severity,
                fix=fix,
                tags=tags,
                framework=framework,
                schema=schema,
            ),
        )

    return decorate


def _metadata(
    check: Callable[..., Any],
    *,
    name: str,
    severity: Severity,
    fix: str,
    tags: Sequence[str],
    framework: PolicyComplianceFramework | None,
    schema: Schema,
) -> dict[str, Any]:
    return {
        "name": name,
        "description": (check.__doc__ or name).splitlines()[0],
        "enforcement_level": EnforcementLevel.MANDATORY,
        "config_schema": PolicyConfigSchema(dict(schema)) if schema else None,
        "severity": severity,
        "framework": framework,
        "tags": [*tags],
        "remediation_steps": fix,
        "url": f"{PAGE}#{name}",
    }


class UndecidedError(UnknownValueError):
    """A policy met unknown values; a line for each object: its URN, a tab and the reason.

    The runtime turns it into an advisory note, whatever the policy's level.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        Exception.__init__(self)
        self.message = "\n".join(lines)


class CheckCrashedError(Exception):
    """A check has a fault; ends the run, because a policy that did not run has not passed."""


class _Run:
    """One run of a policy over some objects."""

    def __init__(self, policy: str, report: ReportViolation) -> None:
        self._policy, self._report = policy, report
        self._undecided: dict[str, str] = {}

    def objects(self, resources: Iterable[Any]) -> list[KubernetesObject]:
        """The objects of all resources, those left out whose list cannot be read yet."""
        found: list[KubernetesObject] = []
        for resource in resources:
            found.extend(self._guarded(resource.urn, "", partial(objects_of, resource)))
        return found

    def check(self, item: KubernetesObject, check: Callable[[], Iterable[str]]) -> None:
        for message in self._guarded(item.urn, f"{item.title}: ", check):
            self._report(f"{item.title}: {message}", item.urn)

    def finish(self) -> None:
        if self._undecided:
            raise UndecidedError(f"{urn}\t{reason}" for urn, reason in self._undecided.items())

    def _guarded(self, urn: str, title: str, read: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        try:
            yield from read()
        except UnknownValueError as unknown:
            self._undecided[urn] = f"{title}{unknown.message}"
        except Exception as error:  # noqa: BLE001 - any fault of a check must name it
            # The exception's own text may hold a value of the resource, so it is not repeated.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            raise CheckCrashedError(
                f"policy '{self._policy}' on {urn}: {type(error).__name__} at {place}"
            ) from None


def policies_in(*modules: Any) -> list[Policy]:
    """Every policy that the modules define, in the order they are written."""
    return [
        value for module in modules for value in vars(module).values() if isinstance(value, Policy)
    ]
