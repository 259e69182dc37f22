"""How a language model's files reach its replicas: fetched from the hub, or mounted."""

import math
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from stanchion import pods
from stanchion.catalog.llms import LanguageModel, LlmWeightFormat
from stanchion.labels import metadata
from stanchion.names import short_hash
from stanchion.serving.llm_adapters import LlmAdapter
from stanchion.serving.llm_arguments import LlmServiceArgs, LlmWeightsCache
from stanchion.serving.llm_memory import GIB

_CORE = k8s.core.v1
_ROOT = "/models"
_VOLUME = "models"
ADAPTER_GIB = 2
"""Room for one adapter; the largest published ones are well below."""
_SLACK = 1.1
"""Room for tokenizers and for files that are being written."""
_SLOWEST_FETCH = 50 * 2**20
"""Bytes a second; slower than that, a rollout is given up."""
_S3_DRIVER = "s3.csi.aws.com"
_GCS_DRIVER = "gcsfuse.csi.storage.gke.io"
HUB_FOLDER = "hub"
"""Folder of the secret with the hub's token."""


def is_fetched(args: LlmServiceArgs) -> bool:
    """Whether replicas ask the hub."""
    storage = args["storage"]
    return storage["cache"] is not LlmWeightsCache.BUCKET_MOUNT and not storage.get(
        "offline", False
    )


def is_on_google(args: LlmServiceArgs) -> bool:
    """Whether they mount a bucket of Google Cloud, whose driver runs within their pods."""
    return args["model"].get("uri", "").startswith("gs://")


def model_path(args: LlmServiceArgs) -> str:
    """Where the model's files are in the container."""
    pin = args["model"]
    return _ROOT if "uri" in pin else snapshot(pin["name"], pin["revision"])


def snapshot(name: str, revision: str) -> str:
    """Where the hub's own client puts a revision."""
    return f"{_ROOT}/hub/models--{name.replace('/', '--')}/snapshots/{revision}"


def files_format(args: LlmServiceArgs, model: LanguageModel) -> LlmWeightFormat:
    """Format of the weights in the files."""
    engine = args["engine"]
    if engine.get("quantize_on_load", False):
        return LlmWeightFormat.BF16
    return engine.get("weights", model.weights)


def cache_gib(args: LlmServiceArgs, model: LanguageModel) -> int:
    """Size on disk of all that is fetched, GiB."""
    size = model.parameters * files_format(args, model).bits / 8 + 2 * model.embedding * 2
    return math.ceil(size * _SLACK / GIB) + ADAPTER_GIB * len(_of_hub(args))


def fetch_seconds(args: LlmServiceArgs, model: LanguageModel) -> int:
    """Longest time until everything is fetched; none where it is mounted."""
    if not is_fetched(args):
        return 0
    return seconds_of(cache_gib(args, model))


def seconds_of(gib: int) -> int:
    """Longest time to fetch so much."""
    return math.ceil(gib * GIB / _SLOWEST_FETCH)


def local_gib(args: LlmServiceArgs, model: LanguageModel) -> int:
    """Disk of the node that the files take, GiB."""
    local = args["storage"]["cache"] is LlmWeightsCache.NODE_NVME
    return cache_gib(args, model) if local else 0


def volume(service: str, args: LlmServiceArgs, model: LanguageModel) -> k8s.core.v1.VolumeArgs:
    """The volume of the files."""
    storage = args["storage"]
    match storage["cache"]:
        case LlmWeightsCache.NODE_NVME:
            size = f"{cache_gib(args, model)}Gi"
            return _CORE.VolumeArgs(
                name=_VOLUME, empty_dir=_CORE.EmptyDirVolumeSourceArgs(size_limit=size)
            )
        case LlmWeightsCache.VOLUME:
            return _claim(storage["claim"], read_only=not is_fetched(args))
    if not is_on_google(args):
        return _claim(_mount_name(service, args), read_only=True)
    bucket, folder = _bucket(args)
    return _CORE.VolumeArgs(
        name=_VOLUME,
        csi=_CORE.CSIVolumeSourceArgs(
            driver=_GCS_DRIVER,
            read_only=True,
            volume_attributes={
                "bucketName": bucket,
                "mountOptions": f"implicit-dirs,only-dir={folder}",
            },
        ),
    )


def mount(args: LlmServiceArgs, *, writable: bool = False) -> k8s.core.v1.VolumeMountArgs:
    """The files in a container; only what fetches them writes them."""
    return _CORE.VolumeMountArgs(
        name=_VOLUME, mount_path=_ROOT, read_only=not (writable and is_fetched(args))
    )


