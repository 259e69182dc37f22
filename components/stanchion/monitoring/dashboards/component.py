"""The dashboards in a cluster: what Grafana's sidecar finds and shows."""

from importlib.resources import files
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.labels import metadata, selector, standard
from stanchion.monitoring.dashboards import DASHBOARDS
from stanchion.monitoring.service_monitor import NAMESPACE

FILES = "json"
"""Folder of the package with what Grafana reads."""
LABEL, LABEL_VALUE = "grafana_dashboard", "1"
"""What Grafana's sidecar watches ConfigMaps for."""
FOLDER_ANNOTATION = "grafana_folder"
_FOLDER = "Stanchion"


class DashboardsArgs(TypedDict):
    """Arguments of `Dashboards`."""

    owner: str
    """Team that answers for the platform; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    namespace: NotRequired[pulumi.Input[str]]
    """Where Grafana's sidecar looks. Default: monitoring, as `Operators` installs it."""


class Dashboards(pulumi.ComponentResource):
    """The platform's dashboards in Grafana, each a ConfigMap `dashboard-NAME`.

    They are the same in every environment: a person chooses tenant and service above the panels.
    Their addresses in Grafana, `/d/stanchion-NAME`, do not change.

    It deliberately installs no Grafana and changes none of its settings: `Operators` does, and a
    Grafana of one's own needs a sidecar that watches for the label `grafana_dashboard`.
    """

    uids: pulumi.Output[list[str]]
    """Grafana's names of the dashboards."""

    def __init__(
        self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("Dashboards", name)
        args = check.arguments(DashboardsArgs, args)
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        check.done()
        super().__init__("stanchion:index:Dashboards", name, {}, opts)
        labelled = standard(
            selector("dashboards", name), owner=args["owner"], cost_center=args["cost_center"],
            extra={LABEL: LABEL_VALUE},
        )  # fmt: skip
        for dashboard in DASHBOARDS:
            k8s.core.v1.ConfigMap(
                f"{name}-{dashboard.name}",
                metadata=metadata(
                    f"dashboard-{dashboard.name}",
                    args.get("namespace", NAMESPACE),
                    labelled,
                    {FOLDER_ANNOTATION: _FOLDER},
                ),
                data={f"{dashboard.uid}.json": exported(dashboard.name)},
                opts=child_options(self, opts),
            )
        self.uids = pulumi.Output.from_input([dashboard.uid for dashboard in DASHBOARDS])
        self.register_outputs({"uids": self.uids})


def exported(name: str) -> str:
    """A dashboard as Grafana reads it.

    Args:
        name: The dashboard's name.
    """
    return (files(__package__) / FILES / f"{name}.json").read_text(encoding="utf-8")
