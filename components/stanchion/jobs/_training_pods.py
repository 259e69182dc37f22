"""The pods of a `TrainingJob`, and what becomes of one that fails."""

import math
import re
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from stanchion import kuberay, pods
from stanchion.jobs import _parts, _ray_job
from stanchion.jobs.ray_arguments import DEFAULT_HEAD
from stanchion.jobs.training_arguments import (
    CODE,
    DEFAULT_RESOURCES,
    DEFAULT_RETRIES,
    TrainingJobArgs,
    deadline_seconds,
    repeats,
)
from stanchion.placement import Placement

_BATCH, _CORE = k8s.batch.v1, k8s.core.v1
_CONTAINER = "train"
_NODE = "node"
_REFUSED = [2, 4]
"""Exit statuses of `stanchion_training`: wrong settings, and data that are not as expected."""
_COORDINATOR = "jobset.sigs.k8s.io/coordinator"
BECAUSE = {
    "RETRAINING_REASON": "stanchion.dev/retraining-reason",
    "RETRAINING_CAUSE": "stanchion.dev/retraining-cause",
    "RETRAINING_PARENT": "stanchion.dev/retraining-parent",
}
"""What a `RetrainingTrigger` writes on the pods that it has started; empty on others."""
_INDEX = "batch.kubernetes.io/job-completion-index"
_JOB = "batch.kubernetes.io/job-name"
"""Label of a Job's pods. A Job that is made again has its name, and a JobSet gives its own one."""
_JOB_UID = "batch.kubernetes.io/controller-uid"
_JOB_SET_UID = "jobset.sigs.k8s.io/jobset-uid"
"""Likewise: a JobSet that begins again makes its Jobs anew, and is the same."""


def pod_template(
    service: str, args: TrainingJobArgs, labelled: Mapping[str, str], code: str | None
) -> k8s.core.v1.PodTemplateSpecArgs:
    """The pod that trains, or each of several.

    Args:
        service: Name of the objects.
        args: What the component is told.
        labelled: Labels of the pod.
        code: The ConfigMap with the code; None where it is in the image.
    """
    return _template(
        service,
        args,
        labelled,
        code,
        resources=args.get("resources", DEFAULT_RESOURCES),
        environment=_environment(args),
        command=args["command"],
        at=args.get("placement"),
        gpus=args.get("gpus", 0),
    )


def ray_templates(
    service: str, args: TrainingJobArgs, labelled: Mapping[str, str], code: str | None
) -> tuple[k8s.core.v1.PodTemplateSpecArgs, k8s.core.v1.PodTemplateSpecArgs]:
    """The pods of Ray's head and of a worker, whose commands KubeRay writes.

    Both are told what the one pod of a training is, but not how many threads to take: Ray tells
    each of its tasks. The head asks for no GPU.

    Args:
        service: Name of the objects.
        args: What the component is told.
        labelled: Labels of the pods.
        code: The ConfigMap with the code; None where it is in the image.
    """
    environment = pods.environment({**_told(args), "RAY_USAGE_STATS_ENABLED": "0"})
    head = _template(
        service,
        args,
        {**labelled, **kuberay.HEAD_PODS},
        code,
        resources=args["ray"].get("head_resources", DEFAULT_HEAD),
        environment=environment,
        ports=_ray_job.head_ports(),
        affinity=_ray_job.not_on_spot(),
        at=args["ray"].get("head_placement"),
    )
    worker = _template(
        service,
        args,
        {**labelled, **kuberay.WORKER_PODS},
        code,
        resources=args.get("resources", DEFAULT_RESOURCES),
        environment=environment,
        at=args.get("placement"),
        gpus=args.get("gpus", 0),
    )
    return head, worker


def _template(
    service: str,
    args: TrainingJobArgs,
    labelled: Mapping[str, str],
    code: str | None,
    *,
    resources: pods.ContainerResources,
    environment: list[k8s.core.v1.EnvVarArgs],
    command: list[str] | None = None,
    ports: list[k8s.core.v1.ContainerPortArgs] | None = None,
    affinity: k8s.core.v1.AffinityArgs | None = None,
    at: Placement | None = None,
    gpus: int = 0,
) -> k8s.core.v1.PodTemplateSpecArgs:
    login = args["tracking"]["secret_name"]
    volumes, mounts = _parts.files(login, resources, args.get("volume_claim_name"))
    if code is not None:
        source = _CORE.ConfigMapVolumeSourceArgs(name=code)
        volumes.append(_CORE.VolumeArgs(name="code", config_map=source))
        mounts.append(_CORE.VolumeMountArgs(name="code", mount_path=CODE, read_only=True))
    container = _CORE.ContainerArgs(
        name=_CONTAINER,
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=command,
        working_dir=CODE if code is not None else None,
        env=environment,
        ports=ports,
        resources=pods.requirements(resources, {at["device"]: gpus} if at and gpus else None),
        security_context=pods.container_security(),
        volume_mounts=mounts,
    )
    return _parts.pod_template(
        container,
        account=service,
        labelled=labelled,
        volumes=volumes,
        at=at,
        affinity=affinity,
        priority_class=args.get("priority_class"),
    )