def annotations(args: LlmServiceArgs) -> dict[str, str]:
    """What a pod must say of itself so that its bucket is mounted."""
    return {"gke-gcsfuse/volumes": "true"} if is_on_google(args) else {}


def fetchers(args: LlmServiceArgs, model: LanguageModel) -> list[k8s.core.v1.ContainerArgs]:
    """Containers that fetch the model and each adapter at its commit, before vLLM starts."""
    if not is_fetched(args):
        return []
    pin = args["model"]
    wanted = [("model", pin["name"], pin["revision"])]
    wanted += [
        (f"adapter-{at}", adapter["hub_name"], adapter["revision"])
        for at, adapter in enumerate(_of_hub(args))
    ]
    return [_fetcher(args, model, *each) for each in wanted]


def _of_hub(args: LlmServiceArgs) -> list[LlmAdapter]:
    return [adapter for adapter in args.get("adapters", []) if "hub_name" in adapter]


def _fetcher(
    args: LlmServiceArgs, model: LanguageModel, what: str, name: str, revision: str
) -> k8s.core.v1.ContainerArgs:
    environment = {"HF_HOME": _ROOT, "HOME": "/tmp"}  # noqa: S108 - a volume of the pod's own
    mounts = [pods.scratch_mount(), mount(args, writable=True)]
    if "hub_token" in args:
        key = args["hub_token"].get("key", "token")
        environment["HF_TOKEN_PATH"] = f"{pods.SECRETS_ROOT}/{HUB_FOLDER}/{key}"
        mounts.append(pods.secrets_mount())
    return _CORE.ContainerArgs(
        name=f"fetch-{what}",
        image=args["image"],
        image_pull_policy="IfNotPresent",
        # The original checkpoints beside the safetensors files are never read.
        command=["hf", "download", name, "--revision", revision, "--exclude", "original/*"],
        env=pods.environment(environment),
        resources=pods.requirements(
            {
                "cpu": "1",
                "memory": "4Gi",
                "ephemeral_storage": f"{1 + local_gib(args, model)}Gi",
            }
        ),
        security_context=pods.container_security(),
        volume_mounts=mounts,
    )


def mounted_bucket(
    name: str,
    service: str,
    args: LlmServiceArgs,
    labelled: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """The volume and claim by which a bucket of AWS is mounted; none of anything else.

    Mountpoint's driver knows no volumes within pods, so the folder is one of the cluster.
    """
    if "uri" not in args["model"] or is_on_google(args):
        return []
    bucket, folder = _bucket(args)
    namespace = args["namespace"]
    claimed = _mount_name(service, args)
    named = pulumi.Output.concat(namespace, "-", claimed)
    spec: dict[str, Any] = {"access_modes": ["ReadOnlyMany"], "storage_class_name": ""}
    # The driver ignores the size, which Kubernetes demands.
    size = {"storage": "1Gi"}
    volume_ = _CORE.PersistentVolume(
        f"{name}-bucket",
        metadata=metadata(named, None, labelled),
        spec=_CORE.PersistentVolumeSpecArgs(
            **spec,
            capacity=size,
            persistent_volume_reclaim_policy="Retain",
            claim_ref=_CORE.ObjectReferenceArgs(namespace=namespace, name=claimed),
            mount_options=["read-only", "allow-other", f"prefix {folder}/"],
            csi=_CORE.CSIPersistentVolumeSourceArgs(
                driver=_S3_DRIVER,
                volume_handle=named,
                volume_attributes={"bucketName": bucket, "authenticationSource": "pod"},
            ),
        ),
        opts=opts,
    )
    claim = _CORE.PersistentVolumeClaim(
        f"{name}-bucket-claim",
        metadata=metadata(claimed, namespace, labelled),
        spec=_CORE.PersistentVolumeClaimSpecArgs(
            **spec,
            volume_name=named,
            resources=_CORE.VolumeResourceRequirementsArgs(requests=size),
        ),
        opts=opts,
    )
    return [volume_, claim]


def _mount_name(service: str, args: LlmServiceArgs) -> str:
    """Another folder is another volume: replicas of the old revision keep theirs."""
    return f"{service}-weights-{short_hash(args['model']['uri'])}"


def _claim(name: str, *, read_only: bool) -> k8s.core.v1.VolumeArgs:
    return _CORE.VolumeArgs(
        name=_VOLUME,
        persistent_volume_claim=_CORE.PersistentVolumeClaimVolumeSourceArgs(
            claim_name=name, read_only=read_only
        ),
    )


def _bucket(args: LlmServiceArgs) -> tuple[str, str]:
    """Name of the bucket, and the folder in it."""
    address = urlsplit(args["model"]["uri"])
    return address.netloc, address.path.strip("/")
