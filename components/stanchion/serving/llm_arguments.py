"""What `LlmService` takes."""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi

from stanchion.catalog.llms import LlmWeightFormat
from stanchion.monitoring import LlmObjectives
from stanchion.placement import Placement
from stanchion.serving.arguments import ModelRegistryAccess
from stanchion.serving.cold_start import ColdStart
from stanchion.serving.llm_adapters import LlmAdapter

PORT = 8000
DEFAULT_MAX_NUM_SEQS = 128
DEFAULT_MAX_NUM_BATCHED_TOKENS = 4096
DEFAULT_GPU_MEMORY_PERCENT = 90
DEFAULT_SCRATCH_GIB = 10
DEFAULT_LOAD_SECONDS = 900
DEFAULT_STREAM_SECONDS = 300
DEFAULT_DRAIN_SECONDS = 15
DEFAULT_PICKER_PORT = 9002
DEFAULT_WAITING_REQUESTS = 4
DEFAULT_KV_CACHE_PERCENT = 80
DEFAULT_SCALE_DOWN_SECONDS = 600


class LlmExperts(TypedDict):
    """Feed-forward layers of which few answer a token."""

    per_token: int
    """How many answer one token."""
    intermediate: int
    """Width of one."""


class LlmLatent(TypedDict):
    """Attention that keeps one compressed vector a layer for all its heads."""

    rank: int
    """Its rank, kv_lora_rank in config.json."""
    rotary: int
    """Its rotary part, qk_rope_head_dim."""


class LlmSliding(TypedDict):
    """Layers that see the last tokens alone."""

    layers: int
    """How many do."""
    window: int
    """Tokens that they see."""


class LlmArchitecture(TypedDict):
    """What a model's memory depends on, as its config.json says."""

    parameters: int
    """All of them."""
    layers: int
    """Layers, num_hidden_layers."""
    hidden: int
    """Width of a layer, hidden_size."""
    intermediate: int
    """Width of a dense feed-forward layer, intermediate_size."""
    heads: int
    """Attention heads, num_attention_heads."""
    kv_heads: int
    """Heads of keys and values, num_key_value_heads."""
    head_dim: int
    """Width of a head."""
    vocabulary: int
    """Rows of the embedding, vocab_size."""
    context: int
    """Longest context that it was trained for, tokens."""
    tied: NotRequired[bool]
    """Whether output and input embedding are one. Default: false."""
    experts: NotRequired[LlmExperts]
    """Its experts. Default: none, every layer is dense."""
    latent: NotRequired[LlmLatent]
    """Its compressed attention. Default: none, keys and values are kept."""
    sliding: NotRequired[LlmSliding]
    """Its layers that see a window. Default: none, all see everything."""
    weights: NotRequired[LlmWeightFormat]
    """Format in which it is published. Default: bf16."""
    unquantised: NotRequired[int]
    """Parameters that keep 16 bits besides the embeddings. Default: 0."""


class LlmModelPin(TypedDict):
    """The one revision of a language model that a service runs."""

    name: str
    """Its name on the Hugging Face Hub, as Qwen/Qwen3-8B."""
    revision: str
    """The commit there, 40 hex digits, never a branch; of a bucket's folder also the SHA-256 of
    its content, 64."""
    like: NotRequired[str]
    """Model of the catalogue whose architecture it has, where it is a derivative of one. Default:
    `name`."""
    architecture: NotRequired[LlmArchitecture]
    """Its architecture, where the catalogue has none like it. Default: as `like` says."""
    uri: NotRequired[str]
    """Folder of a bucket that holds its files, s3:// or gs://, which ends with the revision: other
    weights are another folder. Only with `storage.cache` bucketMount. Default: the hub's files."""


class LlmKvCache(StrEnum):
    """Numbers in the KV cache."""

    AUTO = "auto"
    """16 bits, as the model computes."""
    FP8 = "fp8"
    """8 bits: twice the tokens, a little less exact."""