def _told(args: TrainingJobArgs) -> dict[str, pulumi.Input[str]]:
    """What `stanchion_training` reads, in every pod."""
    data, seed = args["data"], str(args.get("seed", 0))
    told: dict[str, pulumi.Input[str]] = {
        "REGISTERED_MODEL_NAME": args["model_name"],
        **_parts.recording(args["tracking"]["url"]),
        "DATA_URI": data["location"],
        "DATA_DIGEST": data.get("digest", ""),
        "DATA_VERSION": data.get("version", ""),
        "CODE_VERSION": args["code_version"],
        "SEED": seed,
        # Read by the interpreter before any script could set it.
        "PYTHONHASHSEED": seed,
    }
    if "checkpoints" in args:
        told["CHECKPOINT_URI"] = args["checkpoints"]
    return told


def _environment(args: TrainingJobArgs) -> list[k8s.core.v1.EnvVarArgs]:
    told = {**_told(args), **_threads(args.get("resources", DEFAULT_RESOURCES).get("cpu_limit"))}
    nodes = args.get("nodes", 1)
    if nodes > 1:
        told["NODES"] = str(nodes)
    variables = pods.environment(told)
    if not repeats(args):
        uid = _JOB_SET_UID if nodes > 1 else _JOB_UID
        variables.append(_of_the_pod("TRAINING_JOB", f"labels['{_JOB}']"))
        variables.append(_of_the_pod("TRAINING_JOB_UID", f"labels['{uid}']"))
    because = BECAUSE if args.get("on_demand", False) else {}
    peers = {"NODE_RANK": _INDEX, "MASTER_ADDR": _COORDINATOR} if nodes > 1 else {}
    for name, annotation in {**because, **peers}.items():
        variables.append(_of_the_pod(name, f"annotations['{annotation}']"))
    return variables


def _threads(cpu_limit: str | None) -> dict[str, str]:
    """As many as cores, whatever the node has: sums over other threads round otherwise."""
    amount = re.fullmatch(r"([\d.]+)(m?)", cpu_limit or "")
    if amount is None:
        return {}
    cores = float(amount[1]) / (1000 if amount[2] else 1)
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(math.ceil(cores)))


def _of_the_pod(name: str, path: str) -> k8s.core.v1.EnvVarArgs:
    field = _CORE.ObjectFieldSelectorArgs(field_path=f"metadata.{path}")
    return _CORE.EnvVarArgs(name=name, value_from=_CORE.EnvVarSourceArgs(field_ref=field))


def job_spec(
    args: TrainingJobArgs, template: k8s.core.v1.PodTemplateSpecArgs, *, keep_seconds: int | None
) -> k8s.batch.v1.JobSpecArgs:
    """One pod, tried again where another try may help, and as often as it is evicted.

    Args:
        args: What the component is told.
        template: The pod.
        keep_seconds: How long the Job stays once it is over; None where a CronJob cleans up.
    """
    return _parts.one_pod(
        template,
        args.get("retries", DEFAULT_RETRIES),
        refused=_parts.on_exit("FailJob", _CONTAINER, _REFUSED),
        deadline_seconds=deadline_seconds(args),
        queue=args.get("queue"),
        keep_seconds=keep_seconds,
    )


def job_set_spec(
    args: TrainingJobArgs, template: k8s.core.v1.PodTemplateSpecArgs, subdomain: str
) -> dict[str, Any]:
    """Several pods that begin together, and begin again together when one of them is lost.

    Args:
        args: What the component is told.
        template: Each of the pods.
        subdomain: Name of the headless Service by which they find each other.
    """
    nodes = args["nodes"]
    job = _BATCH.JobSpecArgs(
        completion_mode="Indexed",
        completions=nodes,
        parallelism=nodes,
        backoff_limit=0,
        pod_failure_policy=_BATCH.PodFailurePolicyArgs(
            rules=[
                _parts.on_disruption("FailJob"),
                _parts.on_exit("FailJob", _CONTAINER, _REFUSED),
            ]
        ),
        active_deadline_seconds=deadline_seconds(args),
        template=template,
    )
    by_policy = {"onJobFailureReasons": ["PodFailurePolicy"]}
    return {
        "network": {"enableDNSHostnames": True, "subdomain": subdomain},
        "coordinator": {"replicatedJob": _NODE, "jobIndex": 0, "podIndex": 0},
        "failurePolicy": {
            "maxRestarts": args.get("retries", DEFAULT_RETRIES),
            # The first rule that fits counts: the message tells an eviction from an exit status.
            "rules": [
                {
                    "name": "disrupted",
                    "action": "RestartJobSetAndIgnoreMaxRestarts",
                    **by_policy,
                    "onJobFailureMessagePatterns": [".*DisruptionTarget.*"],
                },
                {"name": "refused", "action": "FailJobSet", **by_policy},
            ],
        },
        "ttlSecondsAfterFinished": _parts.KEEP_SECONDS,
        **({"suspend": True} if "queue" in args else {}),
        "replicatedJobs": [{"name": _NODE, "replicas": 1, "template": {"spec": job}}],
    }


def ray_job_spec(
    args: TrainingJobArgs,
    head: k8s.core.v1.PodTemplateSpecArgs,
    worker: k8s.core.v1.PodTemplateSpecArgs,
) -> dict[str, Any]:
    """A cluster of Ray that is made for the command, and made anew for each try.

    Args:
        args: What the component is told.
        head: The pod in which the command runs.
        worker: Each of the pods that do the work.
    """
    return _ray_job.spec(
        args["ray"],
        _ray_job.entrypoint(args["command"], CODE if "code" in args else None),
        head,
        worker,
        retries=args.get("retries", DEFAULT_RETRIES),
        deadline_seconds=deadline_seconds(args),
        queued="queue" in args,
    )
