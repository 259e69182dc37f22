"""Programs to deploy: each component with everything it needs, and one with all of them."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import stanchion
from unit.components.world import DIGEST, IMAGE, World, deploy

OWNED = {"owner": "team-a", "cost_center": "cc-1"}


def tenant(**changes: Any) -> World:
    """A tenant named demo."""
    args = {"namespace": "demo", **OWNED, **changes}
    return deploy(lambda: stanchion.Tenant("demo", cast("stanchion.TenantArgs", args)).namespace)


def database(**changes: Any) -> World:
    """A local database with one client."""
    args = {
        "cloud": "local",
        "namespace": "tracking",
        **OWNED,
        "image": f"{IMAGE}/postgres:1.0",
        "clients": [
            {"namespace": "tracking", "pod_labels": stanchion.mlflow_pod_labels()},
        ],
        **changes,
    }

    def program() -> Any:
        made = stanchion.Database("database", cast("stanchion.DatabaseArgs", args))
        return {
            "host": made.host,
            "port": made.port,
            "secret_name": made.admin_secret_name,
        }

    return deploy(program)


def artifact_store(**changes: Any) -> World:
    """A local artifact store."""
    args = {"cloud": "local", "namespace": "tracking", **OWNED, **changes}

    def program() -> Any:
        made = stanchion.ArtifactStore("artifacts", cast("stanchion.ArtifactStoreArgs", args))
        return {"destination": made.destination, "claim": made.volume_claim_name}

    return deploy(program)


def mlflow(*, preview: bool = False, **changes: Any) -> World:
    """An MLflow server over a database elsewhere."""
    args = {
        "namespace": "tracking",
        **OWNED,
        "image": f"{IMAGE}/mlflow:1.0",
        "database": {
            "host": "db.example.com",
            "port": 5432,
            "admin_secret_name": "database-admin",
        },
        "artifacts_destination": "s3://artifacts",
        **changes,
    }

    def program() -> Any:
        made = stanchion.MlflowServer("mlflow", cast("stanchion.MlflowServerArgs", args))
        return {"url": made.url, "reader": made.reader_username}

    return deploy(program, preview=preview)


WINE: dict[str, Any] = {
    "namespace": "demo",
    "tenant": "demo",
    **OWNED,
    "image": f"{IMAGE}/model-server:1.0",
    "model": {"name": "wine cultivar", "version": "3", "digest": DIGEST},
}
"""A model, and what runs it."""
REGISTRY = {"url": "http://mlflow.tracking.svc.cluster.local:5000", "namespace": "tracking"}
"""Where it is, for whoever has an account there."""


def model_service(*, into: World | None = None, **changes: Any) -> World:
    """A model service named wine; `into` sees what was made even when it fails."""

    def program() -> Any:
        args = {
            **WINE,
            "registry": {
                **REGISTRY,
                "username": "registry-reader",
                # An output needs an event loop, which there is for sure within the program alone.
                "password": pulumi.Output.secret("the-readers-own"),
            },
            "autoscaling": {"min_replicas": 2, "max_replicas": 6},
            **changes,
        }
        made = stanchion.ModelService("wine", cast("stanchion.ModelServiceArgs", args))
        return {
            "url": made.url,
            "name": made.service_name,
            "labels": made.pod_labels,
            "release_seconds": made.release_seconds,
        }

    return deploy(program, into=into)


GATEWAY: dict[str, Any] = {
    "namespace": "demo",
    "tenant": "demo",
    **OWNED,
    "image": f"{IMAGE}/llm-gateway:1.0",
    "backends": [
        {
            "name": "llama",
            "url": "http://llama.demo.svc.cluster.local/v1",
            "pods": {"namespace": "demo", "pod_labels": {"app.kubernetes.io/instance": "llama"}},
        },
        {
            "name": "provider",
            "url": "https://api.example.com/v1",
            "api_key": {"external_name": "demo/provider", "key": "token"},
        },
    ],
    "models": [
        {
            "name": "assistant",
            "targets": [
                {"backend": "llama", "model": "meta-llama/Llama-3.1-8B-Instruct"},
                {"backend": "provider", "model": "gpt", "input_price": 0.01, "output_price": 1},
            ],
        }
    ],
    "consumers": [{"name": "chat", "limits": {"tokens_per_minute": 50_000}}],
    "consumer_keys": {"secret_name": "gateway-consumers"},
    "autoscaling": {"min_replicas": 2, "max_replicas": 6},
}


def llm_gateway(**changes: Any) -> World:
    """A gateway named gateway, to a model in the cluster and a provider's; None leaves out."""
    args = {key: value for key, value in {**GATEWAY, **changes}.items() if value is not None}

    def program() -> Any:
        made = stanchion.LlmGateway("gateway", cast("stanchion.LlmGatewayArgs", args))
        return {"url": made.url, "name": made.service_name, "labels": made.pod_labels}

    return deploy(program)


