"""Cases of the job policies, and of API versions."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes
from policies.manifests import DROP, Manifest, manifest, workload

OWNER = {"ownerReferences": [{"kind": "CronJob", "name": "nightly"}]}


def restarted(policy: Any) -> Manifest:
    """A job whose pod has a restart policy, or none."""
    return workload("Job", spec={"template": {"spec": {"restartPolicy": policy}}})


CASES: list[Case] = [
    passes("job-limits", "job", workload("Job")),
    passes("job-limits", "cron job", workload("CronJob")),
    passes("job-limits", "another kind", workload()),
    fails("job-limits", "no deadline", workload("Job", spec={"activeDeadlineSeconds": DROP})),
    fails("job-limits", "no last try", workload("Job", spec={"backoffLimit": DROP})),
    fails(
        "job-limits",
        "cron job",
        workload("CronJob", spec={"jobTemplate": {"spec": {"backoffLimit": None}}}),
    ),
    passes("job-time-to-live", "stated", workload("Job", spec={"ttlSecondsAfterFinished": 3600})),
    passes("job-time-to-live", "at once", workload("Job", spec={"ttlSecondsAfterFinished": 0})),
    passes("job-time-to-live", "a cron job's", workload("Job", metadata=OWNER)),
    fails("job-time-to-live", "none", workload("Job")),
    fails("job-time-to-live", "null", workload("Job", spec={"ttlSecondsAfterFinished": None})),
    passes("job-time-to-live", "a cron job has history limits", workload("CronJob")),
    fails(
        "job-time-to-live",
        "beside a cron job's history limits",
        workload("CronJob", spec={"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 60}}}),
    ),
    fails(
        "job-time-to-live",
        "in a list",
        {"apiVersion": "batch/v1", "kind": "JobList", "items": [workload("Job")]},
    ),
    passes("job-restart-policy", "never", workload("Job")),
    passes("job-restart-policy", "cron job", workload("CronJob")),
    passes("job-restart-policy", "on failure", workload("Job", pod={"restartPolicy": "OnFailure"})),
    fails("job-restart-policy", "none", restarted(DROP)),
    fails("job-restart-policy", "always", restarted("Always")),
    fails("job-restart-policy", "no such word", restarted("never")),
    passes("cron-job-concurrency", "forbidden", workload("CronJob")),
    passes(
        "cron-job-concurrency",
        "replaced",
        workload("CronJob", spec={"concurrencyPolicy": "Replace"}),
    ),
    passes("cron-job-concurrency", "a job", workload("Job")),
    fails(
        "cron-job-concurrency", "allowed", workload("CronJob", spec={"concurrencyPolicy": "Allow"})
    ),
    fails("cron-job-concurrency", "missing", workload("CronJob", spec={"concurrencyPolicy": DROP})),
    fails("cron-job-concurrency", "null", workload("CronJob", spec={"concurrencyPolicy": None})),
    passes("cron-job-deadline", "stated", workload("CronJob")),
    passes(
        "cron-job-deadline", "long", workload("CronJob", spec={"startingDeadlineSeconds": 9000})
    ),
    passes("cron-job-deadline", "a job", workload("Job")),
    fails("cron-job-deadline", "none", workload("CronJob", spec={"startingDeadlineSeconds": DROP})),
    fails("cron-job-deadline", "null", workload("CronJob", spec={"startingDeadlineSeconds": None})),
    fails("cron-job-deadline", "no spec", manifest("CronJob", spec=None)),
    passes("api-version-served", "deployment", workload()),
    passes("api-version-served", "a custom one", workload("Rollout")),
    passes(
        "api-version-served",
        "one that is still served",
        manifest("CronJob", apiVersion="batch/v1"),
    ),
    fails("api-version-served", "deployment", workload(apiVersion="extensions/v1beta1")),
    fails("api-version-served", "cron job", workload("CronJob", apiVersion="batch/v1beta1")),
    fails(
        "api-version-served",
        "autoscaler",
        manifest("HorizontalPodAutoscaler", apiVersion="autoscaling/v2beta2"),
    ),
]
