"""MLflow's name outside the cluster, and the arguments of what leads there."""

from __future__ import annotations

from environment import Environment
from provider import LocalProvider, location
from stanchion import NetworkReference, PrivateIngressArgs

MLFLOW = "mlflow"
PORT = 5000


def mlflow_host(environment: Environment) -> str | None:
    """The name by which networks around the cluster call MLflow; None where they cannot."""
    provider = environment.provider
    if isinstance(provider, LocalProvider) or provider.dns is None:
        return None
    return f"{MLFLOW}.{provider.dns.domain}" if environment.tracking.private_ingress else None


def ingress_args(
    environment: Environment, name: str, inside: NetworkReference, namespace: str
) -> PrivateIngressArgs | None:
    """The arguments of the environment's `PrivateIngress`; None where it has none."""
    provider, host = environment.provider, mlflow_host(environment)
    if isinstance(provider, LocalProvider) or provider.dns is None or host is None:
        return None
    return {
        "location": location(provider),
        "environment": name,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "network": inside,
        "namespace": namespace,
        "service_name": MLFLOW,
        "port": PORT,
        # The image's own, which the host check lets pass: MLflow's /health knows no database.
        "health_path": "/ready",
        "host": host,
        "dns_zone": provider.dns.zone,
    }