def platform(*, monitoring: bool = True, preview: bool = False) -> World:
    """Every component, wired as a stack wires them."""

    def program() -> Any:
        tracking = stanchion.Tenant(
            "tracking",
            {"namespace": "tracking", "owner": "team-p", "cost_center": "cc-p"},
        )
        demo = stanchion.Tenant(
            "demo",
            {
                "namespace": "demo",
                "owner": "team-a",
                "cost_center": "cc-1",
                "tracking_client": True,
                "allow_same_namespace": True,
                "access": [{"group": "engineers", "role": stanchion.Role.EDITOR}],
            },
        )
        store = stanchion.ArtifactStore(
            "artifacts",
            {
                "cloud": stanchion.Cloud.LOCAL,
                "namespace": tracking.namespace,
                "owner": "team-p",
                "cost_center": "cc-p",
            },
        )
        base = stanchion.Database(
            "database",
            {
                "cloud": stanchion.Cloud.LOCAL,
                "namespace": tracking.namespace,
                "owner": "team-p",
                "cost_center": "cc-p",
                "image": f"{IMAGE}/postgres:1.0",
                "clients": [
                    {
                        "namespace": tracking.namespace,
                        "pod_labels": stanchion.mlflow_pod_labels(),
                    }
                ],
            },
        )
        assert store.volume_claim_name is not None
        server = stanchion.MlflowServer(
            "mlflow",
            {
                "namespace": tracking.namespace,
                "owner": "team-p",
                "cost_center": "cc-p",
                "image": f"{IMAGE}/mlflow:1.0",
                "database": {
                    "host": base.host,
                    "port": base.port,
                    "admin_secret_name": base.admin_secret_name,
                    "requires_tls": base.requires_tls,
                    "pods": {
                        "namespace": base.namespace,
                        "pod_labels": {"app.kubernetes.io/name": "postgresql"},
                    },
                },
                "artifacts_destination": store.destination,
                "artifacts_volume_claim_name": store.volume_claim_name,
                "monitoring": monitoring,
            },
        )
        service = stanchion.ModelService(
            "wine",
            {
                "namespace": demo.namespace,
                "tenant": "demo",
                "owner": "team-a",
                "cost_center": "cc-1",
                "image": f"{IMAGE}/model-server:1.0",
                "model": {"name": "wine", "version": "3", "digest": DIGEST},
                "registry": {
                    "url": server.url,
                    "namespace": server.namespace,
                    "username": server.reader_username,
                    "password": server.reader_password,
                },
                "autoscaling": {"min_replicas": 2, "max_replicas": 6},
                "allow_from": ["frontend"],
                "monitoring": monitoring,
            },
        )
        stanchion.LlmGateway(
            "gateway",
            cast(
                "stanchion.LlmGatewayArgs",
                {
                    **GATEWAY,
                    "namespace": demo.namespace,
                    "consumer_keys": {"external_name": "demo/consumers"},
                    "monitoring": monitoring,
                },
            ),
        )
        return {
            "url": service.url,
            "secrets": [
                pulumi.Output.from_input(password.is_secret())
                for password in (
                    server.admin_password,
                    server.reader_password,
                )
            ],
        }

    return deploy(program, preview=preview)
