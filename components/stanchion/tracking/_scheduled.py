"""What the scheduled jobs beside an `MlflowServer` have in common."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion import labels, network, pods
from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.labels import metadata
from stanchion.schedules import is_schedule
from stanchion.tracking import _pods

RUN_SECONDS = 2 * 60 * 60
"""Longest time of a run."""
_MISSED_SECONDS = 6 * 60 * 60
"""One that was missed is made up for while it is still of its day."""


class CommonArgs(TypedDict):
    """What every such job is told."""

    namespace: pulumi.Input[str]
    owner: str
    cost_center: str
    image: str
    service_name: NotRequired[str]


def server_of(args: CommonArgs) -> str:
    """Name of the server that the job is beside."""
    return args.get("service_name", "mlflow")


def check_common(check: Checks, args: CommonArgs) -> None:
    """Note what is wrong with what every such job is told."""
    check.name("service_name", server_of(args))
    check.label("owner", args["owner"])
    check.label("cost_center", args["cost_center"])
    check.image("image", args["image"])


def check_schedule(check: Checks, schedule: str) -> None:
    """Note a schedule that Kubernetes would refuse."""
    if not is_schedule(schedule):
        check.refuse("schedule", f"'{schedule}' is no schedule", "write five fields, as 17 2 * * *")


def labels_of(args: CommonArgs, part: str) -> dict[str, str]:
    """Labels of a job's objects.

    Args:
        args: What the component is told.
        part: What the job does.
    """
    return labels.standard(
        labels.selector("mlflow", server_of(args), part),
        owner=args["owner"],
        cost_center=args["cost_center"],
        version=args["image"].rpartition(":")[2],
    )


def cron_job(
    parent: pulumi.ComponentResource,
    name: str,
    part: str,
    args: CommonArgs,
    opts: pulumi.ResourceOptions | None,
    *,
    container: k8s.core.v1.ContainerArgs,
    volumes: list[k8s.core.v1.VolumeArgs],
    allow: list[k8s.networking.v1.NetworkPolicyEgressRuleArgs],
    schedule: str,
    annotations: pulumi.Input[dict[str, str]] | None = None,
    priority_class: str | None = None,
) -> k8s.batch.v1.CronJob:
    """The job, with an account and walls of its own.

    Args:
        parent: The component that it is a part of.
        name: Name of the component's resource.
        part: What the job does, a part of its name.
        args: What the component is told.
        opts: The component's options.
        container: What runs.
        volumes: What the container mounts.
        allow: Where its pods may connect to; nothing connects to them.
        schedule: When, in cron's five fields and UTC.
        annotations: Of its service account.
        priority_class: PriorityClass of its pods.
    """
    called, namespace = f"{server_of(args)}-{part}", args["namespace"]
    labelled, child = labels_of(args, part), child_options(parent, opts)
    account = pods.service_account(
        f"{name}-account", metadata(called, namespace, labelled, annotations), child
    )
    walls = k8s.networking.v1.NetworkPolicy(
        f"{name}-network",
        metadata=metadata(called, namespace, labelled),
        spec=network.policy_spec(
            labels.selector("mlflow", server_of(args), part), admit=[], allow=allow
        ),
        opts=child,
    )
    pod = _pods.pod_spec(
        container,
        volumes=volumes,
        account=called,
        priority_class=priority_class,
        restart_policy="Never",
    )
    return k8s.batch.v1.CronJob(
        f"{name}-job",
        metadata=metadata(called, namespace, labelled),
        spec=_spec(schedule, labelled, pod),
        opts=child_options(parent, opts, depends_on=[account, walls]),
    )


def _spec(
    schedule: str, labelled: dict[str, str], pod: k8s.core.v1.PodSpecArgs
) -> k8s.batch.v1.CronJobSpecArgs:
    """One at a time, in UTC."""
    return k8s.batch.v1.CronJobSpecArgs(
        schedule=schedule,
        time_zone="Etc/UTC",
        concurrency_policy="Forbid",
        starting_deadline_seconds=_MISSED_SECONDS,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        job_template=k8s.batch.v1.JobTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=2,
                active_deadline_seconds=RUN_SECONDS,
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled), spec=pod
                ),
            ),
        ),
    )
