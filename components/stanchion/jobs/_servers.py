"""The small servers that stand beside jobs: what begins one again, what tells its findings."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.placement import Placement

_CORE = k8s.core.v1
PORT = 8080
_GRACE_SECONDS = 45
"""Longer than a scrape may take, or a notice to be judged."""
_USER = 1000


def pod_template(
    name: str,
    image: str,
    command: list[str],
    *,
    env: list[k8s.core.v1.EnvVarArgs],
    resources: pods.ContainerResources,
    account: str,
    labelled: Mapping[str, str],
    selected: Mapping[str, str],
    volumes: Sequence[k8s.core.v1.VolumeArgs],
    mounts: Sequence[k8s.core.v1.VolumeMountArgs],
    at: Placement | None,
    priority_class: str | None,
) -> k8s.core.v1.PodTemplateSpecArgs:
    """A pod that serves `/health` and `/metrics` on port 8080.

    Args:
        name: Name of the container.
        image: What it runs.
        command: How.
        env: What it is told.
        resources: What it may use.
        account: Its service account.
        labelled: Its labels.
        selected: Those of them that never change.
        volumes: Its volumes, beside temporary files.
        mounts: Where they are.
        at: Its pool; None for nodes of no pool.
        priority_class: Its PriorityClass.
    """
    container = _CORE.ContainerArgs(
        name=name,
        image=image,
        image_pull_policy="IfNotPresent",
        command=command,
        env=env,
        ports=[_CORE.ContainerPortArgs(name="http", container_port=PORT)],
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        volume_mounts=[pods.scratch_mount(), *mounts],
        startup_probe=pods.http_probe("/health/live", "http", period=2, timeout=2, failures=30),
        liveness_probe=pods.http_probe("/health/live", "http", period=20, timeout=5, failures=3),
        readiness_probe=pods.http_probe("/health/ready", "http", period=10, timeout=5, failures=3),
    )
    return _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled),
        spec=_CORE.PodSpecArgs(
            node_selector=at["node_selector"] if at else None,
            tolerations=pods.tolerations(at) if at else None,
            service_account_name=account,
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name=priority_class,
            termination_grace_period_seconds=_GRACE_SECONDS,
            topology_spread_constraints=pods.spread(selected),
            security_context=pods.pod_security(_USER),
            containers=[container],
            volumes=[pods.scratch_volume(pods.scratch_size(resources)), *volumes],
        ),
    )


def deployment(
    name: str,
    called: k8s.meta.v1.ObjectMetaArgs,
    selected: Mapping[str, str],
    template: k8s.core.v1.PodTemplateSpecArgs,
    *,
    replicas: int,
    opts: pulumi.ResourceOptions,
) -> k8s.apps.v1.Deployment:
    """Replicas of which none goes before a new one answers.

    Args:
        name: Resource name.
        called: Metadata of the Deployment.
        selected: Labels of the pods that never change.
        template: One of them.
        replicas: Their number.
        opts: Its options.
    """
    return k8s.apps.v1.Deployment(
        name,
        metadata=called,
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=replicas,
            strategy=k8s.apps.v1.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(
                    max_unavailable=0, max_surge=1
                ),
            ),
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selected),
            template=template,
        ),
        opts=opts,
    )
