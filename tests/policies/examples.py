"""A passing and a failing example of each policy: its own cases, cut down to what matters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict
from policies.cases.all import ALL
from policies.cases.case import Case, Declared, Verdict
from policies.in_process import judged, linked, seen
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource
from stanchion_policies import RULES
from stanchion_policies.reference import Example
from stanchion_policies.rules import Rule

Tree = dict[str, Any]
"""Resources by key, each with its inputs."""
Path = tuple[str | int, ...]


def examples() -> dict[str, Example]:
    """By policy: what fails, what the policy says of it, and what passes instead."""
    return {rule.name: _example(rule) for rule in RULES}


def _example(rule: Rule) -> Example:
    cases = [case for case in ALL if case.policy == rule.name]
    failing = min(
        (case for case in cases if case.verdict is Verdict.FAILS),
        key=lambda each: bool(each.settings),
    )
    said = _messages(rule, failing, _tree(failing))
    wrong = _pruned(_tree(failing), lambda tree: _messages(rule, failing, tree) == said, set())
    passing = min(
        (case for case in cases if case.verdict is Verdict.PASSES),
        key=partial(_unlike, failing, wrong),
    )
    right = _pruned(
        _tree(passing), lambda tree: _messages(rule, passing, tree) == [], set(_paths(wrong))
    )
    return Example(
        failing=_written(wrong, failing),
        message=(said or [""])[0],
        passing=_written(right, passing),
        settings=failing.settings,
    )


def _unlike(failing: Case, wrong: Tree, case: Case) -> tuple[bool, bool, int, int]:
    """How far a case is from showing the failing one put right; live objects are no example."""
    tree = _tree(case)
    live = any(_at(inputs, ("metadata", "uid")) for inputs in tree.values())
    differing = [path for path in _paths(wrong) if _at(tree, path) != _at(wrong, path)]
    return case.settings != failing.settings, live, len(differing), len(tree)


def _tree(case: Case) -> Tree:
    """The inputs of each resource of a case, by kind or type, and number of that kind."""
    tree: Tree = {}
    for item in case.objects:
        number = sum(key.startswith(f"{_kind(item)} ") for key in tree)
        tree[f"{_kind(item)} {number}"] = _inputs(item)
    return tree


def _kind(item: Declared) -> str:
    return item.type if isinstance(item, AnalyzedResource) else str(item["kind"])


def _inputs(item: Declared) -> dict[str, Any]:
    """The inputs; of a cloud's resource without the numbers that the wire makes of whole ones."""
    if not isinstance(item, AnalyzedResource):
        return copy.deepcopy(item)
    whole: dict[str, Any] = _whole(MessageToDict(item.properties))
    return whole


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _messages(rule: Rule, case: Case, tree: Tree) -> list[str] | None:
    """What the rule says of the case with these inputs; None where it cannot decide."""
    wires = dict(zip(_tree(case), case.resources, strict=True))
    shown = [seen(wires[key], copy.deepcopy(tree[key])) for key in tree]
    said, undecided = judged(rule, case.settings, linked(shown, wires.values()))
    return None if undecided else [message for _, message in said]


def _pruned(tree: Tree, holds: Callable[[Tree], bool], needed: set[Path]) -> Tree:
    """The tree without what can go while `holds` holds; `needed` paths stay."""
    for path in [*_paths(tree)]:
        if path in needed or path[1:] in {("apiVersion",), ("kind",), ("metadata", "name")}:
            continue
        without = copy.deepcopy(tree)
        holder = _at(without, path[:-1])
        if holder is None or not _holds(holder, path[-1]):
            continue  # gone with what was around it
        if isinstance(holder, list) and path[-1] != len(holder) - 1:
            continue  # only the last of a list, else the others' paths would move
        if isinstance(holder, dict) and len(holder) == 1 and len(path) > 2:
            continue  # an empty selector would select everything
        del holder[path[-1]]
        if holds(without):
            tree = without
    return tree


def _paths(value: Any, *above: str | int) -> Iterator[Path]:
    """Every path, from the outside in, lists from their end."""
    below = value.items() if isinstance(value, dict) else reversed([*enumerate(value)])
    for key, item in below:
        yield (*above, key)
        if isinstance(item, dict | list):
            yield from _paths(item, *above, key)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if not _holds(value, step):
            return None
        value = value[step]
    return value


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


def _written(tree: Tree, case: Case) -> str:
    """The resources as YAML: manifests, and others as a Pulumi program in YAML names them."""
    named = dict(zip(_tree(case), case.objects, strict=True))
    return "---\n".join(_yaml(tree[key], named[key]) for key in tree)


def _yaml(inputs: Mapping[str, Any], item: Declared) -> str:
    shown: Mapping[str, Any] = inputs
    if isinstance(item, AnalyzedResource):
        properties = {prop: _sourced(value, prop, item) for prop, value in inputs.items()}
        shown = {item.name: {"type": item.type, "properties": properties}}
    dump = partial(yaml.safe_dump, sort_keys=False, allow_unicode=True, width=96)
    return str(dump(shown))


def _sourced(value: Any, prop: str, item: AnalyzedResource) -> Any:
    """`${other}` for what is another resource's output."""
    if value != UNKNOWN:
        return value
    sources = item.property_dependencies.get(prop) or ("an output",)
    return "${" + sources[0].rpartition("::")[2] + "}"
