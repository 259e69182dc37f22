"""Work that is to end: when it gives up, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.reading import entries, get, items, present, text
from stanchion_policies.rules import Settings, Severity, object_policy

JOBS = ("Job", "CronJob")


def _job(item: KubernetesObject) -> Mapping[str, Any]:
    """The spec of the job that it is or makes."""
    spec = entries(item.body, "spec")
    return entries(spec, "jobTemplate", "spec") if item.kind == "CronJob" else spec


@object_policy(
    "job-limits",
    kinds=JOBS,
    severity=Severity.LOW,
    fix="Set backoffLimit and activeDeadlineSeconds on the job.",
)
def job_limits(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A job gives up in the end."""
    for field in ("backoffLimit", "activeDeadlineSeconds"):
        if not present(_job(item), field):
            yield f"the job has no {field}; set one"


@object_policy(
    "job-time-to-live",
    kinds=JOBS,
    severity=Severity.LOW,
    fix="Set ttlSecondsAfterFinished on a job of its own; a CronJob's jobs are cleaned up by its "
    "history limits, which it would overrule.",
)
def job_time_to_live(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A finished job and its pods go away, in one way."""
    stated = present(_job(item), "ttlSecondsAfterFinished")
    if item.kind == "CronJob":
        if stated:
            yield "its jobs have ttlSecondsAfterFinished, which overrules the history limits"
    elif not stated and not items(item.body, "metadata", "ownerReferences"):
        yield "the job has no ttlSecondsAfterFinished, so its pods stay; set it"


@object_policy(
    "job-restart-policy",
    kinds=JOBS,
    severity=Severity.HIGH,
    fix="Write restartPolicy: Never, which keeps the logs of each try, or OnFailure.",
)
def job_restart_policy(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A job's pod says how it is restarted, and not for ever."""
    if item.pod is not None:
        policy = text(item.pod.spec, "restartPolicy", default="missing")
        if policy not in {"Never", "OnFailure"}:
            yield f"the pod's restartPolicy is {policy}, which the API refuses; write Never"


@object_policy(
    "cron-job-concurrency",
    kinds=("CronJob",),
    severity=Severity.LOW,
    fix="Set spec.concurrencyPolicy to Forbid, or Replace where only the last run matters.",
)
def cron_job_concurrency(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A run that takes long does not meet the next one."""
    if get(item.body, "spec", "concurrencyPolicy", default="Allow") == "Allow":
        yield "spec.concurrencyPolicy is Allow; write Forbid or Replace"


@object_policy(
    "cron-job-deadline",
    kinds=("CronJob",),
    severity=Severity.LOW,
    fix="Set spec.startingDeadlineSeconds: without it, a CronJob that misses 100 starts in a row "
    "never starts again.",
)
def cron_job_deadline(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """A CronJob says how late a run may start."""
    if not present(item.body, "spec", "startingDeadlineSeconds"):
        yield "spec.startingDeadlineSeconds is missing; say how late a run may start"