class LlmEngine(TypedDict):
    """How vLLM runs the model."""

    max_model_len: int
    """Longest request with its answer, tokens, 256 to what the model was trained for."""
    weights: NotRequired[LlmWeightFormat]
    """Format of the weights in the GPUs. Default: as the model is published."""
    quantize_on_load: NotRequired[bool]
    """Whether vLLM makes fp8 weights of 16-bit files. Default: false, the files are as `weights`
    says."""
    kv_cache: NotRequired[LlmKvCache]
    """Numbers in the KV cache. Default: auto."""
    max_num_seqs: NotRequired[int]
    """Requests that are computed at once, 1 to 1024; further ones wait. Default: 128."""
    max_num_batched_tokens: NotRequired[int]
    """Tokens that one step computes at most, 256 to 65536. Default: 4096."""
    full_length_requests: NotRequired[int]
    """Requests of `max_model_len` whose cache must fit at the same time, 1 to 1024. Default: 1."""
    gpu_memory_percent: NotRequired[int]
    """Share of each GPU's memory that vLLM uses, 50 to 97. Default: 90."""
    tensor_parallel: NotRequired[int]
    """GPUs that share every tensor, 1 to 16. Default: 1."""
    pipeline_parallel: NotRequired[int]
    """Groups of layers on GPUs one after the other, 1 to 16, all on one node. Default: 1."""


class LlmWeightsCache(StrEnum):
    """Where a replica's weights come from when it starts."""

    NODE_NVME = "nodeNvme"
    """The hub, onto the node's local NVMe disks, at every start of a replica."""
    BUCKET_MOUNT = "bucketMount"
    """A bucket, mounted read-only by the cloud's CSI driver."""
    VOLUME = "volume"
    """A claim that all replicas share: filled from the hub by the first, or beforehand."""


class LlmStorage(TypedDict):
    """Where the weights are kept."""

    cache: NotRequired[LlmWeightsCache]
    """nodeNvme, bucketMount or volume. Default: bucketMount with `model.uri`; else of `claim` and
    the pool's NVMe disks what weights are read from soonest."""
    claim: NotRequired[str]
    """PersistentVolumeClaim of the namespace, for `cache` volume: ReadWriteMany, or ReadOnlyMany
    with `offline`. Default: none."""
    offline: NotRequired[bool]
    """Whether the claim holds the files already, in the layout of the hub's own cache. Default:
    false, each replica asks the hub for what is missing."""


class LlmHubToken(TypedDict):
    """A token of the hub, kept by the cloud's secret manager, for models behind an agreement."""

    source: pulumi.Input[str]
    """Name or ARN of the secret, one JSON object."""
    key: NotRequired[str]
    """Its field. Default: token."""
    store: NotRequired[pulumi.Input[str]]
    """ClusterSecretStore that reads it. Default: the platform's own."""


class LlmAutoscaling(TypedDict):
    """How many replicas, and when there are more."""

    min_replicas: int
    """Fewest replicas, 1 to 1000."""
    max_replicas: int
    """Most replicas, min_replicas to 1000; above it needs `monitoring`."""
    waiting_requests: NotRequired[int]
    """Requests waiting for each replica above which there are more, 1 to 1000. Default: 4."""
    kv_cache_percent: NotRequired[int]
    """Mean use of the KV cache above which there are more, 10 to 99. Default: 80."""
    scale_down_seconds: NotRequired[int]
    """How long demand must stay low before replicas go, 0 to 3600. Default: 600."""
    prometheus_url: NotRequired[pulumi.Input[str]]
    """Where the metrics are asked for. Default: Prometheus Operator's, in namespace monitoring."""


