"""Service files of kind LlmService: a language model behind one guarded address.

It runs on the environment's GPUs, or at a provider's, or the one falls back on the other. A file
pins its model itself, by the hub's commit; the lock file pins prompts and registered adapters.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from llm_adapters import LlmAdapter
from llm_gates import LlmGates
from llm_gateway_config import ExternalModel, LlmGatewayConfig
from llm_prompts import PromptName
from pydantic import Field, model_validator
from secret_source import SecretSource
from service_cold_start import ColdStart
from service_objectives import LlmPromises
from stanchion import LlmKvCache, LlmWeightFormat, LlmWeightsCache, PiiAction
from validation import Cpu, Environments, Label, Memory, Name, ShortName, Strict, by_value

_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
LlmName = Annotated[ShortName, Field(max_length=35)]
"""Leaves room for the suffix of the model behind the gateway."""


class LlmExperts(Strict):
    """Feed-forward layers of which few answer a token."""

    per_token: _Count
    intermediate: _Count
    """Width of one."""


class LlmLatent(Strict):
    """Attention that keeps one compressed vector a layer."""

    rank: _Count
    rotary: _Count


class LlmSliding(Strict):
    """Layers that see the last tokens alone."""

    layers: _Count
    window: _Count
    """Tokens that they see."""


class LlmArchitecture(Strict):
    """What a model's memory depends on, as its config.json says."""

    parameters: Annotated[int, Field(ge=1)]
    layers: _Count
    hidden: _Count
    intermediate: _Count
    """Width of a dense feed-forward layer."""
    heads: _Count
    kv_heads: _Count
    head_dim: _Count
    vocabulary: _Count
    context: _Count
    """Longest that it was trained for, tokens."""
    tied: bool = False
    """Whether output and input embedding are one."""
    experts: LlmExperts | None = None
    latent: LlmLatent | None = None
    sliding: LlmSliding | None = None
    weights: Annotated[LlmWeightFormat, by_value(LlmWeightFormat)] = LlmWeightFormat.BF16
    """Format in which it is published."""
    unquantised: Annotated[int, Field(ge=0)] = 0
    """Parameters that keep 16 bits besides the embeddings."""


class LlmModel(Strict):
    """The one revision of a model."""

    name: _Text
    """Name on the Hugging Face Hub, as Qwen/Qwen3-8B."""
    revision: _Text
    """Commit there, 40 hex digits."""
    like: _Text | None = None
    """Model of the catalogue whose architecture it has; default: `name`."""
    architecture: LlmArchitecture | None = None
    """Its own, where the catalogue has none like it."""
    uri: _Text | None = None
    """Folder of a bucket with its files, s3:// or gs://, that ends with the revision; with
    `storage.cache: bucketMount`."""


class LlmEngine(Strict):
    """How vLLM runs it; what does not fit the pool's GPUs is refused with the sum."""

    max_model_len: _Count
    """Longest request with its answer, tokens."""
    weights: Annotated[LlmWeightFormat, by_value(LlmWeightFormat)] | None = None
    """bf16, fp16, fp8, int8, awq_int4, gptq_int4 or mxfp4; default: as it is published."""
    quantize_on_load: bool = False
    """Make fp8 weights of 16-bit files."""
    kv_cache: Annotated[LlmKvCache, by_value(LlmKvCache)] = LlmKvCache.AUTO
    """auto or fp8."""
    max_num_seqs: _Count = 128
    """Requests that are computed at once."""
    max_num_batched_tokens: _Count = 4096
    """Tokens that one step computes."""
    full_length_requests: _Count = 1
    """Requests of `maxModelLen` whose cache must fit at the same time."""
    gpu_memory_percent: _Count = 90
    """Share of each GPU's memory that vLLM uses."""
    tensor_parallel: _Count = 1
    """GPUs that share every tensor."""
    pipeline_parallel: _Count = 1
    """Groups of layers on GPUs one after the other."""


class LlmStorage(Strict):
    """Where its weights are kept."""

    cache: Annotated[LlmWeightsCache, by_value(LlmWeightsCache)] | None = None
    """nodeNvme, bucketMount or volume; default: bucketMount with `model.uri`, else of the claim and
    the pool's NVMe disks what weights are read from soonest."""
    claim: Name | None = None
    """PersistentVolumeClaim of the tenant, with `volume`."""
    offline: bool | None = None
    """Whether the claim is filled already, with `volume`; default: false."""


class LlmResources(Strict):
    """What a replica has besides its GPUs."""

    cpu: Cpu = "2"
    """Cores it is sure of."""
    memory: Memory = "10Gi"
    """RAM, request and limit alike."""
    scratch_gib: _Count = 10
    """Disk for compiled kernels and temporary files, GiB."""


