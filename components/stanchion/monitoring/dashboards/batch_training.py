"""Jobs: batch scoring and training, whether they are done, how long they take, who waits."""

from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Unit,
    Variable,
    lines,
    stat,
    table,
)
from stanchion.monitoring.kube_state import kube_state, requested

_OF = 'namespace=~"$tenant"'
_ENDED = kube_state("kube_job_status_completion_time", _OF)
_BEGAN = kube_state("kube_job_status_start_time", _OF)
_DONE = kube_state("kube_job_status_succeeded", _OF)
_TO_DO = kube_state("kube_job_spec_completions", _OF)
_DEADLINE = kube_state("kube_job_spec_active_deadline_seconds", _OF)
_RUNNING = f"({kube_state('kube_job_status_active', _OF)} > 0)"
_FAILED_PODS = kube_state("kube_job_status_failed", _OF)
_GAVE_UP = kube_state("kube_job_failed", f'condition="true",{_OF}')
_OF_JOBS = kube_state("kube_pod_info", f'created_by_kind="Job",{_OF}')
_ASKED = requested("nvidia_com_gpu", _OF)
_SUCCEEDED = kube_state("kube_cronjob_status_last_successful_time", _OF)
_QUEUE = 'cluster_queue=~".+"'

BATCH_TRAINING = Dashboard(
    "batch-training",
    "Batch and training",
    "Whether jobs are done in time, which failed, and what waits for room.",
    variables=(Variable("tenant", "Tenant", kube_state("kube_job_info"), "namespace"),),
    sections=(
        Section(
            "Now",
            (
                stat(
                    "Running jobs",
                    "Jobs with a pod that runs or waits.",
                    f"count{_RUNNING} or vector(0)",
                ),
                stat(
                    "Failed jobs",
                    "Jobs that gave up and are still kept; `kubectl logs job/NAME` says why.",
                    f"count({_GAVE_UP} == 1) or vector(0)",
                    limits=Limits(5, 1),
                ),
                stat(
                    "Suspended jobs",
                    "Jobs that Kueue or a person holds back.",
                    f"sum({kube_state('kube_job_status_suspended', _OF)})",
                ),
            ),
        ),
        Section(
            "Jobs",
            (
                table(
                    "Time of finished jobs",
                    "From start to end.",
                    f"max by (namespace, job_name) ({_ENDED} - {_BEGAN})",
                    Unit.SECONDS,
                ),
                table(
                    "Time of running jobs",
                    "Since their start, as a share of the time after which they are ended.",
                    "max by (namespace, job_name) "
                    f"((time() - {_BEGAN}) / {_DEADLINE} "
                    f"and on (namespace, job_name) {_RUNNING})",
                    Unit.RATIO,
                    Limits(0.9, 0.75),
                ),
                lines(
                    "Shards done",
                    "Pods of each job that succeeded, as a share of those that are to.",
                    f"max by (namespace, job_name) ({_DONE} / {_TO_DO})",
                    "{{namespace}}/{{job_name}}",
                    Unit.RATIO,
                ),
                lines(
                    "Pods that failed",
                    "Of each job, those of interrupted spot nodes among them; of one that gave up, "
                    "mostly a 1 that stands for its reason.",
                    f"sum by (namespace, job_name) ({_FAILED_PODS})",
                    "{{namespace}}/{{job_name}}",
                    limits=Limits(3, 1),
                ),
            ),
        ),
        Section(
            "Schedules",
            (
                table(
                    "Hours since a success",
                    "Of each schedule: data are as old as that.",
                    f"max by (namespace, cronjob) (time() - {_SUCCEEDED}) / 3600",
                    limits=Limits(50, 26),
                ),
                table(
                    "Suspended schedules",
                    "1 for those that do not run.",
                    f"max by (namespace, cronjob) ({kube_state('kube_cronjob_spec_suspend', _OF)})",
                    limits=Limits(2, 1),
                ),
            ),
        ),
        Section(
            "Queues",
            (
                Panel(
                    "Workloads",
                    "Of each of Kueue's queues: admitted and running, and waiting.",
                    (
                        Query(
                            f"sum by (cluster_queue) (kueue_admitted_active_workloads{{{_QUEUE}}})",
                            "{{cluster_queue}} running",
                        ),
                        Query(
                            f"sum by (cluster_queue, status) (kueue_pending_workloads{{{_QUEUE}}})",
                            "{{cluster_queue}} waiting, {{status}}",
                        ),
                    ),
                ),
                lines(
                    "Evicted",
                    "Workloads an hour that had to give way, by reason.",
                    "sum by (cluster_queue, reason) "
                    f"(rate(kueue_evicted_workloads_total{{{_QUEUE}}}[1h])) * 3600",
                    "{{cluster_queue}} {{reason}}",
                ),
            ),
        ),
        Section(
            "What they use",
            (
                lines(
                    "GPUs of jobs",
                    "GPUs that pods of jobs hold or wait for, by tenant.",
                    f"sum by (namespace) ({_ASKED} * on (namespace, pod) group_left () "
                    f"max by (namespace, pod) ({_OF_JOBS}))",
                    "{{namespace}}",
                ),
                lines(
                    "CPU",
                    "Cores that pods of jobs use, by tenant.",
                    "sum by (namespace) "
                    f'(rate(container_cpu_usage_seconds_total{{{_OF},container=~".+"}}[5m]) '
                    "* on (namespace, pod) group_left () "
                    f"max by (namespace, pod) ({_OF_JOBS}))",
                    "{{namespace}}",
                ),
            ),
        ),
    ),
)
