"""Rules run in this process, over resources as the pack's runtime shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.policy import PolicyCustomTimeouts, PolicyResource, PolicyResourceOptions
from pulumi_policy.proxy import unknown_checking_proxy
from stanchion_cli.policies import AnalyzedResource
from stanchion_cli.policies.wire import properties_for_policies
from stanchion_policies.pack import raise_own_unknowns
from stanchion_policies.rules import Rule, Settings
from stanchion_policies.running import Judged, Run

raise_own_unknowns()


def inputs_of(resource: AnalyzedResource) -> dict[str, Any]:
    """A resource's inputs as plain values; unknown ones are marks."""
    plain: dict[str, Any] = deserialize_properties(
        MessageToDict(properties_for_policies(resource.properties))
    )
    return plain


def seen(resource: AnalyzedResource, inputs: Mapping[str, Any] | None = None) -> PolicyResource:
    """A resource as a policy sees it, with other inputs where they are given."""
    props: Any = unknown_checking_proxy(dict(inputs_of(resource) if inputs is None else inputs))
    options = PolicyResourceOptions(
        resource.protect, [*resource.ignore_changes], None, [], PolicyCustomTimeouts(0, 0, 0), []
    )
    return PolicyResource(
        resource.type, props, resource.urn, resource.name, options, None, None, [], {}
    )


def linked(
    resources: Iterable[PolicyResource], registered: Iterable[AnalyzedResource]
) -> list[PolicyResource]:
    """The resources, each knowing which of the others its properties are derived from."""
    by_urn = {resource.urn: resource for resource in resources}
    for wire in registered:
        if wire.urn in by_urn:
            by_urn[wire.urn].property_dependencies = {
                prop: [by_urn[urn] for urn in urns if urn in by_urn]
                for prop, urns in wire.property_dependencies.items()
            }
    return list(by_urn.values())


def judged(
    rule: Rule, configured: Mapping[str, Any], resources: Sequence[PolicyResource]
) -> tuple[list[tuple[str, str]], list[str]]:
    """What the rule says, each with the resource's URN, and which it could not decide."""
    said: list[tuple[str, str]] = []
    run = Run(
        rule,
        Settings(rule.settings or {}, configured),
        lambda message, urn: said.append((urn, message)),
    )
    run.over(Judged(list(resources)))
    return said, list(run.undecided)
