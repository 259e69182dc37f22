"""The gateway of a language model, and providers behind it, as a service file writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator
from secret_source import SecretName, SecretSource
from service_resources import Share
from stanchion import InjectionAction, PiiAction, PolicyAction
from validation import Label, Name, ShortName, Strict, by_value

_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Price = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class LlmPrice(Strict):
    """Dollars for 1,000 tokens, by which budgets are kept and cost is measured."""

    input: _Price = 0.0
    """Of prompts."""
    output: _Price = 0.0
    """Of answers."""


_LabelKey = Annotated[
    str, Field(pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
]


class LlmPods(Strict):
    """Pods of a server in the same cluster, which somebody else runs."""

    labels: Annotated[Mapping[_LabelKey, Label], Field(min_length=1)]
    """Labels that they carry."""
    namespace: Name | None = None
    """Where they run; default: the tenant's namespace."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """TCP port on which they listen, whatever the port in `url`."""


class ExternalModel(Strict):
    """A model that this file does not run: asked when those before it fail, or alone."""

    name: ShortName
    """Name of its provider here, in metrics and in the audit log."""
    url: _Text
    """Base address of its OpenAI-compatible API, as https://api.example.com/v1."""
    model: _Text
    """Name of the model there."""
    pods: LlmPods | None = None
    """Where it runs in the same cluster. Default: outside, so that it is reached at public
    addresses alone and personal data are always taken out of what goes there."""
    api_key: SecretSource | None = None
    """Its key; `key` defaults to api-key. Default: none, which only `pods` may have."""
    price: LlmPrice = LlmPrice()

    @model_validator(mode="after")
    def _outside_there_are_keys(self) -> Self:
        if self.api_key is None and self.pods is None:
            raise ValueError(
                "needs `apiKey`, or `pods` where it runs in the same cluster; write one of them"
            )
        return self


class LlmLimits(Strict):
    """What may be used; what is left out has no limit."""

    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    tokens_per_day: _Count | None = None
    """Needs `gateway.ledger`."""
    dollars_per_day: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
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


class LlmGroundedness(Strict):
    """What answers are to be drawn from: their words are compared with its own."""

    variables: tuple[_Text, ...] = ("context",)
    """Variables of a named prompt that hold it."""
    roles: tuple[_Text, ...] = ("tool", "function", "document")
    """Roles of messages that hold it."""
    minimum: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    """Mean score of six hours' answers below which an alert tells the owner; default: none, it
    tells when the mean falls by a fifth."""


class LlmTraces(Strict):
    """Traces of sampled requests in MLflow, with as much of their texts as the audit log has."""

    credentials: SecretName
    """Secret of the tenant with the `username` and `password` of an MLflow user."""
    experiment: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    """Experiment that holds them, made by that user; default: the service's name."""
    sample_percent: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 10.0
    """Share of requests that become traces."""
    groundedness: LlmGroundedness | None = None
    """Scores traced answers, as feedback on their traces and as a metric; `{}` for the usual
    places. Default: none."""


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
    traces: LlmTraces | None = None
    """Requests that become traces in the environment's MLflow; default: none do."""
    price: LlmPrice = LlmPrice()
    """Of the model on the environment's own GPUs."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """Age at which a pod's file of the audit log is deleted."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 4
    """Most replicas of the gateway."""
    resources: Share = Share.model_validate({"cpu": "500m", "cpuLimit": "2"})
    """CPU and memory of one of them."""
