"""Where Prometheus is, and what its operator reads to find our metrics."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

NAMESPACE = "monitoring"
"""Where Prometheus is."""
PROMETHEUS_PORT = 9090
PROMETHEUS_URL = f"http://prometheus-operated.{NAMESPACE}.svc:{PROMETHEUS_PORT}"
"""The Service that Prometheus Operator makes beside every Prometheus, bundled or from the chart."""
PROMETHEUS_PODS = {"app.kubernetes.io/name": "prometheus"}
"""Labels that Prometheus Operator gives every Prometheus' pods."""
INTERVAL_SECONDS = 15


def service_monitor(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    services: Mapping[str, str],
    port: str,
    opts: pulumi.ResourceOptions,
    *,
    interval_seconds: int = INTERVAL_SECONDS,
    pod_labels: Sequence[str] = (),
    known_as: str | None = None,
) -> k8s.apiextensions.CustomResource:
    """Scrape /metrics of every pod behind the Services with the labels.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the ServiceMonitor.
        services: Labels of the Services.
        port: Name of the Services' port.
        opts: Its options.
        interval_seconds: How often.
        pod_labels: Labels of the pods that become labels of their metrics.
        known_as: The metrics' label `service`. Default: the Service's name.
    """
    called = [{"targetLabel": "service", "replacement": known_as}]
    return k8s.apiextensions.CustomResource(
        name,
        api_version="monitoring.coreos.com/v1",
        kind="ServiceMonitor",
        metadata=metadata,
        spec={
            "selector": {"matchLabels": dict(services)},
            **({"podTargetLabels": list(pod_labels)} if pod_labels else {}),
            "endpoints": [
                {
                    "port": port,
                    "path": "/metrics",
                    "interval": f"{interval_seconds}s",
                    "scrapeTimeout": f"{min(10, interval_seconds)}s",
                    **({"relabelings": called} if known_as is not None else {}),
                }
            ],
        },
        opts=opts,
    )


def pod_monitor(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    pods: Mapping[str, str],
    port: str,
    opts: pulumi.ResourceOptions,
    *,
    namespace: str,
    relabelings: Sequence[Mapping[str, object]] = (),
) -> k8s.apiextensions.CustomResource:
    """Scrape /metrics of pods that have no Service of ours.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the PodMonitor.
        pods: Labels of the pods.
        port: Name of their port.
        opts: Its options.
        namespace: Where they are.
        relabelings: What becomes a label of their metrics.
    """
    return k8s.apiextensions.CustomResource(
        name,
        api_version="monitoring.coreos.com/v1",
        kind="PodMonitor",
        metadata=metadata,
        spec={
            "namespaceSelector": {"matchNames": [namespace]},
            "selector": {"matchLabels": dict(pods)},
            "podMetricsEndpoints": [
                {
                    "port": port,
                    "path": "/metrics",
                    "interval": f"{INTERVAL_SECONDS}s",
                    "scrapeTimeout": f"{min(10, INTERVAL_SECONDS)}s",
                    "relabelings": [dict(each) for each in relabelings],
                }
            ],
        },
        opts=opts,
    )
