"""Between our own types and the messages of the Analyzer protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from stanchion_cli.policies.model import (
    AnalyzedResource,
    Finding,
    Level,
    PolicyInfo,
    Remediation,
    Severity,
)
from stanchion_cli.preview.protos import analyzer_pb2 as pb
from stanchion_cli.preview.wire import (
    _OUTPUT,
    _RESOURCE,
    _SECRET,
    _SIGNATURE,
    UNKNOWN_MARKER,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNDECIDED = "can't run policy '"
"""How the pack's runtime begins the note it sends when a policy met an unknown value."""
EXEMPTED = "exempted\t"
"""How our own packs begin a line of a note about what an exemption covers."""

_LEVELS = {
    pb.ADVISORY: Level.ADVISORY,
    pb.MANDATORY: Level.MANDATORY,
    pb.REMEDIATE: Level.REMEDIATE,
    pb.DISABLED: Level.DISABLED,
}
_TO_WIRE = {level: number for number, level in _LEVELS.items()}
_KINDS = {pb.POLICY_TYPE_RESOURCE: "resource", pb.POLICY_TYPE_STACK: "stack"}


def analyze_request(resource: AnalyzedResource) -> pb.AnalyzeRequest:
    """The question about one resource before it is made."""
    return pb.AnalyzeRequest(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        properties=properties_for_policies(resource.properties),
        options=_options(resource),
        provider=_provider(resource),
    )


def remediations(response: pb.RemediateResponse) -> list[Remediation]:
    """What is to be changed, each on top of the one before it.

    One that met an unknown value changed nothing; what it left is judged as it is.
    """
    return [
        Remediation(made.policyName, made.properties)
        for made in response.remediations
        if made.HasField("properties")
    ]


def stack_request(resources: Iterable[AnalyzedResource]) -> pb.AnalyzeStackRequest:
    """The question about all resources together."""
    return pb.AnalyzeStackRequest(
        resources=[
            pb.AnalyzerResource(
                type=resource.type,
                urn=resource.urn,
                name=resource.name,
                properties=properties_for_policies(resource.properties),
                options=_options(resource),
                provider=_provider(resource),
                parent=resource.parent,
                dependencies=resource.dependencies,
                propertyDependencies={
                    name: pb.AnalyzerPropertyDependencies(urns=urns)
                    for name, urns in resource.property_dependencies.items()
                    if urns
                },
            )
            for resource in resources
        ]
    )


def configure_request(policies: Iterable[PolicyInfo]) -> pb.ConfigureAnalyzerRequest:
    """Every policy's level and settings, defaults written out as the engine does."""
    request = pb.ConfigureAnalyzerRequest()
    for policy in policies:
        entry = request.policyConfig[policy.name]
        entry.enforcementLevel = _TO_WIRE[policy.level]
        entry.properties.update(dict(policy.settings))
    return request


def policy_infos(info: pb.AnalyzerInfo) -> tuple[PolicyInfo, ...]:
    """The pack's description of its policies, in the pack's order."""
    return tuple(_policy_info(policy) for policy in info.policies)


def findings(
    response: pb.AnalyzeResponse, policies: Mapping[str, PolicyInfo], urn: str
) -> Iterator[Finding]:
    """The findings of an answer; `urn` is the resource asked about, empty for a stack."""
    for diagnostic in response.diagnostics:
        policy = policies[diagnostic.policyName]
        if diagnostic.message.startswith(UNDECIDED):
            _, _, note = diagnostic.message.partition(" during preview: ")
            yield from _noted(policy, note, urn)
        else:
            message = diagnostic.message.removeprefix(diagnostic.description).lstrip("\n")
            level = _LEVELS[diagnostic.enforcementLevel]
            about = diagnostic.urn or urn
            yield policy.finding(message or policy.description, about, level=level)
    for told in response.not_applicable:
        if told.reason.startswith(EXEMPTED):
            yield from _noted(policies[told.policy_name], told.reason, urn)


