"""Releases of the pinned charts, each after what it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels
from stanchion.children import child_options
from stanchion.operators.contract import CloudParts, Operator, OperatorsArgs, Setting
from stanchion.operators.lock import Chart, Crds, charts
from stanchion.operators.plans import PLANS, SYSTEM_NAMESPACE
from stanchion.operators.values import CRD_VALUES, VALUES
from stanchion.operators.walls import walls

TIMEOUT_SECONDS = 600
_HISTORY = 5
_OCI = "oci://"


class Releases:
    """The namespaces and releases of one `Operators`, in the order of their needs."""

    def __init__(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: OperatorsArgs,
        setting: Setting,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        self._parent, self._name, self._args, self._opts = parent, name, args, opts
        self._setting = setting
        self._namespaces: dict[Operator, list[pulumi.Resource]] = {}
        self._definitions: list[k8s.helm.v3.Release] = []
        self.made: dict[Operator, k8s.helm.v3.Release] = {}
        """Releases by operator, in the order of installation."""
        chosen = [operator for operator in PLANS if operator in setting.enabled]
        for operator in chosen:
            self._namespace(operator)
        for operator in chosen:
            self._own_definitions(operator)

    def options(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a child that waits for `after`."""
        return child_options(self._parent, self._opts, depends_on=after)

    def namespace(self, operator: Operator) -> list[pulumi.Resource]:
        """The namespace of an operator and its walls; none for `kube-system`, which is there."""
        return self._namespaces.get(operator, [])

    def install(
        self, parts: CloudParts, before: Mapping[Operator, Sequence[pulumi.Resource]]
    ) -> None:
        """Every operator, after all definitions, what its cloud made for it, and `before`."""
        first = Operator.AWS_LOAD_BALANCER_CONTROLLER
        for operator, plan in PLANS.items():
            if operator not in self._setting.enabled:
                continue
            earlier = {first, *plan.needs, *plan.after} - {operator}
            self.made[operator] = self._release(
                charts()[plan.chart],
                plan.namespace,
                VALUES[operator](self._setting, parts),
                self.options(
                    *self.namespace(operator),
                    *self._definitions,
                    *(self.made[each] for each in self.made if each in earlier),
                    *parts.waits.get(operator, ()),
                    *before.get(operator, ()),
                ),
            )

    def _namespace(self, operator: Operator) -> None:
        """The namespace with its walls, for restricted pods alone."""
        plan = PLANS[operator]
        if plan.namespace == SYSTEM_NAMESPACE:
            return
        labelled = labels.standard(
            labels.selector(operator, self._setting.environment),
            owner=self._args["owner"],
            cost_center=self._args["cost_center"],
        )
        levels = {
            f"pod-security.kubernetes.io/{mode}": "restricted"
            for mode in ("enforce", "audit", "warn")
        }
        namespace = k8s.core.v1.Namespace(
            f"{self._name}-{operator}-namespace",
            metadata=labels.metadata(plan.namespace, None, {**labelled, **levels}),
            opts=self.options(),
        )
        self._namespaces[operator] = [
            namespace,
            *(
                k8s.networking.v1.NetworkPolicy(
                    f"{self._name}-{operator}-{wall}",
                    metadata=labels.metadata(wall, plan.namespace, labelled),
                    spec=spec,
                    opts=self.options(namespace),
                )
                for wall, spec in walls(plan, self._setting).items()
            ),
        ]

    def _own_definitions(self, operator: Operator) -> None:
        plan = PLANS[operator]
        crd_chart = charts()[plan.chart].crd_chart
        if crd_chart is not None:
            options = child_options(
                self._parent,
                self._opts,
                depends_on=self.namespace(operator),
                keep=self._args.get("keep", False),
            )
            self._definitions.append(
                self._release(charts()[crd_chart], plan.namespace, CRD_VALUES[crd_chart], options)
            )

    def _release(
        self, chart: Chart, namespace: str, values: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> k8s.helm.v3.Release:
        reference, repository = located(chart, self._args.get("mirror"))
        return k8s.helm.v3.Release(
            f"{self._name}-{chart.name}",
            name=chart.name,
            namespace=namespace,
            chart=reference,
            version=chart.version,
            repository_opts=(
                None if repository is None else k8s.helm.v3.RepositoryOptsArgs(repo=repository)
            ),
            values=values,
            skip_crds=chart.crds is not Crds.BUNDLED,
            # A release that does not come up is taken back, and never left half there.
            atomic=True,
            cleanup_on_fail=True,
            skip_await=False,
            wait_for_jobs=True,
            timeout=TIMEOUT_SECONDS,
            max_history=_HISTORY,
            opts=opts,
        )


def located(chart: Chart, mirror: str | None) -> tuple[str, str | None]:
    """How Helm is told where a chart is: its reference, and its repository where that is by https.

    Args:
        chart: A chart of the lock file.
        mirror: Prefix that holds every chart under its own name; None for the makers' own.
    """
    place = (mirror or chart.repository).rstrip("/")
    if place.startswith(_OCI):
        return f"{place}/{chart.name}", None
    return chart.name, place
