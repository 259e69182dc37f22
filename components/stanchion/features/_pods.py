"""The pods of a `FeatureStore`: what prepares it, its replicas, and its scheduled jobs."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.features.arguments import (
    JOB_RESOURCES,
    OVERLAP_MINUTES,
    SAMPLE,
    SERVER_RESOURCES,
    STEP_HOURS,
    TOLERANCE,
    FeatureStoreArgs,
)
from stanchion.folders import DATA
from stanchion.jobs import _parts

_CORE = k8s.core.v1
PORT, METRICS_PORT = 8080, 9090
OWNER, WRITER, READER = "owner", "writer", "reader"
_COMMAND = "stanchion-feature-store"
_DEFINITIONS = "/definitions"
_USER = 1000
_DRAIN_SECONDS = 10
_APPLY_RESOURCES: pods.ContainerResources = {"cpu": "100m", "cpu_limit": "2", "memory": "1Gi"}
_DEFINITIONS_HASH = "stanchion.dev/definitions"


def environment(args: FeatureStoreArgs) -> dict[str, pulumi.Input[str]]:
    """What every command is told; passwords are files."""
    database = args["database"]
    return {
        "DB_HOST": database["host"],
        "DB_PORT": pulumi.Output.format("{0}", database["port"]),
        "DB_SSLMODE": pulumi.Output.from_input(database.get("requires_tls", False)).apply(
            lambda required: "require" if required else "prefer"
        ),
        "FEATURE_DATABASE": "feature_store",
        "FEATURE_SOURCES": args["sources"],
    }


def apply_template(
    service: str, args: FeatureStoreArgs, labelled: Mapping[str, str], definitions: str
) -> k8s.core.v1.PodTemplateSpecArgs:
    """A pod that makes database and roles, then hands a team's definitions to the registry.

    The administrator's password is in reach of the first container alone: the second runs a team's
    code.
    """
    prepare = _container(
        "prepare", args, _APPLY_RESOURCES, environment(args), [pods.secrets_mount()]
    )
    own = _CORE.VolumeMountArgs(
        name="secrets", mount_path=f"{pods.SECRETS_ROOT}/{OWNER}", sub_path=OWNER, read_only=True
    )
    given = _CORE.VolumeMountArgs(name="definitions", mount_path=_DEFINITIONS, read_only=True)
    told = {**environment(args), "DEFINITIONS_DIR": _DEFINITIONS}
    apply = _container("apply", args, _APPLY_RESOURCES, told, [own, given])
    secrets = {role: (f"{service}-{role}", ("password",)) for role in (OWNER, WRITER, READER)}
    return _parts.pod_template(
        apply,
        before=[prepare],
        account=f"{service}-apply",
        labelled=labelled,
        volumes=[
            pods.scratch_volume(pods.scratch_size(_APPLY_RESOURCES)),
            pods.secret_files(
                {
                    "database-admin": (
                        args["database"]["admin_secret_name"],
                        ("username", "password"),
                    ),
                    **secrets,
                }
            ),
            _CORE.VolumeArgs(
                name="definitions", config_map=_CORE.ConfigMapVolumeSourceArgs(name=definitions)
            ),
        ],
        at=None,
        priority_class=args.get("priority_class"),
    )


def scheduled_template(
    service: str, command: str, args: FeatureStoreArgs, labelled: Mapping[str, str]
) -> k8s.core.v1.PodTemplateSpecArgs:
    """A pod of one of the scheduled jobs, `materialize` or `check`."""
    resources = args.get("job_resources", JOB_RESOURCES)
    told = {
        **environment(args),
        "OVERLAP_MINUTES": str(args.get("overlap_minutes", OVERLAP_MINUTES)),
        "STEP_HOURS": str(args.get("step_hours", STEP_HOURS)),
        "SAMPLE": str(args.get("sample", SAMPLE)),
        "TOLERANCE": f"{args.get('tolerance', TOLERANCE):g}",
    }
    volumes = [
        pods.scratch_volume(pods.scratch_size(resources)),
        pods.secret_files({WRITER: (f"{service}-{WRITER}", ("password",))}),
    ]
    mounts = [pods.secrets_mount()]
    claim = args.get("volume_claim_name")
    if claim is not None:
        volumes.append(pods.claim_volume("data", claim))
        mounts.append(_CORE.VolumeMountArgs(name="data", mount_path=DATA, read_only=True))
    return _parts.pod_template(
        _container(command, args, resources, told, mounts),
        account=f"{service}-jobs",
        labelled=labelled,
        volumes=volumes,
        at=None,
        priority_class=args.get("priority_class"),
    )


def server_spec(
    service: str,
    args: FeatureStoreArgs,
    labelled: Mapping[str, str],
    selected: dict[str, str],
    definitions: str,
) -> k8s.apps.v1.DeploymentSpecArgs:
    """The replicas; other definitions are other pods, since each reads the registry once."""
    resources = args.get("resources", SERVER_RESOURCES)
    told = {
        **environment(args),
        "PORT": str(PORT),
        "METRICS_PORT": str(METRICS_PORT),
        "DRAIN_SECONDS": str(_DRAIN_SECONDS),
    }
    container = _container("serve", args, resources, told, [pods.secrets_mount()])
    container.ports = [
        _CORE.ContainerPortArgs(name="http", container_port=PORT),
        _CORE.ContainerPortArgs(name="metrics", container_port=METRICS_PORT),
    ]
    container.startup_probe = pods.http_probe("/health", "http", period=3, timeout=3, failures=60)
    container.readiness_probe = pods.http_probe("/ready", "http", period=5, timeout=6, failures=2)
    container.liveness_probe = pods.http_probe("/health", "http", period=20, timeout=5, failures=4)
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=args.get("replicas", 1),
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
        ),
        revision_history_limit=5,
        progress_deadline_seconds=600,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selected),
        template=_CORE.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(
                labels={**labelled, **selected}, annotations={_DEFINITIONS_HASH: definitions}
            ),
            spec=_CORE.PodSpecArgs(
                service_account_name=service,
                automount_service_account_token=False,
                enable_service_links=False,
                priority_class_name=args.get("priority_class"),
                security_context=pods.pod_security(_USER),
                termination_grace_period_seconds=60,
                topology_spread_constraints=pods.spread(selected),
                containers=[container],
                volumes=[
                    pods.scratch_volume(pods.scratch_size(resources)),
                    pods.secret_files({READER: (f"{service}-{READER}", ("password",))}),
                ],
            ),
        ),
    )


def _container(
    command: str,
    args: FeatureStoreArgs,
    resources: pods.ContainerResources,
    told: Mapping[str, pulumi.Input[str]],
    mounts: Sequence[k8s.core.v1.VolumeMountArgs],
) -> k8s.core.v1.ContainerArgs:
    return _CORE.ContainerArgs(
        name=command,
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=[_COMMAND, command],
        env=pods.environment(told),
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        volume_mounts=[pods.scratch_mount(), *mounts],
    )
