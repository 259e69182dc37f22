"""The pods of a `BatchInference`: each scores one part of the input."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.jobs import _parts, _told
from stanchion.jobs.arguments import (
    DEFAULT_BATCH_ROWS,
    DEFAULT_RESOURCES,
    BatchInferenceArgs,
)

_CORE, _BATCH = k8s.core.v1, k8s.batch.v1
_CONTAINER = "score"
_TRIES = 3
"""How often a part is tried again for what another try may cure."""
_WRONG_FOR_ALL, _WRONG_FOR_PART = [2, 3], [4]
"""Exit statuses of `stanchion-batch`: settings or model, and a part's input."""


def pod_template(
    service: str, args: BatchInferenceArgs, labelled: dict[str, str], *, scheduled: bool
) -> k8s.core.v1.PodTemplateSpecArgs:
    """The pod of one part.

    Args:
        service: Name of the objects.
        args: What the component is told.
        labelled: Labels of the pod.
        scheduled: Whether a CronJob makes it, whose day is that of its schedule.
    """
    resources, at = args.get("resources", DEFAULT_RESOURCES), args.get("placement")
    claim = args.get("volume_claim_name")
    volumes, mounts = _parts.files(f"{service}-registry", resources, claim)
    gpus = args.get("gpus", 0)
    container = _CORE.ContainerArgs(
        name=_CONTAINER,
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=["stanchion-batch"],
        env=_environment(args, scheduled=scheduled),
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
        priority_class=args.get("priority_class"),
    )


def _environment(args: BatchInferenceArgs, *, scheduled: bool) -> list[k8s.core.v1.EnvVarArgs]:
    told: dict[str, pulumi.Input[str]] = {
        "MODEL_NAME": args["model"]["name"],
        "MODEL_VERSION": args["model"]["version"],
        "MODEL_DIGEST": args["model"]["digest"],
        **_parts.registry(args["registry"]["url"]),
        "INPUT_URI": args["input"],
        "OUTPUT_URI": args["output"],
        "SHARDS": str(args.get("shards", 1)),
        "BATCH_ROWS": str(args.get("batch_rows", DEFAULT_BATCH_ROWS)),
        "REFUSED_SHARE": str(args.get("refused_share", 0.0)),
        "KEEP_COLUMNS": ",".join(args.get("keep_columns", [])),
        "CODE_VERSION": args["image"],
    }
    if not scheduled:
        if "dates" in args:
            told |= {"FIRST_DATE": args["dates"]["first"], "LAST_DATE": args["dates"]["last"]}
        return [*pods.environment(told), _told.job_uid()]
    told["DAYS_BACK"] = str(args.get("days_back", 1))
    return [*pods.environment(told), _told.job_uid(), _told.scheduled_job_name()]


def failure_policy() -> k8s.batch.v1.PodFailurePolicyArgs:
    """What another try cannot cure ends the Job or the part; an eviction counts for nothing."""
    return _BATCH.PodFailurePolicyArgs(
        rules=[
            _parts.on_disruption("Ignore"),
            _parts.on_exit("FailJob", _CONTAINER, _WRONG_FOR_ALL),
            _parts.on_exit("FailIndex", _CONTAINER, _WRONG_FOR_PART),
        ]
    )


def job_spec(
    args: BatchInferenceArgs,
    template: k8s.core.v1.PodTemplateSpecArgs,
    *,
    parts: int,
    deadline_seconds: int,
    keep_seconds: int | None,
) -> k8s.batch.v1.JobSpecArgs:
    """One pod for each part; a part that fails for good leaves the others to go on.

    Args:
        args: What the component is told.
        template: The pod.
        parts: How many parts there are.
        deadline_seconds: Longest time for all of them.
        keep_seconds: How long the Job stays once it is over; None where a CronJob cleans up.
    """
    return _BATCH.JobSpecArgs(
        completion_mode="Indexed",
        completions=parts,
        parallelism=min(args.get("parallelism", 1), parts),
        backoff_limit_per_index=_TRIES,
        # Every failure that the parts may have: the sum never ends the Job before they do.
        backoff_limit=(_TRIES + 1) * parts,
        pod_failure_policy=failure_policy(),
        active_deadline_seconds=deadline_seconds,
        ttl_seconds_after_finished=keep_seconds,
        # Kueue starts it; this is only how it is born.
        suspend=True if "queue" in args else None,
        template=template,
    )
