"""Third-party controllers on the bundled node: those that clouds install from charts.

Each is built from its maker's own module, which also brings the kinds that it owns and the rights
that it needs. So the objects that the platform declares meet the real controllers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from stanchion_cli.cluster.layout import Layout, write
from stanchion_cli.cluster.model import Cluster, ClusterError
from stanchion_cli.cluster.scratch import ScratchImage
from stanchion_cli.cluster.toolchain import Tool

_MANIFESTS = Path(__file__).parent / "manifests" / "operators"
_ESTABLISHED_SECONDS = 60


@dataclass(frozen=True)
class Program:
    """A controller's program as the image that it is known by.

    Attributes:
        name: The program, as its tool has it.
        repository: The image's name without its tag, which is the tool's version.
        path: Where the image has the program.
        user: Numeric id that it runs as.
    """

    name: str
    repository: str
    path: str
    user: int = 65532


@dataclass(frozen=True)
class BundledOperator:
    """A controller that the bundled node can run.

    Attributes:
        name: As `stanchion:operators.enabled` names it.
        namespace: Where it runs, as in the clouds.
        tools: What its programs are built from; the files they keep are its kinds and rights.
        programs: Its programs.
        deployments: What has to be there before its objects are.
    """

    name: str
    namespace: str
    tools: tuple[Tool, ...]
    programs: tuple[Program, ...]
    deployments: tuple[str, ...]

    def images(self) -> list[ScratchImage]:
        """Its programs as images."""
        return [
            ScratchImage(
                reference, self._tool(program).path(program.name), program.path, user=program.user
            )
            for program, reference in zip(self.programs, self._references().values(), strict=True)
        ]

    def brought(self) -> str:
        """The kinds and rights that its modules bring, as one YAML text."""
        return _joined(path.read_text() for tool in self.tools for path in tool.kept)

    def objects(self) -> str:
        """What runs it, as one YAML text."""
        template = Template((_MANIFESTS / f"{self.name}.yaml").read_text())
        return template.substitute(self._references())

    def _references(self) -> dict[str, str]:
        return {
            program.name.replace("-", "_"): f"{program.repository}:{self._tool(program).version}"
            for program in self.programs
        }

    def _tool(self, program: Program) -> Tool:
        return next(tool for tool in self.tools if program.name in tool.programs)


ARGO_ROLLOUTS = BundledOperator(
    "argo-rollouts",
    "argo-rollouts",
    (
        Tool(
            "argo-rollouts",
            "github.com/argoproj/argo-rollouts",
            {"rollouts-controller": "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"},
            {"github.com/argoproj/argo-rollouts/utils/version.version": "{number}"},
            (
                "manifests/crds/rollout-crd.yaml",
                "manifests/crds/experiment-crd.yaml",
                "manifests/crds/analysis-run-crd.yaml",
                "manifests/crds/analysis-template-crd.yaml",
                "manifests/crds/cluster-analysis-template-crd.yaml",
                "manifests/role/argo-rollouts-clusterrole.yaml",
                "manifests/base/argo-rollouts-aggregate-roles.yaml",
            ),
        ),
    ),
    (
        Program(
            "rollouts-controller", "quay.io/argoproj/argo-rollouts", "/bin/rollouts-controller", 999
        ),
    ),
    ("argo-rollouts",),
)

OPERATORS: Mapping[str, BundledOperator] = {each.name: each for each in (ARGO_ROLLOUTS,)}
"""By name, those that others need first."""


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
    record = _record(layout)
    return named(json.loads(record.read_text())) if record.exists() else []


def apply(cluster: Cluster, layout: Layout, operators: Sequence[BundledOperator]) -> None:
    """Bring these operators into the node, and take away others that it was given before.

    With an operator that goes, its kinds go, and every object of them.
    """
    before, wanted = installed(layout), [each.name for each in operators]
    # Both until it is done, so that an interrupted run is gone on with.
    write(_record(layout), json.dumps([*{each.name for each in before} | {*wanted}]))
    for operator in before:
        if operator.name not in wanted:
            _kubectl(cluster, operator, "delete", "--ignore-not-found", text=operator.objects())
            _kubectl(cluster, operator, "delete", "--ignore-not-found", text=operator.brought())
    for operator in operators:
        _apply(cluster, operator, _namespace(operator.namespace) + operator.brought())
        _kubectl(
            cluster,
            operator,
            "wait",
            "--for=condition=Established",
            f"--timeout={_ESTABLISHED_SECONDS}s",
            text=_kinds(operator),
        )
        _apply(cluster, operator, operator.objects())
    write(_record(layout), json.dumps(wanted))


def _record(layout: Layout) -> Path:
    return layout.root / "operators.json"


def _namespace(name: str) -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n---\n"


def _kinds(operator: BundledOperator) -> str:
    texts = (path.read_text() for tool in operator.tools for path in tool.kept)
    return _joined(text for text in texts if "\nkind: CustomResourceDefinition\n" in text)


def _joined(texts: Iterable[str]) -> str:
    return "\n---\n".join(texts)


def _apply(cluster: Cluster, operator: BundledOperator, text: str) -> None:
    options = ("--server-side", "--force-conflicts", "--field-manager=stanchion-cluster")
    _kubectl(cluster, operator, "apply", *options, text=text)


def _kubectl(cluster: Cluster, operator: BundledOperator, *command: str, text: str) -> None:
    cluster.kubectl(*command, f"--namespace={operator.namespace}", "--filename=-", stdin=text)