class LlmScaling(Strict):
    """How many replicas, and when there are more."""

    min_replicas: _Count | None = None
    """Fewest replicas; default 1 in dev, 2 elsewhere."""
    max_replicas: _Count = 2
    """Most replicas."""
    waiting_requests: _Count = 4
    """Requests waiting for each replica above which there are more."""
    kv_cache_percent: _Count = 80
    """Mean use of the KV cache above which there are more."""
    scale_down_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """How long demand must stay low before replicas go."""


class LlmServiceFile(Strict):
    """A large language model behind one address."""

    kind: Literal["LlmService"]
    """What the file declares."""
    name: LlmName
    """Name of the service, its address, and the model in requests."""
    tenant: ShortName
    """The tenant, declared in the environment, in whose namespace it runs."""
    owner: Label
    """Team that answers for it."""
    cost_center: Label
    """Where its cost is booked."""
    environments: Environments | None = None
    """Environments that run it; default: every one."""
    model: LlmModel | None = None
    """The model on the environment's own GPUs; default: none, `external` alone answers."""
    pool: Annotated[ShortName, Field(max_length=28)] | None = None
    """Pool of whole GPUs, declared in the environment, that it runs on."""
    engine: LlmEngine | None = None
    storage: LlmStorage | None = None
    adapters: tuple[LlmAdapter, ...] = ()
    hub_token: SecretSource | None = None
    """Token of the hub for models behind an agreement, a cloud's secret; `key` defaults to token.
    """
    image: _Text | None = None
    """The image of vLLM; default: the copy of the pinned version in the environment's registry."""
    resources: LlmResources = LlmResources()
    autoscaling: LlmScaling = LlmScaling()
    load_seconds: _Count = 900
    """Longest time to load the weights and compile."""
    cold_start: ColdStart | None = None
    """Budget of a replica that demand asks for; default: none."""
    stream_seconds: _Count = 300
    """Longest time an answer may take."""
    slo: LlmPromises = LlmPromises()
    """What it promises its callers."""
    evaluation: Label | None = None
    """MLflow run that evaluated this revision."""
    prompts: Annotated[tuple[PromptName, ...], Field(max_length=50)] = ()
    """Prompts of MLflow's registry that requests may name; the lock file pins their versions.
    """
    gates: LlmGates | None = None
    """What answers must be like; `stanchion evaluate` asks. Default: nothing is demanded."""
    external: tuple[ExternalModel, ...] = ()
    """Models that run elsewhere, in the order in which they are asked after the own one."""
    gateway: LlmGatewayConfig | None = None
    """The guarded address; default: none, pods of the tenant call the model itself."""
    allow_from: tuple[Name, ...] = ()
    """Namespaces besides the tenant's own that may call it."""

    @model_validator(mode="after")
    def _something_answers(self) -> Self:
        own = {"pool": self.pool, "engine": self.engine, "storage": self.storage}
        if self.model is None:
            further = {
                "adapters": self.adapters or None,
                "hubToken": self.hub_token,
                "image": self.image,
                "evaluation": self.evaluation,
            }
            given = [field for field, value in {**own, **further}.items() if value is not None]
            if given:
                raise ValueError(f"`{given[0]}` goes with `model`; add it or remove {given[0]}")
            if self.slo.first_token or self.slo.token_time:
                raise ValueError(
                    "`slo` promises times of tokens, which `model` is measured by; add it, or "
                    "remove firstToken and tokenTime"
                )
            if not self.external:
                raise ValueError("has neither `model` nor `external`; write what answers")
        else:
            missing = [field for field, value in own.items() if value is None]
            if missing:
                raise ValueError(f"`model` needs `{missing[0]}`; add it")
        if self.external and self.gateway is None:
            raise ValueError("`external` is asked by the `gateway`; add it")
        if self.hub_token is not None and self.hub_token.cloud_secret is None:
            raise ValueError("`hubToken` is read from a cloud; write `cloudSecret`")
        return self

    @model_validator(mode="after")
    def _the_gateway_is_there(self) -> Self:
        if self.prompts and self.gateway is None:
            raise ValueError("`prompts` are applied by the `gateway`; add it")
        if self.gates is not None:
            if self.gateway is None:
                raise ValueError("`gates` asks the `gateway`; add it")
            if (
                "piiFree" in self.gates.evaluation.scorers
                and self.gateway.guardrails.output_pii is not PiiAction.REDACT
            ):
                raise ValueError(
                    "`piiFree` counts what the gateway takes out of answers; write "
                    "`gateway.guardrails.outputPii: redact`"
                )
        return self
