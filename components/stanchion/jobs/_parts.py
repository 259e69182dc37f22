"""What the Jobs of the platform share: who they are, what they reach, how they are retried."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion import network, pods
from stanchion.checks import Checks
from stanchion.folders import DATA
from stanchion.labels import metadata
from stanchion.placement import Placement

_BATCH, _CORE, _NET = k8s.batch.v1, k8s.core.v1, k8s.networking.v1
_QUEUE = "kueue.x-k8s.io/queue-name"
_PRIORITY = "kueue.x-k8s.io/priority-class"
_USER = 1000
KEEP_SECONDS = 7 * 24 * 60 * 60
"""How long a Job that is over can be looked at."""
_MISSED_SECONDS = 6 * 60 * 60
"""A run that was missed is made up for while it is still of its day."""
_NEVER_MIND = "0 0 1 1 *"
"""The schedule of a CronJob that is suspended, for it must have one."""
_NOT_WAITED_FOR = {"pulumi.com/skipAwait": "true"}
"""A Job runs for hours, or waits in its queue: whoever deploys it is done before."""
CREDENTIALS = f"{pods.SECRETS_ROOT}/registry"
"""Where a pod finds the files `username` and `password`."""


def registry(url: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Variables by which a pod finds MLflow, whose API is at this URL."""
    return {"MLFLOW_TRACKING_URI": url, "REGISTRY_CREDENTIALS_DIR": CREDENTIALS}


def recording(url: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """The same for a pod that records runs, without MLflow's lines about each in logs of JSON."""
    return {**registry(url), "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


def check_queue(check: Checks, queue: str | None, priority: str | None) -> None:
    """Note names that no queue has, and a priority that nothing would read."""
    for field, value in (("queue", queue), ("queue_priority", priority)):
        if value is not None:
            check.name(field, value)
    if priority is not None and queue is None:
        check.refuse("queue_priority", "is there, and queue is not", "add queue, or remove it")


def queued(
    labelled: Mapping[str, str], queue: str | None, priority: str | None = None
) -> dict[str, str]:
    """Labels of what Kueue starts, and not of its pods: it counts what carries the queue's name.

    Args:
        labelled: Its labels without them.
        queue: Name of the LocalQueue; None where nothing waits.
        priority: Name of the WorkloadPriorityClass; None where all are alike.
    """
    told = {_QUEUE: queue, _PRIORITY: priority} if queue else {}
    return {**labelled, **{label: value for label, value in told.items() if value}}


def walls(
    name: str,
    called: k8s.meta.v1.ObjectMetaArgs,
    selected: Mapping[str, str],
    mlflow: k8s.networking.v1.NetworkPolicyEgressRuleArgs,
    opts: pulumi.ResourceOptions,
    *,
    cloud: bool,
    among_themselves: bool = False,
) -> k8s.networking.v1.NetworkPolicy:
    """Nothing comes in; names and MLflow, and what the pods' work needs, go out.

    Args:
        name: Resource name.
        called: Metadata of the policy.
        selected: Labels of the pods.
        mlflow: The way to MLflow.
        opts: Its options.
        cloud: Whether they reach the cloud's credentials and public services.
        among_themselves: Whether they reach each other, on every port.
    """
    allow, admit = [network.dns_egress(), mlflow], []
    if cloud:
        allow += [*network.credentials_egress(), network.public_egress()]
    if among_themselves:
        others = [network.same_namespace(selected)]
        allow.append(_NET.NetworkPolicyEgressRuleArgs(to=others))
        admit.append(_NET.NetworkPolicyIngressRuleArgs(from_=others))
    return _NET.NetworkPolicy(
        name,
        metadata=called,
        spec=network.policy_spec(selected, admit=admit, allow=allow),
        opts=opts,
    )


def files(
    login: str, resources: pods.ContainerResources, claim: pulumi.Input[str] | None
) -> tuple[list[k8s.core.v1.VolumeArgs], list[k8s.core.v1.VolumeMountArgs]]:
    """Temporary files, MLflow's credentials and the claim: volumes, and where they are mounted.

    Args:
        login: Secret with the keys `username` and `password`.
        resources: The container's, which say how much it may write.
        claim: The claim with the data, if there is one.
    """
    volumes = [
        pods.scratch_volume(pods.scratch_size(resources)),
        pods.secret_files({"registry": (login, ("username", "password"))}),
    ]
    mounts = [pods.scratch_mount(), pods.secrets_mount()]
    if claim is not None:
        volumes.append(pods.claim_volume("data", claim))
        mounts.append(_CORE.VolumeMountArgs(name="data", mount_path=DATA))
    return volumes, mounts


def pod_template(
    container: k8s.core.v1.ContainerArgs,
    *,
    account: str,
    labelled: Mapping[str, str],
    volumes: Sequence[k8s.core.v1.VolumeArgs],
    at: Placement | None,
    priority_class: str | None,
    affinity: k8s.core.v1.AffinityArgs | None = None,
    before: Sequence[k8s.core.v1.ContainerArgs] = (),
) -> k8s.core.v1.PodTemplateSpecArgs:
    """A pod that works until its container ends, on the nodes of its pool, with no token.

    Args:
        container: What it runs.
        account: Its service account.
        labelled: Its labels.
        volumes: Its volumes.
        at: Its pool; None for nodes of no pool.
        priority_class: Its PriorityClass.
        affinity: Which nodes it goes to besides; None for any of them.
        before: What must have ended well before it begins.
    """
    return _CORE.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled),
        spec=_CORE.PodSpecArgs(
            restart_policy="Never",
            node_selector=at["node_selector"] if at else None,
            tolerations=pods.tolerations(at) if at else None,
            affinity=affinity,
            service_account_name=account,
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name=priority_class,
            security_context=pods.pod_security(_USER),
            init_containers=[*before] or None,
            containers=[container],
            volumes=volumes,
        ),
    )


