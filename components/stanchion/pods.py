"""Parts of pods, hardened to the restricted pod-security level."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from stanchion.checks import Checks
from stanchion.names import short_hash
from stanchion.placement import Placement

_CORE = k8s.core.v1
SECRETS_ROOT = "/run/secrets/stanchion"
_OWNER_AND_GROUP_READ = 0o440


class ContainerResources(TypedDict):
    """What one container asks for and may use, in Kubernetes' notation."""

    cpu: str
    """Cores it is sure of, as 250m or 2: its request, and what autoscaling measures against."""
    memory: str
    """Memory, as 512Mi: request and limit alike, since memory cannot be throttled."""
    cpu_limit: NotRequired[str]
    """Most cores it may use. Default: no limit, what the node has to spare."""
    ephemeral_storage: NotRequired[str]
    """Disk for temporary files and logs, request and limit alike. Default: 1Gi."""


def check_resources(check: Checks, field: str, resources: ContainerResources) -> None:
    """Note amounts that are none."""
    for key, value in resources.items():
        check.quantity(f"{field}.{key}", str(value))


def requirements(
    resources: ContainerResources, devices: Mapping[str, int] | None = None
) -> k8s.core.v1.ResourceRequirementsArgs:
    """Requests and limits of a container.

    Args:
        resources: CPU, memory and disk.
        devices: Devices, as nvidia.com/gpu, and how many: request and limit alike, since
            Kubernetes hands them out whole.
    """
    always = {
        "memory": resources["memory"],
        "ephemeral-storage": scratch_size(resources),
        **{device: str(count) for device, count in (devices or {}).items()},
    }
    limits = {"cpu": resources["cpu_limit"], **always} if "cpu_limit" in resources else always
    return _CORE.ResourceRequirementsArgs(
        requests={"cpu": resources["cpu"], **always}, limits=limits
    )


def scratch_size(resources: ContainerResources) -> str:
    """How much a container may write to temporary files."""
    return resources.get("ephemeral_storage", "1Gi")


def tolerations(at: Placement) -> list[k8s.core.v1.TolerationArgs]:
    """The taints of a pool's nodes, which its pods put up with."""
    return [_CORE.TolerationArgs(**each) for each in at["tolerations"]]


def pod_security(user: int) -> k8s.core.v1.PodSecurityContextArgs:
    """A pod that runs as `user`, never as root, under the runtime's seccomp profile.

    Volumes belong to the user's group, without walking large ones at every start.
    """
    return _CORE.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=_CORE.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> k8s.core.v1.SecurityContextArgs:
    """A container with no capability, no way to gain one, and a read-only root."""
    return _CORE.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=_CORE.CapabilitiesArgs(drop=["ALL"]),
    )


def environment(values: Mapping[str, pulumi.Input[str]]) -> list[k8s.core.v1.EnvVarArgs]:
    """Environment variables in the order given. Never a secret: those are files."""
    return [_CORE.EnvVarArgs(name=name, value=value) for name, value in values.items()]


def scratch_volume(size: str) -> k8s.core.v1.VolumeArgs:
    """The only writable place of a read-only container, gone with its pod."""
    return _CORE.VolumeArgs(name="tmp", empty_dir=_CORE.EmptyDirVolumeSourceArgs(size_limit=size))


def scratch_mount() -> k8s.core.v1.VolumeMountArgs:
    """`scratch_volume` at /tmp."""
    return _CORE.VolumeMountArgs(name="tmp", mount_path="/tmp")  # noqa: S108


def claim_volume(name: str, claim: pulumi.Input[str]) -> k8s.core.v1.VolumeArgs:
    """The volume that a claim stands for."""
    return _CORE.VolumeArgs(
        name=name,
        persistent_volume_claim=_CORE.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim),
    )


def secret_files(
    folders: Mapping[str, tuple[pulumi.Input[str], Sequence[str] | Mapping[str, str]]],
) -> k8s.core.v1.VolumeArgs:
    """Secrets as files, one folder each, readable by the pod's own user and group.

    Args:
        folders: Folder below `SECRETS_ROOT`, with the Secret's name and its keys, which name the
            files too unless a mapping says otherwise.
    """
    return _CORE.VolumeArgs(
        name="secrets",
        projected=_CORE.ProjectedVolumeSourceArgs(
            default_mode=_OWNER_AND_GROUP_READ,
            sources=[
                _CORE.VolumeProjectionArgs(
                    secret=_CORE.SecretProjectionArgs(
                        name=secret,
                        items=[
                            _CORE.KeyToPathArgs(key=key, path=f"{folder}/{file}")
                            for key, file in _named(keys)
                        ],
                    )
                )
                for folder, (secret, keys) in folders.items()
            ],
        ),
    )


def _named(keys: Sequence[str] | Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return keys.items() if isinstance(keys, Mapping) else zip(keys, keys, strict=True)


def secrets_mount() -> k8s.core.v1.VolumeMountArgs:
    """`secret_files` at `SECRETS_ROOT`."""
    return _CORE.VolumeMountArgs(name="secrets", mount_path=SECRETS_ROOT, read_only=True)


def spread(pods: Mapping[str, str]) -> list[k8s.core.v1.TopologySpreadConstraintArgs]:
    """Replicas apart: over zones, then over nodes, as evenly as there is room for.

    Each revision is spread by itself, so that a rollout does not count the old pods.
    """
    return [
        _CORE.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=pods),
            match_label_keys=["pod-template-hash"],
        )
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def http_probe(
    path: str,
    port: str,
    *,
    period: int,
    timeout: int,
    failures: int,
    host: str | None = None,
) -> k8s.core.v1.ProbeArgs:
    """Ask a page; times in seconds.

    Args:
        path: The page.
        port: Name of the container's port.
        period: Between two questions.
        timeout: Longest wait for an answer.
        failures: Failures in a row that count as one.
        host: Host header to send, for servers that check it.
    """
    headers = [_CORE.HTTPHeaderArgs(name="Host", value=host)] if host else None
    return _CORE.ProbeArgs(
        http_get=_CORE.HTTPGetActionArgs(path=path, port=port, http_headers=headers),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )


def disruption_budget(pods: Mapping[str, str]) -> k8s.policy.v1.PodDisruptionBudgetSpecArgs:
    """One pod at a time may be evicted; a pod that is broken anyway always may."""
    return k8s.policy.v1.PodDisruptionBudgetSpecArgs(
        max_unavailable=1,
        unhealthy_pod_eviction_policy="AlwaysAllow",
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=pods),
    )


def service_account(
    name: str,
    metadata: k8s.meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.ServiceAccount:
    """An identity of its own that holds no token of the Kubernetes API."""
    return _CORE.ServiceAccount(
        name, metadata=metadata, automount_service_account_token=False, opts=opts
    )


def named_by_pods(prefix: str, pods: object) -> pulumi.Output[str]:
    """A Job's name, another one for other pods: those of a Job that exists cannot change.

    Args:
        prefix: What it begins with.
        pods: The template of its pods, or several and what else makes it another Job.
    """
    return pulumi.Output.from_input(pods).apply(
        lambda known: f"{prefix}-{short_hash(json.dumps(known, default=vars, sort_keys=True))}"
    )
