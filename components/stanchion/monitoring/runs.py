"""Alerts about runs that end: the newest gave up, or none has succeeded for too long.

They read kube-state-metrics, and stay silent where it is not.
"""

from collections.abc import Iterator
from enum import StrEnum

from stanchion.monitoring.kube_state import kube_state
from stanchion.monitoring.rules import AlertRule, AlertSeverity
from stanchion.monitoring.watched import Watched
from stanchion.schedules import longest_gap

INTERVAL_SECONDS = 60
_WAITING_SECONDS = 60 * 60
"""What a run may wait for room, beside the time that it may take."""
_RESTART_SECONDS = 300
"""A JobSet that begins again has deleted its failed Job before."""
_NEWEST = "failed: {{ $labels.job_name }}, begun {{ humanizeDuration $value }} ago, gave up"


class Once(StrEnum):
    """What runs once, under the component's name and a hash."""

    JOB = "Job"
    JOB_SET = "JobSet"


def gave_up(watched: Watched, alert: str, description: str) -> AlertRule:
    """The newest run of the CronJob that has the watched one's name, until another succeeds.

    Args:
        watched: Whose runs they are.
        alert: Name of the alert.
        description: What it means.
    """
    failed = _failed(watched, f'owner_kind="CronJob",owner_name="{watched.service}"')
    # Failed Jobs are kept: those from before the last success no longer count.
    succeeded = f"scalar(max({_last_success(watched)}) or vector(0))"
    return watched.alert(
        alert,
        f"time() - topk(1, ({failed}) > {succeeded})",
        AlertSeverity.TICKET,
        summary=_NEWEST,
        description=description,
        labels={"cronjob": watched.service},
    )


def gave_up_once(watched: Watched, alert: str, once: Once, description: str) -> AlertRule:
    """What runs once, until it is deleted.

    Args:
        watched: Whose run it is.
        alert: Name of the alert.
        once: What runs.
        description: What it means.
    """
    named = f'=~"{watched.service}-[0-9a-f]{{8}}"'
    # A CronJob's Jobs may have such names too; what nothing owns has no such label.
    owned = {
        Once.JOB: f'owner_kind="",job_name{named}',
        Once.JOB_SET: f'owner_kind="JobSet",owner_name{named}',
    }[once]
    return watched.alert(
        alert,
        f"time() - topk(1, {_failed(watched, owned)})",
        AlertSeverity.TICKET,
        summary=_NEWEST,
        description=description,
        hold_seconds=_RESTART_SECONDS if once is Once.JOB_SET else 0,
    )


def late(
    watched: Watched, alert: str, schedule: str, deadline_seconds: int, description: str
) -> Iterator[AlertRule]:
    """No run of the CronJob that has the watched one's name has succeeded for too long.

    A CronJob that is suspended is not waited for, nor a schedule that never comes.

    Args:
        watched: Whose runs they are.
        alert: Name of the alert.
        schedule: When they begin, as the CronJob has it.
        deadline_seconds: Longest time of a run.
        description: What it means.
    """
    gap = longest_gap(schedule)
    if gap is None:
        return
    allowed = int(gap.total_seconds()) + deadline_seconds + _WAITING_SECONDS
    since = f"max({_last_success(watched)}) or max({_cron_job(watched, 'kube_cronjob_created')})"
    suspended = f"max({_cron_job(watched, 'kube_cronjob_spec_suspend')}) == 1"
    yield watched.alert(
        alert,
        f"time() - ({since}) > {allowed} unless {suspended}",
        AlertSeverity.TICKET,
        summary="is late: no run has succeeded for {{ humanizeDuration $value }}, and its "
        f"schedule allows {{{{ humanizeDuration {allowed} }}}}",
        description=description,
        labels={"cronjob": watched.service},
    )


def _failed(watched: Watched, owned: str) -> str:
    """When each Job was made that gave up, by its name.

    Args:
        watched: Whose Jobs they are.
        owned: Matchers of `kube_job_owner` that tell them from others of the namespace.
    """
    inside = f'namespace="{watched.namespace}"'
    made = kube_state("kube_job_created", inside)
    # Of the Job as a whole: kube_job_status_failed counts pods, those too that were tried again.
    failed = kube_state("kube_job_failed", f'{inside},condition="true"')
    owners = kube_state("kube_job_owner", f"{inside},{owned}")
    return f"max by (job_name) ({made}) and on (job_name) {failed} == 1 and on (job_name) {owners}"


def _last_success(watched: Watched) -> str:
    return _cron_job(watched, "kube_cronjob_status_last_successful_time")


def _cron_job(watched: Watched, metric: str) -> str:
    of_it = f'namespace="{watched.namespace}",cronjob="{watched.service}"'
    return kube_state(metric, of_it)
