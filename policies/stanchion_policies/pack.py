"""The engine's policies, made of the catalogue's rules."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pulumi_policy
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import proxy as runtime_proxy

from stanchion_policies import exemptions
from stanchion_policies.kubernetes import Resource
from stanchion_policies.rules import Rule, Settings, Severity
from stanchion_policies.running import Run
from stanchion_policies.sharing import judged_together
from stanchion_policies.unknown import UnknownValueError

EXEMPTED = "exempted"
"""How a line of a note begins that tells what an exemption covers."""


class UndecidedError(runtime_proxy.UnknownValueError):
    """A policy met unknown values; `message` is the note about it.

    The runtime turns it into an advisory note, whatever the policy's level.
    """

    def __init__(self, note: str) -> None:
        Exception.__init__(self)
        self.message = note


class ExemptionError(Exception):
    """An exemption that may not be; ends the run."""


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """A policy for each rule, mandatory until an environment says otherwise."""
    raise_own_unknowns()
    return [_policy(rule) for rule in rules]


def raise_own_unknowns() -> None:
    """Make the runtime's proxies raise what checks know, which need no engine to run."""
    setattr(runtime_proxy, "UnknownValueError", UnknownValueError)  # noqa: B010


def _policy(rule: Rule) -> Policy:
    def judge(
        args: ResourceValidationArgs | StackValidationArgs,
        resources: Sequence[Resource],
        report: ReportViolation,
    ) -> None:
        run = Run(rule, _settings(rule, args.get_config()), report)
        run.over(judged_together(resources))
        note = "\n".join(_note(run))
        if run.undecided:
            raise UndecidedError(note)
        if run.exempted:
            args.not_applicable(note)

    def one(args: ResourceValidationArgs, report: ReportViolation) -> None:
        judge(args, [args], report)

    def mended(args: ResourceValidationArgs) -> Mapping[str, Any] | None:
        run = Run(rule, _settings(rule, args.get_config()), lambda *_: None)
        return args.props if run.mend(args) else None

    def all_of(args: StackValidationArgs, report: ReportViolation) -> None:
        judge(args, args.resources, report)

    metadata: dict[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "config_schema": PolicyConfigSchema(dict(rule.schema)),
        "severity": pulumi_policy.Severity(rule.severity.value),
        "framework": PolicyComplianceFramework(*rule.framework) if rule.framework else None,
        "tags": [*rule.marks],
        "remediation_steps": rule.fix,
        "url": rule.url,
    }
    if rule.sees_stack:
        return StackValidationPolicy(validate=all_of, **metadata)
    remediate: Any = mended if rule.remedy else None  # the SDK's type wants an awaitable
    return ResourceValidationPolicy(validate=one, remediate=remediate, **metadata)


def _settings(rule: Rule, configured: Mapping[str, Any]) -> Settings:
    """The settings in force.

    Raises:
        ExemptionError: An exemption is malformed, or is one that its environment may not have.
    """
    try:
        settings = Settings(rule.settings or {}, configured)
    except ValueError as error:
        raise ExemptionError(f"policy '{rule.name}': {exemptions.KEY}: {error}") from None
    if settings.exemptions and rule.severity is Severity.CRITICAL and _in_prod():
        raise ExemptionError(f"policy '{rule.name}' is critical: prod has no exemption from it")
    return settings


def _in_prod() -> bool:
    """Whether the environment's profile is prod, where the engine says what is configured."""
    configuration = json.loads(os.environ.get("PULUMI_CONFIG") or "{}")
    return bool(configuration.get(f"{os.environ.get('PULUMI_PROJECT')}:profile") == "prod")


def _note(run: Run) -> Iterator[str]:
    """A line for each object that is undecided, its URN first, and for each that is exempted."""
    for urn, reason in run.undecided.items():
        yield _line(urn, reason)
    for exemption, urn, message in run.exempted:
        yield _line(EXEMPTED, str(exemption), urn, message)


def _line(*fields: str) -> str:
    return "\t".join(" ".join(field.split()) for field in fields)
