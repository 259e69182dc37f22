"""What a PromQL query asks for: metrics, the labels it expects of them, the time it looks back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

PLACEHOLDER = re.compile(r"\{\{[^}]*\}\}")
_INVENTING = frozenset({"label_replace", "label_join"})
"""Functions that give series labels which their metric does not have."""


@dataclass(frozen=True)
class Selector:
    """A metric as a query selects it.

    Attributes:
        metric: Its name; empty where the query matches names by a pattern.
        labels: Labels that it must have for the selector to find anything.
    """

    metric: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Grouping:
    """An aggregation by labels.

    Attributes:
        labels: The labels it keeps.
        metrics: What is aggregated.
    """

    labels: frozenset[str]
    metrics: frozenset[str]


@dataclass
class Query:
    """A query taken apart.

    Attributes:
        selectors: What it selects.
        groupings: How it aggregates.
        ranges: Seconds that its ranges look back.
        values: Label values that it compares with, exactly or by a pattern.
    """

    selectors: list[Selector] = field(default_factory=list)
    groupings: list[Grouping] = field(default_factory=list)
    ranges: set[float] = field(default_factory=set)
    values: set[str] = field(default_factory=set)


@cache
def read(query: str) -> Query:
    """A query taken apart; placeholders of templates count as some value.

    Raises:
        ValueError: It is no PromQL.
    """
    # Loaded by the first query: a stack without one does not wait for it.
    import promql_parser  # noqa: PLC0415

    found = Query()
    _walk(promql_parser.parse(_filled(query)), found)
    return found


def _filled(query: str) -> str:
    """The query with a duration or a word in the place of each placeholder."""
    durations = re.sub(r"\[\s*\{\{[^}]*\}\}", "[5m", query)
    return PLACEHOLDER.sub("0", durations)


def _walk(node: Any, found: Query) -> None:
    kind = type(node).__name__
    if kind == "VectorSelector":
        found.selectors.append(_selector(node, found))
    elif kind == "MatrixSelector":
        found.ranges.add(node.range.total_seconds())
        found.selectors.append(_selector(node.vector_selector, found))
    elif kind == "SubqueryExpr":
        found.ranges.add(node.range.total_seconds())
    elif kind == "AggregateExpr":
        _group(node, found)
    for child in _children(node):
        _walk(child, found)


def _children(node: Any) -> Iterator[Any]:
    for name in ("lhs", "rhs", "expr", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield child
    yield from getattr(node, "args", None) or ()


def _selector(node: Any, found: Query) -> Selector:
    name, labels = node.name or "", set()
    groups = (node.matchers.matchers, *node.matchers.or_matchers)
    for matcher in (each for group in groups for each in group):
        operator = str(matcher.op).rpartition(".")[2]
        if matcher.name == "__name__":
            name = matcher.value if operator == "Equal" else name
        elif _needs_label(operator, matcher.value):
            labels.add(matcher.name)
            found.values.add(matcher.value)
    return Selector(name, frozenset(labels))


def _needs_label(operator: str, value: str) -> bool:
    """Whether series without the label are left out: inequalities and empty values keep them."""
    if operator == "Re":
        return value not in {"", ".*"} and not value.startswith("|") and not value.endswith("|")
    return operator == "Equal" and bool(value)


def _group(node: Any, found: Query) -> None:
    modifier = node.modifier
    if modifier is None or not str(modifier.type).endswith("By"):
        return
    inner = Query()
    _walk(node.expr, inner)
    if not _invents(node.expr):
        metrics = frozenset(selector.metric for selector in inner.selectors)
        found.groupings.append(Grouping(frozenset(modifier.labels), metrics))


def _invents(node: Any) -> bool:
    function = getattr(getattr(node, "func", None), "name", "")
    return function in _INVENTING or any(_invents(child) for child in _children(node))
