"""The report as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TextIO
from urllib.parse import quote

from stanchion_cli.policies.model import Finding
from stanchion_cli.report.indent import indent
from stanchion_cli.report.long_json import Many, dump
from stanchion_cli.report.model import Failure, Report
from stanchion_cli.report.place import Place

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}
_TYPES, _INPUT = "provider-types", "valid-input"


def write_sarif(
    reports: Sequence[Report], failures: Sequence[Failure], files: dict[str, str], stream: TextIO
) -> None:
    """Write one run for all environments.

    Args:
        reports: The environments that were evaluated.
        failures: Those that were not.
        files: The configuration file of each environment, relative to the repository: the place
            a result points at where what it is about stands in no file.
        stream: Where to.
    """
    rules = _rules(reports, failures)
    order = {name: index for index, name in enumerate(rules)}
    results = (
        {**result, "ruleIndex": order[result["ruleId"]]}
        for result in _results(reports, failures, files)
    )
    driver = {
        "name": "stanchion",
        "rules": list(rules.values()),
    }
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": Many(results)}
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    dump(document, stream, indent=indent(reports))


def _rules(reports: Sequence[Report], failures: Sequence[Failure]) -> dict[str, Any]:
    """What the results are of, by name."""
    rules: dict[str, Any] = {}
    for report in reports:
        for finding in report.findings:
            if finding.policy not in rules:
                rules[finding.policy] = _rule(finding)
        if report.problems:
            rules[_TYPES] = _own_rule(_TYPES, "Inputs have the shape that the provider declares.")
    if failures:
        rules[_INPUT] = _own_rule(_INPUT, "The environment and its files are valid.")
    return rules


def _results(
    reports: Sequence[Report], failures: Sequence[Failure], files: dict[str, str]
) -> Iterator[dict[str, Any]]:
    for report in reports:
        for finding in report.findings:
            yield _finding(report, finding, files)
        for problem in report.problems:
            yield _result(
                _TYPES,
                "error",
                str(problem),
                environment=report.environment,
                urn=problem.urn,
                files=files,
            )
    for failure in failures:
        yield _result(
            _INPUT,
            "error",
            failure.message,
            environment=failure.environment,
            urn="",
            files=files,
            place=failure.place,
        )


def _rule(finding: Finding) -> dict[str, Any]:
    text = finding.description or finding.policy
    properties: dict[str, Any] = {"tags": sorted({"security", *finding.tags})}
    if str(finding.severity) in _SCORES:
        properties["security-severity"] = _SCORES[str(finding.severity)]
    rule: dict[str, Any] = {
        "id": finding.policy,
        "shortDescription": {"text": text},
        "help": {"text": finding.remediation or text},
        "properties": properties,
    }
    if finding.url.startswith(("https://", "http://")):
        rule["helpUri"] = finding.url
    return rule


def _own_rule(name: str, text: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": text}, "help": {"text": text}}


def _finding(report: Report, finding: Finding, files: dict[str, str]) -> dict[str, Any]:
    about = f"{report.about(finding)}: " if finding.urn else ""
    message = f"{about}{report.message(finding)}"
    level = "note" if finding.undecided else "error" if finding.enforced else "warning"
    result = _result(
        finding.policy,
        level,
        message,
        environment=report.environment,
        urn=finding.urn,
        files=files,
        place=finding.place,
    )
    if finding.undecided:
        result["kind"], result["level"] = "open", "none"  # SARIF's word for undecided
    if finding.exemption is not None:
        found = finding.exemption
        justification = f"{found.reason} ({found.owner}, until {found.expires})"
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": justification}
        ]
    return result


def _result(
    rule: str,
    level: str,
    message: str,
    *,
    environment: str,
    urn: str,
    files: dict[str, str],
    place: Place | None = None,
) -> dict[str, Any]:
    file, line = place or (files.get(environment, "Pulumi.yaml"), 1)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(file)},
            "region": {"startLine": line},
        }
    }
    if urn:
        location["logicalLocations"] = [{"fullyQualifiedName": urn, "kind": "resource"}]
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": message},
        "locations": [location],
        "partialFingerprints": {"resource/v1": f"{environment}|{rule}|{urn}"},
    }
