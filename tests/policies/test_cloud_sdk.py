"""Cloud policies read what there is: types and properties of the providers' own SDKs.

A misspelt type or property would make a policy that never fires, and nothing would say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi_aws  # noqa: F401  its types are looked up by name
import pulumi_gcp  # noqa: F401
import pytest
from google.protobuf.json_format import MessageToDict
from policies.cases.all import ALL
from policies.in_process import judged, linked, seen
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource
from stanchion_cli.preview import typecheck
from stanchion_policies import RULES
from stanchion_policies.rules import Rule
from stanchion_policies.unknown import UnknownValueError

CLOUDS = ("aws:", "gcp:")
RULES_OF_CLOUDS = [rule for rule in RULES if any(kind.startswith(CLOUDS) for kind in rule.kinds)]
CASES = [case for case in ALL if case.policy in {rule.name for rule in RULES_OF_CLOUDS}]
OUTPUTS = {"id", "arn"}
"""What a resource is called by others though it is no input."""

Path = tuple[str, ...]
LIST = "[]"


class Watched(Mapping[str, Any]):
    """Properties that note what is asked of them."""

    def __init__(self, body: Mapping[str, Any], path: Path, read: set[Path]) -> None:
        self._body, self._path, self._read = body, path, read

    def __getitem__(self, key: str) -> Any:
        self._read.add((*self._path, key))
        return watched(self._body[key], (*self._path, key), self._read)

    def __contains__(self, key: object) -> bool:
        self._read.add((*self._path, str(key)))
        return key in self._body

    def __iter__(self) -> Iterator[str]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)


class WatchedList(Sequence[Any]):
    """A list whose elements note what is asked of them."""

    def __init__(self, body: Sequence[Any], path: Path, read: set[Path]) -> None:
        self._body, self._path, self._read = body, path, read

    def __getitem__(self, place: Any) -> Any:
        return watched(self._body[place], (*self._path, LIST), self._read)

    def __len__(self) -> int:
        return len(self._body)


def watched(value: Any, path: Path, read: set[Path]) -> Any:
    if value == UNKNOWN:
        raise UnknownValueError("", path)
    if isinstance(value, dict):
        return Watched(value, path, read)
    return WatchedList(value, path, read) if isinstance(value, list) else value


def paths_read(rule: Rule) -> dict[str, set[Path]]:
    """What a rule asks of each type of resource in all of its cases."""
    found: dict[str, set[Path]] = {}
    for case in CASES:
        if case.policy != rule.name:
            continue
        resources = [seen(resource) for resource in case.resources]
        for wire, shown in zip(case.resources, resources, strict=True):
            if wire.type.startswith(CLOUDS):
                body = MessageToDict(wire.properties)
                shown.props = Watched(body, (), found.setdefault(wire.type, set()))
        judged(rule, case.settings, linked(resources, case.resources))
    return found


def holding(path: Path) -> Any:
    """Inputs with something unknown at a path."""
    if not path:
        return UNKNOWN
    rest = holding(path[1:])
    return [rest] if path[0] == LIST else {path[0]: rest}


def problems(type_token: str, inputs: Any) -> list[str]:
    """What the SDK does not know of some inputs; what they lack does not matter."""
    asked = [{"urn": "", "type": type_token, "inputs": inputs}]
    return [
        f"{type_token} {problem['path']} {problem['reason']}"
        for problem in typecheck.check(asked)
        if "required" not in problem["reason"]
    ]


@pytest.mark.parametrize("rule", RULES_OF_CLOUDS, ids=lambda rule: rule.name)
def test_every_type_that_a_policy_is_about_exists(rule: Rule) -> None:
    wrong = {"no such property": 1}
    kinds = [kind for kind in rule.kinds if kind.startswith(CLOUDS)]
    assert not [kind for kind in kinds if not problems(kind, wrong)]


@pytest.mark.parametrize("rule", RULES_OF_CLOUDS, ids=lambda rule: rule.name)
def test_every_property_that_a_policy_reads_exists(rule: Rule) -> None:
    read = paths_read(rule)
    assert set(read) & rule.kinds, "no case is about a resource of its kinds"
    assert not [
        problem
        for type_token, paths in read.items()
        for path in sorted(paths)
        if path[0] not in OUTPUTS
        for problem in problems(type_token, holding(path))
    ]


def test_every_resource_of_the_cases_is_what_its_sdk_takes() -> None:
    resources: dict[str, AnalyzedResource] = {
        str(resource): resource
        for case in CASES
        for resource in case.resources
        if resource.type.startswith(CLOUDS)
    }
    assert not [
        problem
        for resource in resources.values()
        for problem in problems(resource.type, MessageToDict(resource.properties))
    ]
