"""Third-party controllers on the bundled node: those that clouds install from charts.

Each is built from its maker's own module, which also brings the kinds that it owns and the rights
that it needs. So the objects that the platform declares meet the real controllers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stanchion_cli.cluster.layout import Layout, write
from stanchion_cli.cluster.model import Cluster, ClusterError
from stanchion_cli.cluster.operator_list import OPERATORS, BundledOperator, joined
from stanchion_cli.cluster.toolchain import Tool

_ESTABLISHED_SECONDS = 60


def named(names: Iterable[str]) -> list[BundledOperator]:
    """The operators of some names, in the order in which they are brought.

    Raises:
        ClusterError: The bundled node cannot run one of them.
    """
    wanted = set(names)
    if unknown := sorted(wanted - OPERATORS.keys()):
        raise ClusterError(
            f"the bundled node has no operator {', '.join(unknown)}",
            fix=f"name some of {', '.join(OPERATORS)}, or use a cluster of your own",
        )
    return [operator for name, operator in OPERATORS.items() if name in wanted]


def tools_of(names: Iterable[str]) -> list[Tool]:
    """What the operators of some names are built from."""
    return [tool for operator in named(names) for tool in operator.tools]


def installed(layout: Layout) -> list[BundledOperator]:
    """The operators that the node was given last."""
    return named(_recorded(layout))


def bring(cluster: Cluster, layout: Layout, operators: Sequence[BundledOperator]) -> None:
    """Bring these operators into the node; one that was brought as it is now is left as it is."""
    for operator in operators:
        digest = _digest(operator)
        if _recorded(layout).get(operator.name) != digest:
            # Not brought until it is done, so that an interrupted run is gone on with.
            _note(layout, {**_recorded(layout), operator.name: ""})
            _bring(cluster, operator)
            _note(layout, {**_recorded(layout), operator.name: digest})


def take_away(cluster: Cluster, layout: Layout, keep: Iterable[str]) -> list[str]:
    """Take away the operators that are not kept; their names.

    With an operator its kinds go, and every object of them: first bring to the cluster what does
    without them.
    """
    kept = {*keep}
    going = [operator for operator in installed(layout) if operator.name not in kept]
    for operator in reversed(going):
        _kubectl(cluster, "delete", "--ignore-not-found", text=operator.objects())
        _kubectl(cluster, "delete", "--ignore-not-found", text=operator.brought())
        rest = {name: of for name, of in _recorded(layout).items() if name != operator.name}
        _note(layout, rest)
    return [operator.name for operator in going]


def _note(layout: Layout, operators: Mapping[str, str]) -> None:
    write(_record(layout), json.dumps(operators))


def _bring(cluster: Cluster, operator: BundledOperator) -> None:
    _apply(cluster, _namespace(operator.namespace) + operator.brought())
    _kubectl(
        cluster,
        "wait",
        "--for=condition=Established",
        f"--timeout={_ESTABLISHED_SECONDS}s",
        text=_kinds(operator),
    )
    _apply(cluster, operator.objects())


def _digest(operator: BundledOperator) -> str:
    text = operator.brought() + operator.objects()
    return hashlib.sha256(text.encode()).hexdigest()


def _record(layout: Layout) -> Path:
    return layout.root / "operators.json"


def _recorded(layout: Layout) -> dict[str, str]:
    """The operators that the node was given, each with the digest of all it was given with."""
    record = _record(layout)
    return dict(json.loads(record.read_text())) if record.exists() else {}


def _namespace(name: str) -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n---\n"


def _kinds(operator: BundledOperator) -> str:
    texts = (path.read_text() for tool in operator.tools for path in tool.kept)
    return joined(text for text in texts if "\nkind: CustomResourceDefinition\n" in text)


def _apply(cluster: Cluster, text: str) -> None:
    options = ("--server-side", "--force-conflicts", "--field-manager=stanchion-cluster")
    _kubectl(cluster, "apply", *options, text=text)


def _kubectl(cluster: Cluster, *command: str, text: str) -> None:
    cluster.kubectl(*command, "--filename=-", stdin=text)