class LlmResources(TypedDict):
    """What a replica has besides its GPUs."""

    cpu: str
    """Cores it is sure of, as 2."""
    memory: str
    """RAM, request and limit alike, as 10Gi; what GPUs of one replica share is part of it."""
    cpu_limit: NotRequired[str]
    """Most cores it may use. Default: no limit."""
    scratch_gib: NotRequired[int]
    """Disk for compiled kernels and temporary files, GiB, 1 to 1000. Default: 10."""


DEFAULT_RESOURCES: LlmResources = {"cpu": "2", "memory": "10Gi"}


class LlmRouting(TypedDict):
    """A Gateway whose picker sends requests to the replica that has their prefix in its cache."""

    gateway: str
    """Name of the Gateway."""
    gateway_namespace: str
    """Its namespace, where its proxies run."""
    hostnames: list[str]
    """Hosts of the route."""
    endpoint_picker: str
    """Service of the picker, in the model's namespace."""
    endpoint_picker_port: NotRequired[int]
    """Its port. Default: 9002."""


class LlmServiceArgs(TypedDict):
    """Arguments of `LlmService`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """vLLM's own image, 0.21 or later, with a tag or digest."""
    model: LlmModelPin
    """The pinned model."""
    engine: LlmEngine
    """How it is run."""
    placement: Placement
    """Pool of whole GPUs it runs on: the output `placement` of `GpuPool`."""
    storage: LlmStorage
    """Where its weights are kept."""
    autoscaling: LlmAutoscaling
    """How many replicas."""
    service_name: NotRequired[str]
    """Name of its Service and other objects, and of the model in requests. Default: the
    resource's."""
    resources: NotRequired[LlmResources]
    """CPU, RAM and disk of a replica. Default: 2 cores, 10Gi, 10 GiB."""
    adapters: NotRequired[list[LlmAdapter]]
    """LoRA adapters, all in memory at once. Default: none."""
    registry: NotRequired[ModelRegistryAccess]
    """Where `registered` adapters come from. Default: none."""
    fetcher_image: NotRequired[str]
    """The platform's model-server image, with a tag or digest, which fetches `registered`
    adapters. Default: none."""
    hub_token: NotRequired[LlmHubToken]
    """Token of the hub. Default: none, for public models."""
    service_account_annotations: NotRequired[pulumi.Input[dict[str, str]]]
    """Annotations that give its service account the right to read the bucket: the output
    `annotations` of `WorkloadIdentity`. The account has the name of the Service. Default: none."""
    load_seconds: NotRequired[int]
    """Longest time to load the weights and compile, 300 to 7200; fetching them comes before.
    Default: 900."""
    cold_start: NotRequired[ColdStart]
    """How long a replica that demand asks for may take. Default: as long as it takes."""
    stream_seconds: NotRequired[int]
    """Longest time an answer may take; a leaving replica waits that long for its last, 10 to 3600.
    Default: 300."""
    drain_seconds: NotRequired[int]
    """How long a leaving replica still accepts requests while clients learn, 1 to 600. Default: 15.
    """
    guardrail: NotRequired[str]
    """The `LlmGateway` of its namespace whose pods alone may call it. Default: every pod of its
    namespace may."""
    evaluation: NotRequired[str]
    """MLflow run that evaluated this revision; becomes an annotation. Default: none."""
    allow_from: NotRequired[list[str]]
    """Namespaces besides its own whose pods may call it; not with `guardrail`. Default: none."""
    routing: NotRequired[LlmRouting]
    """Prefix-aware routing through a Gateway; beside a guardrail, one that only the guardrail's
    gateway can call. Default: the Service spreads connections."""
    monitoring: NotRequired[bool]
    """Whether to create a ServiceMonitor and a PrometheusRule, which need Prometheus Operator.
    Default: false."""
    monitoring_namespace: NotRequired[str]
    """Namespace that may scrape metrics. Default: monitoring."""
    slo: NotRequired[LlmObjectives]
    """What it promises its callers; needs `monitoring`. Default: without a `guardrail`, 99.5
    percent of requests do not fail, over 28 days."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""
