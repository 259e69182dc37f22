"""What a Job's pod is told by the controller that made it."""

import pulumi_kubernetes as k8s

_CORE = k8s.core.v1


def scheduled_job_name() -> k8s.core.v1.EnvVarArgs:
    """JOB_NAME, as which a CronJob's pod knows for when it was scheduled.

    A CronJob's Job is named after the time of its schedule: tries after midnight keep the day.
    """
    return _from_label("JOB_NAME", "batch.kubernetes.io/job-name")


def job_uid() -> k8s.core.v1.EnvVarArgs:
    """JOB_UID, by which pods of one Job know each other: a Job that is made anew has another."""
    return _from_label("JOB_UID", "batch.kubernetes.io/controller-uid")


def _from_label(variable: str, label: str) -> k8s.core.v1.EnvVarArgs:
    field = _CORE.ObjectFieldSelectorArgs(field_path=f"metadata.labels['{label}']")
    return _CORE.EnvVarArgs(name=variable, value_from=_CORE.EnvVarSourceArgs(field_ref=field))
