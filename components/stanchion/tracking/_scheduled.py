"""What the scheduled jobs beside an `MlflowServer` have in common."""

import pulumi_kubernetes as k8s

from stanchion.checks import Checks
from stanchion.schedules import is_schedule
from stanchion.tracking import _pods

_MISSED_SECONDS = 6 * 60 * 60
"""One that was missed is made up for while it is still of its day."""


def check_schedule(check: Checks, schedule: str) -> None:
    """Note a schedule that Kubernetes would refuse."""
    if not is_schedule(schedule):
        check.refuse("schedule", f"'{schedule}' is no schedule", "write five fields, as 17 2 * * *")


def cron_job_spec(
    container: k8s.core.v1.ContainerArgs,
    *,
    schedule: str,
    labelled: dict[str, str],
    account: str,
    volumes: list[k8s.core.v1.VolumeArgs],
    priority_class: str | None,
) -> k8s.batch.v1.CronJobSpecArgs:
    """One at a time, in UTC, for two hours at most."""
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
                active_deadline_seconds=2 * 60 * 60,
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled),
                    spec=_pods.pod_spec(
                        container,
                        volumes=volumes,
                        account=account,
                        priority_class=priority_class,
                        restart_policy="Never",
                    ),
                ),
            ),
        ),
    )
