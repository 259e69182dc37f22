"""Alertmanager's routes, and the watch over monitoring itself."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels
from stanchion.children import child_options
from stanchion.credentials import SECRET_STORE, WAITS_FOR_SECRET, external_secret
from stanchion.labels import metadata
from stanchion.monitoring import routing
from stanchion.monitoring.gpu_alerts import gpu_rules
from stanchion.monitoring.gpu_counters import NODE_LABEL, GpuMetrics
from stanchion.monitoring.links import RUNBOOKS
from stanchion.monitoring.platform_alerts import (
    ALERTMANAGER,
    WatchedMonitoring,
    platform_rules,
)
from stanchion.monitoring.rules import prometheus_rule
from stanchion.monitoring.service_monitor import (
    NAMESPACE,
    PROMETHEUS_URL,
    pod_monitor,
    service_monitor,
)
from stanchion.monitoring.stack_arguments import MonitoringStackArgs, checked, secrets

ALERTMANAGER_PORT = 9093
ALERTMANAGER_URL = f"http://{ALERTMANAGER}.{NAMESPACE}.svc:{ALERTMANAGER_PORT}"
"""The Service that Prometheus Operator makes beside every Alertmanager, bundled or from a chart."""
_NAME = "platform"
_GPUS = "platform-gpus"
_GKE_EXPORTER = {"app.kubernetes.io/name": "gke-managed-dcgm-exporter"}
_GKE_NAMESPACE = "gke-managed-system"


class MonitoringStack(pulumi.ComponentResource):
    """Who is told of which alerts, and alerts about monitoring itself.

    Prometheus and Alertmanager come with `Operators`, or with the bundled node. Here they get the
    rest: routes by team and urgency, what is silent while something larger is told, receivers
    whose secrets are only named, and rules and scrapes of their own. Where GPUs report, alerts
    about them are here as well. A tenant adds routes for the alerts of its own namespace as an
    AlertmanagerConfig there.

    It deliberately makes no second Prometheus or Alertmanager, no dashboards, and no silences:
    those are for people, at Alertmanager.
    """

    alertmanager_url: pulumi.Output[str]
    """Where Alertmanager is asked, inside the cluster."""
    prometheus_url: pulumi.Output[str]
    """Where Prometheus is asked, inside the cluster."""

    def __init__(
        self, name: str, args: MonitoringStackArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = checked(name, args)
        super().__init__("stanchion:index:MonitoringStack", name, {}, opts)
        labelled = labels.standard(
            labels.selector("monitoring", _NAME),
            owner=args["owner"],
            cost_center=args["cost_center"],
        )
        child = child_options(self, opts)
        fetched = [
            external_secret(
                f"{name}-{receiver['name']}-{way}",
                metadata(
                    routing.secret_name(receiver["name"], way, secret),
                    NAMESPACE,
                    labelled,
                    WAITS_FOR_SECRET,
                ),
                source=secret["external_name"],
                keys=[routing.secret_key(way, secret)],
                store=args.get("secret_store", SECRET_STORE),
                opts=child,
            )
            for receiver in args.get("receivers", [])
            for way, secret in secrets(receiver)
            if "external_name" in secret
        ]
        k8s.apiextensions.CustomResource(
            f"{name}-routes",
            api_version="monitoring.coreos.com/v1alpha1",
            kind="AlertmanagerConfig",
            metadata=metadata(_NAME, NAMESPACE, labelled),
            spec=routing.spec(args),
            opts=child_options(self, opts, depends_on=fetched),
        )
        watched = WatchedMonitoring(
            args["owner"],
            args.get("replicas", 1),
            args.get("runbooks", RUNBOOKS),
            args.get("grafana_url", ""),
        )
        prometheus_rule(
            f"{name}-rules",
            metadata(_NAME, NAMESPACE, labelled),
            lambda _: platform_rules(watched),
            NAMESPACE,
            child,
        )
        for part in ("prometheus", "alertmanager"):
            service_monitor(
                f"{name}-{part}",
                metadata(f"{_NAME}-{part}", NAMESPACE, labelled),
                # What the operator puts on the Services that it makes.
                {f"operated-{part}": "true"},
                "web",
                child,
            )
        if source := args.get("gpu_metrics"):
            self._watch_gpus(name, GpuMetrics(source), watched, labelled, child)

        self.alertmanager_url = pulumi.Output.from_input(ALERTMANAGER_URL)
        self.prometheus_url = pulumi.Output.from_input(PROMETHEUS_URL)
        self.register_outputs(
            {"alertmanager_url": self.alertmanager_url, "prometheus_url": self.prometheus_url}
        )

    @staticmethod
    def _watch_gpus(
        name: str,
        source: GpuMetrics,
        watched: WatchedMonitoring,
        labelled: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        prometheus_rule(
            f"{name}-gpu-rules",
            metadata(_GPUS, NAMESPACE, labelled),
            lambda _: gpu_rules(watched, source),
            NAMESPACE,
            opts,
        )
        if source is GpuMetrics.GKE:
            # The GPU operator brings a ServiceMonitor; what GKE brings writes to its own store.
            pod_monitor(
                f"{name}-gpus",
                metadata(_GPUS, NAMESPACE, labelled),
                _GKE_EXPORTER,
                "metrics",
                opts,
                namespace=_GKE_NAMESPACE,
                relabelings=[NODE_LABEL],
            )