def on_disruption(action: str) -> k8s.batch.v1.PodFailurePolicyRuleArgs:
    """What an eviction, a preemption or a lost node does to the Job: `Ignore` counts nothing."""
    return _BATCH.PodFailurePolicyRuleArgs(
        action=action,
        on_pod_conditions=[
            _BATCH.PodFailurePolicyOnPodConditionsPatternArgs(
                type="DisruptionTarget", status="True"
            )
        ],
    )


def on_exit(
    action: str, container: str, statuses: list[int]
) -> k8s.batch.v1.PodFailurePolicyRuleArgs:
    """What exit statuses that another try cannot cure do to the Job."""
    return _BATCH.PodFailurePolicyRuleArgs(
        action=action,
        on_exit_codes=_BATCH.PodFailurePolicyOnExitCodesRequirementArgs(
            container_name=container, operator="In", values=statuses
        ),
    )


def one_pod(
    template: k8s.core.v1.PodTemplateSpecArgs,
    retries: int,
    *,
    refused: k8s.batch.v1.PodFailurePolicyRuleArgs,
    deadline_seconds: int,
    queue: str | None,
    keep_seconds: int | None = None,
) -> k8s.batch.v1.JobSpecArgs:
    """One pod, tried again where another try may help, and as often as it is evicted.

    Args:
        template: The pod.
        retries: How often one that fails is tried again.
        refused: The exit statuses that no try cures.
        deadline_seconds: Longest time with all tries.
        queue: Kueue's LocalQueue that starts it; None where nothing waits.
        keep_seconds: How long the Job stays once it is over; None where a CronJob cleans up.
    """
    return _BATCH.JobSpecArgs(
        completions=1,
        parallelism=1,
        backoff_limit=retries,
        pod_failure_policy=_BATCH.PodFailurePolicyArgs(rules=[on_disruption("Ignore"), refused]),
        active_deadline_seconds=deadline_seconds,
        ttl_seconds_after_finished=keep_seconds,
        # Kueue starts it; this is only how it is born.
        suspend=True if queue is not None else None,
        template=template,
    )


def job(
    name: str,
    *,
    called: pulumi.Input[str],
    namespace: pulumi.Input[str],
    labelled: Mapping[str, str],
    spec: k8s.batch.v1.JobSpecArgs,
    opts: pulumi.ResourceOptions,
) -> k8s.batch.v1.Job:
    """A Job that nobody waits for, and which Kueue may start."""
    described = metadata(called, namespace, labelled, _NOT_WAITED_FOR)
    return _BATCH.Job(name, metadata=described, spec=spec, opts=_kueues(opts))


def custom_job(
    name: str,
    *,
    api_version: str,
    kind: str,
    called: pulumi.Input[str],
    namespace: pulumi.Input[str],
    labelled: Mapping[str, str],
    spec: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
    kueues: Sequence[str] = (),
) -> k8s.apiextensions.CustomResource:
    """A job of another controller's kind, which nobody waits for and Kueue may start.

    Args:
        name: Resource name.
        api_version: Of its kind.
        kind: JobSet or RayJob.
        called: Name of the object.
        namespace: Where it is.
        labelled: Its labels.
        spec: What it does.
        opts: Its options.
        kueues: Paths, besides `spec.suspend`, that are Kueue's once it is there.
    """
    return k8s.apiextensions.CustomResource(
        name,
        api_version=api_version,
        kind=kind,
        metadata=metadata(called, namespace, labelled, _NOT_WAITED_FOR),
        spec=spec,
        opts=_kueues(opts, *kueues),
    )


def _kueues(opts: pulumi.ResourceOptions, *paths: str) -> pulumi.ResourceOptions:
    """Whether it is suspended is what Kueue says once it is there, and so are `paths`."""
    own = pulumi.ResourceOptions(ignore_changes=["spec.suspend", *paths])
    return pulumi.ResourceOptions.merge(opts, own)


def cron_job(
    name: str,
    *,
    described: k8s.meta.v1.ObjectMetaArgs,
    schedule: str | None,
    labelled: Mapping[str, str],
    spec: k8s.batch.v1.JobSpecArgs,
    opts: pulumi.ResourceOptions,
    kept_runs: int = 3,
) -> k8s.batch.v1.CronJob:
    """A Job a run, one run at a time: two would do the same side by side for nothing.

    Args:
        name: Resource name.
        described: Its metadata.
        schedule: When, in cron's five fields and UTC; None: only when somebody asks.
        labelled: Labels of its Jobs.
        spec: What they do.
        opts: Its options.
        kept_runs: Those that are over and stay, of either end.
    """
    return _BATCH.CronJob(
        name,
        metadata=described,
        spec=_BATCH.CronJobSpecArgs(
            schedule=schedule or _NEVER_MIND,
            suspend=None if schedule else True,
            time_zone="Etc/UTC",
            concurrency_policy="Forbid",
            starting_deadline_seconds=_MISSED_SECONDS,
            successful_jobs_history_limit=kept_runs,
            failed_jobs_history_limit=kept_runs,
            job_template=_BATCH.JobTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=labelled), spec=spec
            ),
        ),
        opts=opts,
    )
