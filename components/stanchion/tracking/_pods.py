"""The pods of an `MlflowServer`: its migration, then its replicas."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, pods
from stanchion.foundation.artifact_store.contract import ARTIFACTS, mount_path
from stanchion.tracking.arguments import DEFAULT_RESOURCES, MlflowDatabase, MlflowServerArgs

_CORE = k8s.core.v1
PORT = 5000
METRICS_PORT = 9090
DATABASE_SERVER = "database-server"
ADMIN, READER, SESSION = "admin", "reader", "session"
_USER = 1000
LOGIN = ("username", "password")
_MIGRATION_RESOURCES: pods.ContainerResources = {
    "cpu": "100m",
    "cpu_limit": "1",
    "memory": "1Gi",
}
_ENDPOINTS_CATCH_UP_SECONDS, _LOAD_BALANCERS_CATCH_UP_SECONDS = 5, 20


def migration_account(service: str) -> str:
    """Service account of the migration, which has no rights in the cloud that the server has."""
    return f"{service}-migration"


def migration_template(
    service: str, args: MlflowServerArgs, labelled: dict[str, str]
) -> k8s.core.v1.PodTemplateSpecArgs:
    """A pod that creates databases, roles and users where missing, and migrates both schemas."""
    environment = {**database_environment(args["database"]), "OWNER_ROLE": "mlflow_owner"}
    return _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels={**labelled, **labels.selector("mlflow", service, "migration")},
            # An interrupted migration leaves a half-changed schema behind.
            annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        ),
        spec=pod_spec(
            _CORE.ContainerArgs(
                name="migrate",
                image=args["image"],
                image_pull_policy="IfNotPresent",
                command=["stanchion-mlflow", "migrate"],
                env=pods.environment(environment),
                resources=pods.requirements(_MIGRATION_RESOURCES),
                security_context=pods.container_security(),
                volume_mounts=[pods.scratch_mount(), pods.secrets_mount()],
            ),
            volumes=[
                pods.scratch_volume(pods.scratch_size(_MIGRATION_RESOURCES)),
                pods.secret_files(
                    {
                        "database-admin": (args["database"]["admin_secret_name"], LOGIN),
                        "database-server": (f"{service}-{DATABASE_SERVER}", ("password",)),
                        "mlflow-admin": (f"{service}-{ADMIN}", LOGIN),
                        "registry-reader": (f"{service}-{READER}", LOGIN),
                    }
                ),
            ],
            account=migration_account(service),
            priority_class=args.get("priority_class"),
            restart_policy="Never",
        ),
    )


def server_spec(
    service: str,
    args: MlflowServerArgs,
    labelled: dict[str, str],
    selected: dict[str, str],
    allowed_hosts: pulumi.Input[str],
) -> k8s.apps.v1.DeploymentSpecArgs:
    """The replicas, told apart from the migration by `selected`."""
    resources = args.get("resources", DEFAULT_RESOURCES)
    claim = args.get("artifacts_volume_claim_name")
    volumes = [
        pods.scratch_volume(pods.scratch_size(resources)),
        pods.secret_files(
            {
                "database-server": (f"{service}-{DATABASE_SERVER}", ("password",)),
                "mlflow-admin": (f"{service}-{ADMIN}", LOGIN),
                "session": (f"{service}-{SESSION}", ("key",)),
            }
        ),
    ]
    mounts = [pods.scratch_mount(), pods.secrets_mount()]
    if claim is not None:
        volumes.append(pods.claim_volume("artifacts", claim))
        mounts.append(_CORE.VolumeMountArgs(name="artifacts", mount_path=mount_path(ARTIFACTS)))
    environment = {
        **database_environment(args["database"]),
        "ARTIFACTS_DESTINATION": args["artifacts_destination"],
        "ALLOWED_HOSTS": allowed_hosts,
        "CORS_ALLOWED_ORIGINS": ",".join(args.get("cors_allowed_origins", [])),
        "WORKERS": str(args.get("workers", 1)),
        "PORT": str(PORT),
        "METRICS_PORT": str(METRICS_PORT),
    }
    balanced = bool(args.get("load_balancer_cidrs"))
    catch_up = _LOAD_BALANCERS_CATCH_UP_SECONDS if balanced else _ENDPOINTS_CATCH_UP_SECONDS
    container = _CORE.ContainerArgs(
        name="mlflow",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=["stanchion-mlflow", "serve"],
        env=pods.environment(environment),
        ports=[
            _CORE.ContainerPortArgs(name="http", container_port=PORT),
            _CORE.ContainerPortArgs(name="metrics", container_port=METRICS_PORT),
        ],
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        startup_probe=_probe("/health", period=2, failures=120),
        # The image's own: MLflow's /health is content without its database.
        readiness_probe=_probe("/ready", period=5, failures=2),
        liveness_probe=_probe("/health", period=20, failures=6),
        lifecycle=_CORE.LifecycleArgs(
            pre_stop=_CORE.LifecycleHandlerArgs(sleep=_CORE.SleepActionArgs(seconds=catch_up))
        ),
        volume_mounts=mounts,
    )
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=args.get("replicas", 1),
        strategy=_strategy(one_at_a_time=claim is not None),
        revision_history_limit=5,
        progress_deadline_seconds=600,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selected),
        template=_CORE.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels={**labelled, **selected}),
            spec=pod_spec(
                container,
                volumes=volumes,
                account=service,
                priority_class=args.get("priority_class"),
                spread=pods.spread(selected),
            ),
        ),
    )


def service_spec(selected: dict[str, str]) -> k8s.core.v1.ServiceSpecArgs:
    """The replicas' one address."""
    return _CORE.ServiceSpecArgs(
        type="ClusterIP",
        selector=selected,
        ports=[
            _CORE.ServicePortArgs(name="http", port=PORT, target_port="http"),
            _CORE.ServicePortArgs(name="metrics", port=METRICS_PORT, target_port="metrics"),
        ],
    )