def properties_for_policies(properties: Struct) -> Struct:
    """Resource inputs as the engine hands them to a pack.

    Output values become what they hold (unknown, secret or plain), resource references become the
    resource's id or URN, and internal keys (`__defaults`) go: a pack refuses the first two.
    """
    result = Struct()
    for key, value in properties.fields.items():
        if not key.startswith("__"):
            result.fields[key].CopyFrom(_value(value))
    return result


def _value(value: Value) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return Value(
            list_value=ListValue(values=[_value(item) for item in value.list_value.values])
        )
    if kind == "string_value" and UNKNOWN_MARKER in value.string_value:
        # A value that is a string to the program, a secret of the configuration, was put into it.
        return Value(string_value=UNKNOWN_MARKER)
    if kind != "struct_value":
        return value
    fields = value.struct_value.fields
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
    if signature == _OUTPUT:
        return _output(fields)
    if signature == _RESOURCE:
        return _reference(fields)
    return Value(struct_value=properties_for_policies(value.struct_value))


def _output(fields: Mapping[str, Value]) -> Value:
    held = _value(fields["value"]) if "value" in fields else Value(string_value=UNKNOWN_MARKER)
    if "secret" not in fields or not fields["secret"].bool_value:
        return held
    members = {_SIGNATURE: Value(string_value=_SECRET), "value": held}
    return Value(struct_value=Struct(fields=members))


def _reference(fields: Mapping[str, Value]) -> Value:
    if "id" in fields:
        return Value(string_value=fields["id"].string_value or UNKNOWN_MARKER)
    return Value(string_value=fields["urn"].string_value)


def _options(resource: AnalyzedResource) -> pb.AnalyzerResourceOptions:
    return pb.AnalyzerResourceOptions(
        protect=resource.protect,
        ignoreChanges=resource.ignore_changes,
        deleteBeforeReplace=bool(resource.delete_before_replace),
        deleteBeforeReplaceDefined=resource.delete_before_replace is not None,
        additionalSecretOutputs=resource.additional_secret_outputs,
        aliases=resource.aliases,
        customTimeouts=pb.AnalyzerResourceOptions.CustomTimeouts(**resource.custom_timeouts),
        parent=resource.parent,
    )


def _provider(resource: AnalyzedResource) -> pb.AnalyzerProviderResource | None:
    if resource.provider is None:
        return None
    urn, type_, name, properties = resource.provider
    return pb.AnalyzerProviderResource(
        urn=urn, type=type_, name=name, properties=properties_for_policies(properties)
    )


def _policy_info(policy: pb.PolicyInfo) -> PolicyInfo:
    schema = _plain(policy.configSchema.properties)
    framework = policy.framework
    clause = (framework.name, framework.version, framework.reference)
    severity = pb.PolicySeverity.Name(policy.severity).removeprefix("POLICY_SEVERITY_").lower()
    return PolicyInfo(
        name=policy.name,
        description=policy.description,
        kind=_KINDS[policy.policy_type],
        level=_LEVELS[policy.enforcementLevel],
        settings={key: entry["default"] for key, entry in schema.items() if "default" in entry},
        schema=schema,
        severity=Severity(severity),
        framework=" ".join(part for part in clause if part),
        tags=tuple(policy.tags),
        remediation=policy.remediation_steps,
        url=policy.url,
    )


def _plain(properties: Struct) -> dict[str, Any]:
    return json_format.MessageToDict(properties)


def _noted(policy: PolicyInfo, note: str, urn: str) -> Iterator[Finding]:
    """What a note tells: of our own packs an object a line, exempted or undecided."""
    lines = note.splitlines()
    if not all(line.startswith(("urn:pulumi:", EXEMPTED)) for line in lines):
        lines = [f"{urn}\t{note}"]
    for line in lines:
        if line.startswith(EXEMPTED):
            _, place, about, message = line.split("\t")
            exemption = policy.exemptions[int(place)]
            yield policy.finding(message, about, exemption=exemption)
        else:
            about, _, reason = line.partition("\t")
            yield policy.finding(reason, about, undecided=True)
