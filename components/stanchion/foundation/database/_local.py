"""PostgreSQL as one pod with a volume, in the cluster itself."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network, pods
from stanchion.checks import Checks
from stanchion.children import child_options, once_made
from stanchion.credentials import generated_password, secret
from stanchion.foundation.database.contract import (
    LOGIN,
    PORT,
    DatabaseArgs,
    DatabaseBackend,
    DatabaseParts,
    service_name,
)
from stanchion.labels import metadata
from stanchion.names import service_host

_CORE = k8s.core.v1
_USER = 999
_ADMIN = "postgres"
_DATA = "/var/lib/postgresql/data"
_DEFAULT_RESOURCES: pods.ContainerResources = {
    "cpu": "100m",
    "cpu_limit": "1",
    "memory": "512Mi",
}


class LocalDatabase:
    """A StatefulSet of one replica.

    There is no disruption budget: over a single replica it would either forbid every drain
    of its node or permit what would happen without it.
    """

    def check(self, check: Checks, args: DatabaseArgs) -> None:
        """An image is needed, with a version."""
        if "image" not in args:
            check.refuse("image", "is missing, and cloud: local runs PostgreSQL itself", "add it")
        else:
            check.image("image", args["image"])

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: DatabaseArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> DatabaseParts:
        """Password, Secret, Services, network policy and StatefulSet."""
        namespace, service = args["namespace"], service_name(args)
        keep = args.get("keep", False)
        selected = labels.selector("postgresql", service, "database")
        labelled = labels.standard(selected, owner=args["owner"], cost_center=args["cost_center"])
        child = child_options(parent, opts)
        kept = child_options(parent, opts, keep=keep)

        password = generated_password(f"{name}-admin-password", kept)
        admin = secret(
            f"{name}-admin",
            metadata(f"{service}-admin", namespace, labelled),
            {"username": _ADMIN, "password": password},
            kept,
        )
        account = pods.service_account(
            f"{name}-account", metadata(service, namespace, labelled), child
        )
        walls = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=metadata(service, namespace, labelled),
            spec=network.policy_spec(
                selected,
                admit=[
                    network.ingress(
                        [
                            network.peer(client["namespace"], client.get("pod_labels"))
                            for client in args["clients"]
                        ],
                        PORT,
                    )
                ],
                allow=[],
            ),
            opts=child,
        )
        endpoint = _CORE.Service(
            f"{name}-service",
            metadata=metadata(service, namespace, labelled),
            spec=_service(selected),
            opts=child,
        )
        governing = _CORE.Service(
            f"{name}-pods",
            metadata=metadata(f"{service}-pods", namespace, labelled),
            spec=_service(selected, headless=True),
            opts=child,
        )
        server = k8s.apps.v1.StatefulSet(
            f"{name}-server",
            metadata=metadata(service, namespace, labelled),
            spec=_stateful_set(service, args, labelled, selected),
            opts=child_options(parent, opts, depends_on=[admin, account, walls], keep=keep),
        )
        host = once_made(namespace, server, endpoint, governing).apply(
            lambda inside: service_host(service, inside)
        )
        return DatabaseParts(
            host=host,
            admin_secret_name=once_made(f"{service}-admin", admin),
            pod_labels=selected,
        )


def _service(selected: dict[str, str], *, headless: bool = False) -> k8s.core.v1.ServiceSpecArgs:
    return _CORE.ServiceSpecArgs(
        type="ClusterIP",
        cluster_ip="None" if headless else None,
        selector=selected,
        ports=[_CORE.ServicePortArgs(name="postgresql", port=PORT, target_port="postgresql")],
    )


def _stateful_set(
    service: str, args: DatabaseArgs, labelled: dict[str, str], selected: dict[str, str]
) -> k8s.apps.v1.StatefulSetSpecArgs:
    resources = args.get("resources", _DEFAULT_RESOURCES)
    volume = _CORE.PersistentVolumeClaimArgs(
        api_version="v1",
        kind="PersistentVolumeClaim",
        # A claim template cannot change: labels that may, as the owner, stay out of it.
        metadata=k8s.meta.v1.ObjectMetaArgs(name="data", labels=selected),
        spec=_CORE.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=args.get("storage_class"),
            resources=_CORE.VolumeResourceRequirementsArgs(
                requests={"storage": args.get("storage", "10Gi")}
            ),
        ),
    )
    return k8s.apps.v1.StatefulSetSpecArgs(
        replicas=1,
        service_name=f"{service}-pods",
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selected),
        update_strategy=k8s.apps.v1.StatefulSetUpdateStrategyArgs(type="RollingUpdate"),
        revision_history_limit=5,
        persistent_volume_claim_retention_policy=(
            k8s.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                when_deleted="Retain", when_scaled="Retain"
            )
        ),
        volume_claim_templates=[volume],
        template=_CORE.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled),
            spec=_CORE.PodSpecArgs(
                service_account_name=service,
                automount_service_account_token=False,
                enable_service_links=False,
                priority_class_name=args.get("priority_class"),
                security_context=pods.pod_security(_USER),
                termination_grace_period_seconds=60,
                containers=[_container(args, resources)],
                volumes=[
                    pods.scratch_volume(pods.scratch_size(resources)),
                    pods.secret_files({"database-admin": (f"{service}-admin", LOGIN)}),
                ],
            ),
        ),
    )


def _container(args: DatabaseArgs, resources: pods.ContainerResources) -> k8s.core.v1.ContainerArgs:
    listening = _CORE.TCPSocketActionArgs(port="postgresql")
    # Readiness asks PostgreSQL itself, which refuses while it recovers; liveness only looks
    # for the listener, so that a long recovery is not killed and begun again.
    accepting = ["pg_isready", "--host=127.0.0.1", f"--port={PORT}", "--timeout=3"]
    return _CORE.ContainerArgs(
        name="postgresql",
        image=args.get("image"),
        image_pull_policy="IfNotPresent",
        ports=[_CORE.ContainerPortArgs(name="postgresql", container_port=PORT)],
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        startup_probe=_CORE.ProbeArgs(
            tcp_socket=listening, period_seconds=2, failure_threshold=150
        ),
        readiness_probe=_CORE.ProbeArgs(
            exec_=_CORE.ExecActionArgs(command=accepting),
            period_seconds=5,
            timeout_seconds=5,
            failure_threshold=3,
        ),
        liveness_probe=_CORE.ProbeArgs(
            tcp_socket=listening, period_seconds=20, timeout_seconds=5, failure_threshold=3
        ),
        volume_mounts=[
            pods.scratch_mount(),
            pods.secrets_mount(),
            _CORE.VolumeMountArgs(name="data", mount_path=_DATA),
        ],
    )


BACKEND: DatabaseBackend = LocalDatabase()
