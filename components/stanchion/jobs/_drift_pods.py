"""The pods of a `DriftMonitor`: the job that judges, and the exporter that tells."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.folders import DATA, in_bucket
from stanchion.jobs import _parts, _servers, _told
from stanchion.jobs.drift_monitor_arguments import (
    DEFAULT_DAYS_BACK,
    DEFAULT_LABEL_DAYS,
    DEFAULT_LABELLED_ROWS,
    DEFAULT_MIN_ROWS,
    DEFAULT_RESOURCES,
    DEFAULT_WINDOW_DAYS,
    EXPORTER_RESOURCES,
    DriftMonitorArgs,
    LateLabels,
    deadline_seconds,
)
from stanchion.monitoring.drift_limits import DEFAULT_PROBLEM_RATIO, DEFAULT_PSI

_CORE = k8s.core.v1
_CONTAINER = "compare"
_PROGRAM = "stanchion-drift-monitor"
_TRIES = 3
_REFUSED = [2, 3, 4]
"""Exit statuses of the job: settings, a version, and a log or labels that no try cures."""


def job_template(
    service: str, args: DriftMonitorArgs, labelled: Mapping[str, str]
) -> k8s.core.v1.PodTemplateSpecArgs:
    """The pod that judges a window.

    Args:
        service: Name of the objects.
        args: What the component is told.
        labelled: Labels of the pod.
    """
    resources = args.get("resources", DEFAULT_RESOURCES)
    login = args["tracking"]["secret_name"]
    volumes, mounts = _parts.files(login, resources, args.get("volume_claim_name"))
    container = _CORE.ContainerArgs(
        name=_CONTAINER,
        image=args["image"],
        image_pull_policy="IfNotPresent",
        command=[_PROGRAM, "compare"],
        env=_environment(args),
        resources=pods.requirements(resources),
        security_context=pods.container_security(),
        volume_mounts=mounts,
    )
    return _parts.pod_template(
        container,
        account=service,
        labelled=labelled,
        volumes=volumes,
        at=args.get("placement"),
        priority_class=args.get("priority_class"),
    )


def job_spec(
    args: DriftMonitorArgs, template: k8s.core.v1.PodTemplateSpecArgs
) -> k8s.batch.v1.JobSpecArgs:
    """One pod, tried again where another try may help, and as often as it is evicted."""
    return _parts.one_pod(
        template,
        _TRIES,
        refused=_parts.on_exit("FailJob", _CONTAINER, _REFUSED),
        deadline_seconds=deadline_seconds(args),
        queue=args.get("queue"),
    )


def _environment(args: DriftMonitorArgs) -> list[k8s.core.v1.EnvVarArgs]:
    told: dict[str, pulumi.Input[str]] = {
        "SERVICE": args["model_service"],
        "REGISTERED_MODEL_NAME": args["model_name"],
        **_parts.recording(args["tracking"]["url"]),
        "LOG_URI": args["prediction_log"],
        "REPORT_URI": args["reports"],
        "WINDOW_DAYS": str(args.get("window_days", DEFAULT_WINDOW_DAYS)),
        "DAYS_BACK": str(args.get("days_back", DEFAULT_DAYS_BACK)),
        "PSI": str(args.get("psi", DEFAULT_PSI)),
        "PROBLEM_RATIO": str(args.get("problem_ratio", DEFAULT_PROBLEM_RATIO)),
        "MIN_ROWS": str(args.get("min_rows", DEFAULT_MIN_ROWS)),
    }
    if "labels" in args:
        told["LABELS"] = json.dumps(_labels(args["labels"]))
    return [*pods.environment(told), _told.scheduled_job_name()]


def _labels(labels: LateLabels) -> dict[str, object]:
    return {
        "days": DEFAULT_LABEL_DAYS,
        "min_rows": DEFAULT_LABELLED_ROWS,
        **labels,
        "task": str(labels["task"]),
        "metric": str(labels["metric"]),
    }


def exporter_template(
    service: str,
    args: DriftMonitorArgs,
    labelled: Mapping[str, str],
    selected: Mapping[str, str],
) -> k8s.core.v1.PodTemplateSpecArgs:
    """The pod that tells the newest report.

    Args:
        service: Name of the objects.
        args: What the component is told.
        labelled: Labels of the pod.
        selected: Those of them that never change.
    """
    volumes, mounts = [], []
    if not in_bucket(args["reports"]) and "volume_claim_name" in args:
        volumes.append(pods.claim_volume("data", args["volume_claim_name"]))
        mounts.append(_CORE.VolumeMountArgs(name="data", mount_path=DATA, read_only=True))
    return _servers.pod_template(
        "exporter",
        args["image"],
        [_PROGRAM, "serve"],
        env=pods.environment({"SERVICE": args["model_service"], "REPORT_URI": args["reports"]}),
        resources=EXPORTER_RESOURCES,
        account=service,
        labelled=labelled,
        selected=selected,
        volumes=volumes,
        mounts=mounts,
        at=args.get("placement"),
        priority_class=args.get("priority_class"),
    )
