"""The gateway of a language model, and providers behind it, as a service file writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from secret_source import SecretName, SecretSource
from stanchion import InjectionAction, PiiAction, PolicyAction
from validation import ShortName, Strict, by_value

_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Price = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


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
