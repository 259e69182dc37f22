"""The third-party controllers that the bundled node can run, and what each is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from stanchion_cli.cluster.scratch import ScratchImage
from stanchion_cli.cluster.toolchain import Tool

_MANIFESTS = Path(__file__).parent / "manifests" / "operators"


@dataclass(frozen=True)
class Program:
    """A controller's program as the image that it is known by.

    Attributes:
        name: The program, as its tool has it.
        repository: The image's name without its tag.
        path: Where the image has the program.
        user: Numeric id that it runs as.
        tag: The image's tag where it is not the tool's version.
    """

    name: str
    repository: str
    path: str
    user: int = 65532
    tag: str = ""


@dataclass(frozen=True)
class BundledOperator:
    """A controller that the bundled node can run.

    Attributes:
        name: As `stanchion:operators.enabled` names it.
        namespace: Where it runs, as in the clouds.
        tools: What its programs are built from; the files they keep are its kinds and rights.
        programs: Its programs.
        workloads: What has to be up before its objects are of use, as `deployments.apps/NAME`.
    """

    name: str
    namespace: str
    tools: tuple[Tool, ...]
    programs: tuple[Program, ...]
    workloads: tuple[str, ...]

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
        return joined(path.read_text() for tool in self.tools for path in tool.kept)

    def objects(self) -> str:
        """What runs it, as one YAML text."""
        template = Template((_MANIFESTS / f"{self.name}.yaml").read_text())
        return template.substitute(self._references())

    def _references(self) -> dict[str, str]:
        return {
            program.name.replace("-", "_"): (
                f"{program.repository}:{program.tag or self._tool(program).version}"
            )
            for program in self.programs
        }

    def _tool(self, program: Program) -> Tool:
        return next(tool for tool in self.tools if program.name in tool.programs)


def joined(texts: Iterable[str]) -> str:
    """YAML texts as one of several documents."""
    return "\n---\n".join(texts)


def _released(tool: Tool) -> str:
    """Prometheus' release as its images are tagged: its module v0.315.0 is the release v3.15.0."""
    found = re.fullmatch(r"v0\.(\d)(\d\d)\.(\d+)", tool.version)
    if found is None:
        raise ValueError(f"{tool.name} {tool.version} is no release of Prometheus 3")
    return f"v{found[1]}.{int(found[2])}.{found[3]}"


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
    ("deployments.apps/argo-rollouts",),
)

_PROMETHEUS_MODULE = "github.com/prometheus/prometheus"
PROMETHEUS = Tool(
    "prometheus",
    _PROMETHEUS_MODULE,
    {name: f"{_PROMETHEUS_MODULE}/cmd/{name}" for name in ("prometheus", "promtool")},
    {"github.com/prometheus/common/version.Version": "{number}"},
)
"""Prometheus, and `promtool`, which judges its rules and queries by given series."""
_ALERTMANAGER_MODULE = "github.com/prometheus/alertmanager"
_ALERTMANAGER_VERSION = {"github.com/prometheus/common/version.Version": "{number}"}
ALERTMANAGER = Tool(
    "alertmanager",
    _ALERTMANAGER_MODULE,
    {"alertmanager": f"{_ALERTMANAGER_MODULE}/cmd/alertmanager"},
    _ALERTMANAGER_VERSION,
)
AMTOOL = Tool(
    "alertmanager",
    _ALERTMANAGER_MODULE,
    {"amtool": f"{_ALERTMANAGER_MODULE}/cmd/amtool"},
    _ALERTMANAGER_VERSION,
)
"""`amtool`, which checks Alertmanager's configuration and its routes; no node needs it."""
_OPERATOR_MODULE = "github.com/prometheus-operator/prometheus-operator"
_MONITORING_KINDS = (
    "alertmanagerconfigs",
    "alertmanagers",
    "podmonitors",
    "probes",
    "prometheusagents",
    "prometheuses",
    "prometheusrules",
    "scrapeconfigs",
    "servicemonitors",
    "thanosrulers",
)
_MONITORING_FILES = "example/prometheus-operator-crd/monitoring.coreos.com"
_REPOSITORY = "quay.io/prometheus-operator"

KUBE_PROMETHEUS_STACK = BundledOperator(
    "kube-prometheus-stack",
    "monitoring",
    (
        Tool(
            "prometheus-operator",
            _OPERATOR_MODULE,
            {
                "operator": f"{_OPERATOR_MODULE}/cmd/operator",
                "prometheus-config-reloader": f"{_OPERATOR_MODULE}/cmd/prometheus-config-reloader",
            },
            {"github.com/prometheus/common/version.Version": "{number}"},
            (
                *(f"{_MONITORING_FILES}_{kind}.yaml" for kind in _MONITORING_KINDS),
                "example/rbac/prometheus-operator/prometheus-operator-cluster-role.yaml",
            ),
        ),
        PROMETHEUS,
        ALERTMANAGER,
    ),
    (
        Program("operator", f"{_REPOSITORY}/prometheus-operator", "/bin/operator"),
        Program(
            "prometheus-config-reloader",
            f"{_REPOSITORY}/prometheus-config-reloader",
            "/bin/prometheus-config-reloader",
        ),
        Program(
            "prometheus",
            "quay.io/prometheus/prometheus",
            "/bin/prometheus",
            tag=_released(PROMETHEUS),
        ),
        Program("alertmanager", "quay.io/prometheus/alertmanager", "/bin/alertmanager"),
    ),
    (
        "deployments.apps/prometheus-operator",
        "statefulsets.apps/prometheus-platform",
        "statefulsets.apps/alertmanager-platform",
    ),
)

_KEDA = "github.com/kedacore/keda/v2"
_SCALING_KINDS = (
    "clustertriggerauthentications",
    "scaledjobs",
    "scaledobjects",
    "triggerauthentications",
)

KEDA = BundledOperator(
    "keda",
    "keda",
    (
        Tool(
            "keda",
            _KEDA,
            {"operator": f"{_KEDA}/cmd/operator", "adapter": f"{_KEDA}/cmd/adapter"},
            {f"{_KEDA}/version.Version": "{number}"},
            (
                *(f"config/crd/bases/keda.sh_{kind}.yaml" for kind in _SCALING_KINDS),
                "config/crd/bases/eventing.keda.sh_cloudeventsources.yaml",
                "config/crd/bases/eventing.keda.sh_clustercloudeventsources.yaml",
                "config/rbac/role.yaml",
            ),
        ),
    ),
    (
        Program("operator", "ghcr.io/kedacore/keda", "/keda", 1000),
        Program("adapter", "ghcr.io/kedacore/keda-metrics-apiserver", "/keda-adapter", 1000),
    ),
    ("deployments.apps/keda-operator", "deployments.apps/keda-metrics-apiserver"),
)

OPERATORS: Mapping[str, BundledOperator] = {
    each.name: each for each in (KUBE_PROMETHEUS_STACK, ARGO_ROLLOUTS, KEDA)
}
"""By name, those that others need first."""
