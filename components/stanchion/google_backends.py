"""What Google's Gateways are told about a Service behind them: they read no probe of its pods."""

from typing import Any

API_VERSION = "networking.gke.io/v1"
CLASS_PREFIX = "gke-l7-"
"""Beginning of the names of Google's own classes of Gateways."""


def policies(
    service: str, *, port: int, health_path: str, timeout_seconds: int, drain_seconds: int
) -> dict[str, dict[str, Any]]:
    """Specs of the policies that are attached to a Service, by their kinds.

    Args:
        service: Its name.
        port: Port of its pods.
        health_path: What a pod that can take requests answers with 200.
        timeout_seconds: Longest that a request may take.
        drain_seconds: How long a leaving pod may finish what it has.
    """
    target = {"group": "", "kind": "Service", "name": service}
    backend = {
        "timeoutSec": timeout_seconds,
        "connectionDraining": {"drainingTimeoutSec": drain_seconds},
    }
    return {
        "GCPBackendPolicy": {"default": backend, "targetRef": target},
        "HealthCheckPolicy": {"default": _health(port, health_path), "targetRef": target},
    }


def _health(port: int, path: str) -> dict[str, Any]:
    return {
        "checkIntervalSec": 10,
        "timeoutSec": 5,
        "healthyThreshold": 1,
        "unhealthyThreshold": 2,
        "config": {
            "type": "HTTP",
            "httpHealthCheck": {
                "portSpecification": "USE_FIXED_PORT",
                "port": port,
                "requestPath": path,
            },
        },
    }
