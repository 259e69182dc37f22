"""The pods of a `RetrainingTrigger`, and what it may do in the cluster."""

from collections.abc import Mapping

import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.folders import DATA
from stanchion.jobs import _servers
from stanchion.jobs.retraining_arguments import (
    DEFAULT_COOLDOWN_HOURS,
    DEFAULT_MAX_RUNS,
    DEFAULT_POLL_MINUTES,
    DEFAULT_RESOURCES,
    DEFAULT_SETTLE_MINUTES,
    RetrainingTriggerArgs,
    alerts_of,
    watches_data,
)

_CORE, _RBAC = k8s.core.v1, k8s.rbac.v1
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_SECONDS = 3600
_OWNER_AND_GROUP_READ = 0o440


def rights(training: str) -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Read one CronJob and say which of its Jobs run, list Jobs and make one.

    Kubernetes cannot say of a right to make Jobs from which template.
    """
    return [
        _RBAC.PolicyRuleArgs(
            api_groups=["batch"], resources=["cronjobs"], resource_names=[training], verbs=["get"]
        ),
        _RBAC.PolicyRuleArgs(
            api_groups=["batch"],
            resources=["cronjobs/status"],
            resource_names=[training],
            verbs=["patch"],
        ),
        _RBAC.PolicyRuleArgs(api_groups=["batch"], resources=["jobs"], verbs=["list", "create"]),
    ]


def pod_template(
    service: str,
    args: RetrainingTriggerArgs,
    labelled: Mapping[str, str],
    selected: Mapping[str, str],
) -> k8s.core.v1.PodTemplateSpecArgs:
    """One of its pods.

    Args:
        service: Name of the objects.
        args: What the component is told.
        labelled: Labels of the pod.
        selected: Those of them that never change.
    """
    volumes = [_token()]
    mounts = [_CORE.VolumeMountArgs(name="account", mount_path=_ACCOUNT, read_only=True)]
    if watches_data(args) and "volume_claim_name" in args:
        volumes.append(pods.claim_volume("data", args["volume_claim_name"]))
        mounts.append(_CORE.VolumeMountArgs(name="data", mount_path=DATA, read_only=True))
    return _servers.pod_template(
        "trigger",
        args["image"],
        ["stanchion-retraining"],
        env=_environment(args),
        resources=args.get("resources", DEFAULT_RESOURCES),
        account=service,
        labelled=labelled,
        selected=selected,
        volumes=volumes,
        mounts=mounts,
        at=args.get("placement"),
        priority_class=args.get("priority_class"),
    )


def _environment(args: RetrainingTriggerArgs) -> list[k8s.core.v1.EnvVarArgs]:
    alerts = ",".join(f"{alert}={reason}" for alert, reason in alerts_of(args).items())
    told = {
        "CRON_JOB": args["training"],
        "COOLDOWN_SECONDS": str(args.get("cooldown_hours", DEFAULT_COOLDOWN_HOURS) * 3600),
        "MAX_RUNS": str(args.get("max_runs", DEFAULT_MAX_RUNS)),
        "POLL_SECONDS": str(args.get("poll_minutes", DEFAULT_POLL_MINUTES) * 60),
    }
    if alerts:
        told["ALERTS"] = alerts
        told["SERVICE"] = args["model_service"]
    if "served_version" in args:
        told["SERVED_VERSION"] = args["served_version"]
    if watches_data(args):
        told["DATA_URI"] = args["data"]
        told["SETTLE_SECONDS"] = str(args.get("settle_minutes", DEFAULT_SETTLE_MINUTES) * 60)
    return pods.environment({"NAMESPACE": args["namespace"], **told})


def _token() -> k8s.core.v1.VolumeArgs:
    """The account's token, as a pod would get it unasked, for an hour and this container alone."""
    return _CORE.VolumeArgs(
        name="account",
        projected=_CORE.ProjectedVolumeSourceArgs(
            default_mode=_OWNER_AND_GROUP_READ,
            sources=[
                _CORE.VolumeProjectionArgs(
                    service_account_token=_CORE.ServiceAccountTokenProjectionArgs(
                        path="token", expiration_seconds=_TOKEN_SECONDS
                    )
                ),
                _CORE.VolumeProjectionArgs(
                    config_map=_CORE.ConfigMapProjectionArgs(
                        name="kube-root-ca.crt",
                        items=[_CORE.KeyToPathArgs(key="ca.crt", path="ca.crt")],
                    )
                ),
            ],
        ),
    )
