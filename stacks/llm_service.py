"""Service files of kind LlmService: a language model behind one guarded address.

It runs on the environment's GPUs, or at a provider's, or the one falls back on the other. A file
pins its model itself, by the hub's commit: nothing is promoted into the lock file.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from stanchion import (
    InjectionAction,
    LlmKvCache,
    LlmWeightFormat,
    LlmWeightsCache,
    PiiAction,
    PolicyAction,
)
from validation import Cpu, Label, Memory, Name, ShortName, Strict, by_value

_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Price = Annotated[float, Field(ge=0, le=1000, strict=False, allow_inf_nan=False)]
LlmName = Annotated[ShortName, Field(max_length=35)]
"""Leaves room for the suffix of the model behind the gateway."""


class LlmModel(Strict):
    """The one revision of a model."""

    name: _Text
    """Name on the Hugging Face Hub, as Qwen/Qwen3-8B."""
    revision: _Text
    """Commit there, 40 hex digits."""
    like: _Text | None = None
    """Model of the catalogue whose architecture it has; default: `name`."""
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

    cache: Annotated[LlmWeightsCache, by_value(LlmWeightsCache)]
    """nodeNvme, bucketMount or volume."""
    claim: Name | None = None
    """PersistentVolumeClaim of the tenant, with `volume`."""
    offline: bool | None = None
    """Whether the claim is filled already, with `volume`; default: false."""


class LlmAdapter(Strict):
    """A LoRA adapter that is served beside the model."""

    name: _Text
    """Name by which requests ask for it."""
    hub_name: _Text
    """Name on the Hugging Face Hub."""
    revision: _Text
    """Commit there, 40 hex digits."""
    rank: _Count
    """8, 16, 32, 64, 128 or 256."""


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


class SecretSource(Strict):
    """Where a secret value is kept; it never passes through the program."""

    cloud_secret: _Text | None = None
    """Name or ARN in the cloud's secret manager of one JSON object."""
    kubernetes_secret: Name | None = None
    """A Secret of the tenant's namespace."""
    key: _Text | None = None
    """Field or key in it."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.cloud_secret is None) == (self.kubernetes_secret is None):
            raise ValueError(
                "needs exactly one of `cloudSecret` and `kubernetesSecret`; write one of them"
            )
        return self


class LlmPrice(Strict):
    """Dollars for 1,000 tokens, by which budgets are kept and cost is measured."""

    input: _Price = 0.0
    """Of prompts."""
    output: _Price = 0.0
    """Of answers."""


class ExternalModel(Strict):
    """A provider's model: asked when those before it fail, or alone."""

    name: ShortName
    """Name of the provider here, in metrics and in the audit log."""
    url: _Text
    """Base address of its OpenAI-compatible API, as https://api.example.com/v1."""
    model: _Text
    """Name of the model there."""
    api_key: SecretSource
    """Its key; `key` defaults to api-key."""
    price: LlmPrice = LlmPrice()


class LlmLimits(Strict):
    """What may be used; what is left out has no limit."""

    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    tokens_per_day: _Count | None = None
    """Needs `gateway.ledger`."""
    dollars_per_day: Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)] | None = None
    """By `price`; needs `gateway.ledger`."""


class LlmConsumer(Strict):
    """Who asks, and what it may use."""

    name: ShortName
    """Name in metrics, in the audit log, and of its key in `consumerKeys`."""
    limits: LlmLimits = LlmLimits()


class LlmPolicy(Strict):
    """A pattern looked for."""

    name: ShortName
    pattern: _Text
    """A regular expression of Python's, without regard to case."""
    action: Annotated[PolicyAction, by_value(PolicyAction)] = PolicyAction.BLOCK
    """block, redact or report."""


class LlmGuardrails(Strict):
    """What is looked for in prompts and answers."""

    input_pii: Annotated[PiiAction, by_value(PiiAction)] = PiiAction.REDACT
    """Personal data in prompts: off, redact or block."""
    output_pii: Annotated[PiiAction, by_value(PiiAction)] = PiiAction.REDACT
    """Personal data in answers: off, redact or block."""
    injection: Annotated[InjectionAction, by_value(InjectionAction)] = InjectionAction.BLOCK
    """Prompt injections: off, report or block."""
    input_policies: tuple[LlmPolicy, ...] = ()
    output_policies: tuple[LlmPolicy, ...] = ()
    allowed_topics: tuple[_Text, ...] = ()
    """Regular expressions of which a prompt must match one; default: any topic."""


class LlmGatewayConfig(Strict):
    """The one address that clients have: it knows them, guards, limits and falls back."""

    consumers: Annotated[tuple[LlmConsumer, ...], Field(min_length=1)]
    """Who may ask."""
    consumer_keys: SecretSource
    """SHA-256 of each consumer's API key, by the consumer's name."""
    guardrails: LlmGuardrails = LlmGuardrails()
    total: LlmLimits = LlmLimits()
    """What all may use together."""
    ledger: SecretSource | None = None
    """Address of the PostgreSQL database in which replicas count together; `key` defaults to url.
    """
    price: LlmPrice = LlmPrice()
    """Of the model on the environment's own GPUs."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """Age at which a pod's file of the audit log is deleted."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 4
    """Most replicas of the gateway."""


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
    environments: tuple[_Text, ...] | None = None
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
    stream_seconds: _Count = 300
    """Longest time an answer may take."""
    evaluation: Label | None = None
    """MLflow run that evaluated this revision."""
    external: tuple[ExternalModel, ...] = ()
    """Providers, in the order in which they are asked after the own model."""
    gateway: LlmGatewayConfig | None = None
    """The guarded address; default: none, pods of the tenant call the model itself."""
    allow_from: tuple[Name, ...] = ()
    """Namespaces besides the tenant's own that may call it."""

    @model_validator(mode="after")
    def _something_answers(self) -> Self:
        own = {"pool": self.pool, "engine": self.engine, "storage": self.storage}
        if self.model is None:
            given = [field for field, value in own.items() if value is not None]
            if given:
                raise ValueError(f"`{given[0]}` goes with `model`; add it or remove {given[0]}")
            if not self.external:
                raise ValueError("has neither `model` nor `external`; write what answers")
        else:
            missing = [field for field, value in own.items() if value is None]
            if missing:
                raise ValueError(f"`model` needs `{missing[0]}`; add it")
        if self.external and self.gateway is None:
            raise ValueError("`external` needs `gateway`, which holds the provider's key; add it")
        if self.hub_token is not None and self.hub_token.cloud_secret is None:
            raise ValueError("`hubToken` is read from a cloud; write `cloudSecret`")
        return self
