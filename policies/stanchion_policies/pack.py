"""The engine's policies, made of the catalogue's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

from stanchion_policies.kubernetes import Resource
from stanchion_policies.rules import Rule, Settings
from stanchion_policies.running import Run
from stanchion_policies.unknown import UnknownValueError


class UndecidedError(runtime_proxy.UnknownValueError):
    """A policy met unknown values; a line for each object: its URN, a tab and the reason.

    The runtime turns it into an advisory note, whatever the policy's level.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        Exception.__init__(self)
        self.message = "\n".join(lines)


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """A policy for each rule, mandatory until an environment says otherwise."""
    raise_own_unknowns()
    return [_policy(rule) for rule in rules]


def raise_own_unknowns() -> None:
    """Make the runtime's proxies raise what checks know, which need no engine to run."""
    setattr(runtime_proxy, "UnknownValueError", UnknownValueError)  # noqa: B010


def _policy(rule: Rule) -> Policy:
    schema = rule.settings or {}

    def judge(
        resources: Sequence[Resource], configured: Mapping[str, Any], report: ReportViolation
    ) -> None:
        run = Run(rule, Settings(schema, configured), report)
        run.over(resources)
        if run.undecided:
            raise UndecidedError(f"{urn}\t{reason}" for urn, reason in run.undecided.items())

    def one(args: ResourceValidationArgs, report: ReportViolation) -> None:
        judge([args], args.get_config(), report)

    def all_of(args: StackValidationArgs, report: ReportViolation) -> None:
        judge(args.resources, args.get_config(), report)

    metadata: dict[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "config_schema": PolicyConfigSchema(dict(schema)) if schema else None,
        "severity": pulumi_policy.Severity(rule.severity.value),
        "framework": PolicyComplianceFramework(*rule.framework) if rule.framework else None,
        "tags": [*rule.tags],
        "remediation_steps": rule.fix,
        "url": rule.url,
    }
    if rule.sees_stack:
        return StackValidationPolicy(validate=all_of, **metadata)
    return ResourceValidationPolicy(validate=one, **metadata)
