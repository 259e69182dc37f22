"""How registered adapters reach the replicas of an `LlmService`: fetched before vLLM starts."""

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.credentials import secret
from stanchion.serving import _llm_weights as weights
from stanchion.serving.llm_adapters import LlmAdapter
from stanchion.serving.llm_arguments import LlmServiceArgs
from stanchion.tracking.access import way_to_mlflow

_CORE = k8s.core.v1
_ROOT = "/adapters"
_VOLUME = "adapters"
LOGIN_FOLDER = "registry"
"""Folder of the secret with the registry's user."""
LOGIN_KEYS = ("username", "password")
_SCRATCH_GIB = 2
_MEMORY = "1Gi"


def registered(args: LlmServiceArgs) -> list[LlmAdapter]:
    """The adapters that come from the model registry."""
    return [adapter for adapter in args.get("adapters", []) if "registered" in adapter]


def path(adapter: LlmAdapter) -> str:
    """Where an adapter's files are in the container."""
    if "registered" in adapter:
        return f"{_ROOT}/{adapter['name']}"
    return weights.snapshot(adapter["hub_name"], adapter["revision"])


def login(service: str) -> str:
    """Name of the Secret with the registry's user."""
    return f"{service}-registry"


def credentials(
    name: str,
    args: LlmServiceArgs,
    named: k8s.meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """The Secret with the registry's user, where somebody asks it."""
    if not registered(args):
        return []
    user = args["registry"]
    values = {"username": user["username"], "password": user["password"]}
    return [secret(f"{name}-registry", named, values, opts)]


def ways(args: LlmServiceArgs) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """The way to the registry, which gives out artifacts too, where somebody asks it."""
    if not registered(args):
        return []
    at = args["registry"]
    return [way_to_mlflow(at["namespace"], at.get("pod_labels"), at.get("port"))]


def local_gib(args: LlmServiceArgs) -> int:
    """Disk of the node that registered adapters take, GiB."""
    return weights.ADAPTER_GIB * len(registered(args))


def volumes(args: LlmServiceArgs) -> list[k8s.core.v1.VolumeArgs]:
    """A volume of the pod's own, whatever the weights are read from."""
    if not registered(args):
        return []
    size = _CORE.EmptyDirVolumeSourceArgs(size_limit=f"{local_gib(args)}Gi")
    return [_CORE.VolumeArgs(name=_VOLUME, empty_dir=size)]


def mounts(args: LlmServiceArgs) -> list[k8s.core.v1.VolumeMountArgs]:
    """The adapters, which vLLM only reads."""
    return [_mount(read_only=True)] if registered(args) else []


def fetchers(args: LlmServiceArgs) -> list[k8s.core.v1.ContainerArgs]:
    """A container for each that waits for the registry, verifies, and refuses what does not fit."""
    return [_fetcher(args, adapter, at) for at, adapter in enumerate(registered(args))]


def _fetcher(args: LlmServiceArgs, adapter: LlmAdapter, at: int) -> k8s.core.v1.ContainerArgs:
    pin, base = adapter["registered"], args["model"]
    environment = {
        "MODEL_NAME": pin["name"],
        "MODEL_VERSION": pin["version"],
        "MODEL_DIGEST": pin["digest"],
        "MLFLOW_TRACKING_URI": args["registry"]["url"],
        "REGISTRY_CREDENTIALS_DIR": f"{pods.SECRETS_ROOT}/{LOGIN_FOLDER}",
        "ADAPTER_FOLDER": path(adapter),
        "ADAPTER_BASE": f"{base['name']}@{base['revision']}",
        "ADAPTER_RANK": str(adapter["rank"]),
    }
    return _CORE.ContainerArgs(
        # Names of adapters may have letters that those of containers may not.
        name=f"fetch-registered-{at}",
        image=args["fetcher_image"],
        image_pull_policy="IfNotPresent",
        command=["stanchion-model-server", "adapter"],
        env=pods.environment(environment),
        resources=pods.requirements(
            {
                "cpu": "500m",
                "memory": _MEMORY,
                "ephemeral_storage": f"{_SCRATCH_GIB + local_gib(args)}Gi",
            }
        ),
        security_context=pods.container_security(),
        volume_mounts=[pods.scratch_mount(), pods.secrets_mount(), _mount(read_only=False)],
    )


def _mount(*, read_only: bool) -> k8s.core.v1.VolumeMountArgs:
    return _CORE.VolumeMountArgs(name=_VOLUME, mount_path=_ROOT, read_only=read_only)
