"""A way for alerts to what acts on them, beside the people who hear of them."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

ALERTMANAGER_PODS = {"app.kubernetes.io/name": "alertmanager"}
"""Labels that Prometheus Operator gives every Alertmanager's pods."""
_RECEIVER = "webhook"
_WAIT_SECONDS = 30
_INTERVAL_SECONDS = 300


def webhook_route(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    alerts: Mapping[str, str],
    url: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    repeat_seconds: int,
) -> k8s.apiextensions.CustomResource:
    """Tell a webhook of alerts; whoever else hears of them still does.

    Prometheus Operator holds the route to alerts of the object's own namespace.

    Args:
        name: Resource name.
        metadata: Name, namespace and labels of the object.
        alerts: Regular expressions that the alerts' labels must match from end to end.
        url: Of the webhook.
        opts: Its options.
        repeat_seconds: How soon an alert that fires on is told again.
    """
    matchers: list[dict[str, Any]] = [
        {"name": label, "matchType": "=~", "value": value} for label, value in alerts.items()
    ]
    return k8s.apiextensions.CustomResource(
        name,
        api_version="monitoring.coreos.com/v1alpha1",
        kind="AlertmanagerConfig",
        metadata=metadata,
        spec={
            "route": {
                "receiver": _RECEIVER,
                "matchers": matchers,
                "groupBy": ["alertname"],
                "groupWait": f"{_WAIT_SECONDS}s",
                "groupInterval": f"{_INTERVAL_SECONDS}s",
                "repeatInterval": f"{repeat_seconds}s",
                "continue": True,
            },
            "receivers": [
                {"name": _RECEIVER, "webhookConfigs": [{"url": url, "sendResolved": False}]}
            ],
        },
        opts=opts,
    )