def database_environment(database: MlflowDatabase) -> dict[str, pulumi.Input[str]]:
    """What the image's commands are told of the database; passwords are files."""
    return {
        "DB_HOST": database["host"],
        "DB_PORT": pulumi.Output.format("{0}", database["port"]),
        "TRACKING_DATABASE": "mlflow",
        "DB_SSLMODE": pulumi.Output.from_input(database.get("requires_tls", False)).apply(
            lambda required: "require" if required else "prefer"
        ),
        "AUTH_DATABASE": "mlflow_auth",
        "SERVER_ROLE": "mlflow",
    }


def pod_spec(
    container: k8s.core.v1.ContainerArgs,
    *,
    volumes: list[k8s.core.v1.VolumeArgs],
    account: str,
    priority_class: str | None,
    restart_policy: str = "Always",
    spread: list[k8s.core.v1.TopologySpreadConstraintArgs] | None = None,
) -> k8s.core.v1.PodSpecArgs:
    """A pod of the image, restricted, under a service account of the same namespace."""
    return _CORE.PodSpecArgs(
        service_account_name=account,
        automount_service_account_token=False,
        # Kubernetes would set MLFLOW_PORT and its like, which MLflow reads as its own options.
        enable_service_links=False,
        priority_class_name=priority_class,
        security_context=pods.pod_security(_USER),
        termination_grace_period_seconds=60,
        restart_policy=restart_policy,
        topology_spread_constraints=spread,
        containers=[container],
        volumes=volumes,
    )


def _probe(path: str, *, period: int, failures: int) -> k8s.core.v1.ProbeArgs:
    # The server refuses a Host header that it does not know, and a probe's is the pod's address.
    return pods.http_probe(
        path, "http", period=period, timeout=5, failures=failures, host="localhost"
    )


def _strategy(*, one_at_a_time: bool) -> k8s.apps.v1.DeploymentStrategyArgs:
    if one_at_a_time:
        # A volume that one node mounts: the new pod may be scheduled to another.
        return k8s.apps.v1.DeploymentStrategyArgs(type="Recreate")
    return k8s.apps.v1.DeploymentStrategyArgs(
        type="RollingUpdate",
        rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
    )
