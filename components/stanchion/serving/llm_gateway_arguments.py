"""What `LlmGateway` takes, checked."""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi

from stanchion.monitoring import GatewayObjectives
from stanchion.network import NetworkPeer
from stanchion.pods import ContainerResources
from stanchion.serving.autoscaling import ModelAutoscaling
from stanchion.tracking.access import TrackingAccess

DEFAULT_RESOURCES: ContainerResources = {"cpu": "500m", "cpu_limit": "2", "memory": "512Mi"}
DEFAULT_DRAIN_SECONDS = 10
DEFAULT_STREAM_SECONDS = 300
DEFAULT_MAX_BODY_BYTES = 1024 * 1024
DEFAULT_BACKEND_PORT = 8000
DEFAULT_LEDGER_PORT = 5432
DEFAULT_RETENTION_DAYS = 7
DEFAULT_SAMPLE_PERCENT = 10.0


class LlmGatewaySecret(TypedDict):
    """Values that the gateway reads as files: of a Secret, or of the cloud's secret manager."""

    secret_name: NotRequired[pulumi.Input[str]]
    """A Secret of the gateway's namespace. Default: that of `external_name`; exactly one of the
    two."""
    external_name: NotRequired[pulumi.Input[str]]
    """Name or ARN of a secret in the cloud's secret manager, one JSON object, that External
    Secrets reads; its values never pass through the program or its state. Default: none."""
    key: NotRequired[str]
    """Key of the Secret, or field of the object. Default: api-key for a backend, url for the
    ledger; consumers' keys are named as the consumers."""


class LlmGatewayBackend(TypedDict):
    """An OpenAI-compatible API that answers."""

    name: str
    """Its name in the gateway, its metrics and its audit log."""
    url: pulumi.Input[str]
    """Its base address, as http://llama.demo.svc.cluster.local/v1, without a slash at the end."""
    pods: NotRequired[NetworkPeer]
    """Its pods, where it runs in the cluster. Default: it is a provider's outside, reached on
    port 443 of public addresses alone, and personal data is redacted from what goes there."""
    port: NotRequired[int]
    """TCP port of its pods. Default: 8000."""
    api_key: NotRequired[LlmGatewaySecret]
    """The key that it is asked with. Default: none."""
    connect_seconds: NotRequired[int]
    """Longest wait for a connection, 1 to 60. Default: 2."""
    first_byte_seconds: NotRequired[int]
    """Longest wait for the beginning of a streamed answer, 1 to 3600. Default: 60."""
    answer_seconds: NotRequired[int]
    """Longest wait for an answer that is not streamed, which begins when it is whole, 1 to 3600.
    Default: `stream_seconds`."""
    idle_seconds: NotRequired[int]
    """Longest silence in an answer that has begun, 1 to 3600. Default: 60."""
    retries: NotRequired[int]
    """Further attempts before the first byte, 0 to 5. Default: 1."""


class LlmGatewayTarget(TypedDict):
    """Where a model's requests may go."""

    backend: str
    """Name of a backend."""
    model: NotRequired[str]
    """The model's name there. Default: the name clients use."""
    input_price: NotRequired[float]
    """Dollars for 1,000 tokens of prompt. Default: 0."""
    output_price: NotRequired[float]
    """Dollars for 1,000 tokens of answer. Default: 0."""


class LlmGatewayModel(TypedDict):
    """A model as clients name it."""

    name: str
    """The name in requests."""
    targets: list[LlmGatewayTarget]
    """In order: a later one is asked when those before it fail."""


class LlmGatewayPromptMessage(TypedDict):
    """One message of a prompt."""

    role: str
    """system, user, assistant or another word of lower-case letters."""
    content: str
    """Its text, with variables in double braces, as {{ question }}."""


class LlmGatewayPrompt(TypedDict):
    """The one version of a prompt that requests may name."""

    name: str
    """Its name in the registry and in requests."""
    version: str
    """Its number in the registry."""
    digest: str
    """sha256: and 64 hexadecimal digits of its messages; with others the gateway does not start."""
    messages: list[LlmGatewayPromptMessage]
    """What it says."""


class LlmGatewayLimits(TypedDict):
    """What may be used."""

    requests_per_minute: NotRequired[int]
    """Default: without limit."""
    tokens_per_minute: NotRequired[int]
    """Of prompts and answers together. Default: without limit."""
    tokens_per_day: NotRequired[int]
    """Of prompts and answers together, by UTC; needs `ledger`. Default: without limit."""
    dollars_per_day: NotRequired[float]
    """By the targets' prices, by UTC; needs `ledger`. Default: without limit."""


class LlmGatewayConsumer(TypedDict):
    """Who asks, and what it may use."""

    name: str
    """Its name in metrics and the audit log, and of the key under which its API keys are."""
    models: NotRequired[list[str]]
    """The models it may use. Default: all."""
    limits: NotRequired[LlmGatewayLimits]
    """What it may use. Default: without limit."""


class PiiAction(StrEnum):
    """What happens to personal data and credentials."""

    OFF = "off"
    """It is not looked for."""
    REDACT = "redact"
    """It is replaced by its kind, as <EMAIL_ADDRESS>."""
    BLOCK = "block"
    """What holds it is refused."""


class InjectionAction(StrEnum):
    """What happens to a prompt that looks like an injection."""

    OFF = "off"
    """It is not looked for."""
    REPORT = "report"
    """It passes, and is counted and written to the audit log."""
    BLOCK = "block"
    """It is refused."""


class PolicyAction(StrEnum):
    """What happens where a policy's pattern is found."""

    REDACT = "redact"
    """It is replaced by the policy's name."""
    REPORT = "report"
    """It passes, and is counted and written to the audit log."""
    BLOCK = "block"
    """What holds it is refused."""


class LlmGatewayPolicy(TypedDict):
    """A pattern that is refused, taken out or counted."""

    name: str
    """Its name in refusals and in the audit log."""
    pattern: str
    """A regular expression of Python's, without regard to case."""
    action: NotRequired[PolicyAction]
    """Default: block."""


class LlmGatewayGuardModel(TypedDict):
    """A served classifier that answers `safe`, or `unsafe` and why."""

    backend: str
    """Name of a backend."""
    model: str
    """Its name there."""
    on_input: NotRequired[bool]
    """Whether it judges prompts. Default: true."""
    on_output: NotRequired[bool]
    """Whether it judges answers; a streamed one is then held back until it is whole. Default:
    false."""
    seconds: NotRequired[int]
    """Longest wait for its verdict, 1 to 60. Default: 2."""
    allow_on_failure: NotRequired[bool]
    """Whether no verdict means safe. Default: false."""


class LlmGatewayGuardrails(TypedDict):
    """What is looked for in prompts and answers."""

    input_pii: NotRequired[PiiAction]
    """Personal data in prompts. Default: redact."""
    output_pii: NotRequired[PiiAction]
    """Personal data in answers. Default: redact."""
    pii_entities: NotRequired[list[str]]
    """Presidio's names of the kinds looked for, as CREDIT_CARD. Default: all that are found
    without a language model; names of people are not among them."""
    injection: NotRequired[InjectionAction]
    """Prompt injections. Default: block."""
    input_policies: NotRequired[list[LlmGatewayPolicy]]
    """Patterns looked for in prompts. Default: none."""
    output_policies: NotRequired[list[LlmGatewayPolicy]]
    """Patterns looked for in answers. Default: none."""
    allowed_topics: NotRequired[list[str]]
    """Regular expressions of which what a user last said must match one. Default: any topic."""
    model: NotRequired[LlmGatewayGuardModel]
    """A served guard model. Default: none."""
    stream_window_chars: NotRequired[int]
    """How much of a streamed answer is held back so that a match over several chunks is seen,
    32 to 4096. Default: 128."""


class LlmGatewayLedger(TypedDict):
    """The PostgreSQL database in which all replicas count usage together."""

    url: LlmGatewaySecret
    """Its address, with user and password."""
    pods: NotRequired[NetworkPeer]
    """Its pods, where it runs in the cluster. Default: it is at any private address."""
    port: NotRequired[int]
    """Its TCP port. Default: 5432."""


class LlmGatewayAudit(TypedDict):
    """What is kept of each request: a line on standard output, and in files of the pod."""

    content: NotRequired[bool]
    """Whether lines hold prompts and answers, redacted. Default: true."""
    retention_days: NotRequired[int]
    """Age at which a file in the pod is deleted, 1 to 3650; how long standard output is kept is
    the cluster's log store's to say. Default: 7."""


class LlmGatewayGroundedness(TypedDict):
    """What answers are to be drawn from; the share of their words that it has is their score."""

    variables: NotRequired[list[str]]
    """Variables of a named prompt that hold it. Default: context."""
    roles: NotRequired[list[str]]
    """Roles of messages that hold it. Default: tool, function and document."""
    minimum: NotRequired[float]
    """Mean score of six hours' answers below which an alert tells the owner, above 0 and up to 1;
    needs `monitoring`. Default: none, it tells when the mean falls by a fifth."""


class LlmGatewayTraces(TypedDict):
    """Traces of sampled requests in MLflow, with as much of their texts as `audit` keeps."""

    tracking: TrackingAccess
    """The MLflow server, and who the gateway is there."""
    experiment: NotRequired[str]
    """Experiment of the traces; made, and then owned, by the gateway's user. Default: the
    Service's name."""
    sample_percent: NotRequired[float]
    """Share of requests that become traces, above 0 and up to 100. Default: 10."""
    groundedness: NotRequired[LlmGatewayGroundedness]
    """Scores traced answers against what they were to be drawn from. Default: none."""


class LlmGatewayArgs(TypedDict):
    """Arguments of `LlmGateway`."""

    namespace: pulumi.Input[str]
    """Namespace of all its objects."""
    tenant: str
    """Tenant it belongs to; becomes a label."""
    owner: str
    """Team that answers for it; becomes a label."""
    cost_center: str
    """Where its cost is booked; becomes a label."""
    image: str
    """The platform's llm-gateway image or one derived from it, with a tag or digest."""
    backends: list[LlmGatewayBackend]
    """Who answers."""
    models: list[LlmGatewayModel]
    """What clients may ask for."""
    prompts: NotRequired[list[LlmGatewayPrompt]]
    """What chats may name instead of writing it out. Default: nothing."""
    consumers: list[LlmGatewayConsumer]
    """Who may ask."""
    consumer_keys: NotRequired[LlmGatewaySecret]
    """The SHA-256 of each consumer's API key in hex, several on lines of their own, under the
    consumer's name. Default: none, with `identity_header`; exactly one of the two."""
    identity_header: NotRequired[str]
    """Header with the consumer's name, in lower case; only behind a proxy or mesh that sets it,
    since every pod let in can write it. Default: none."""
    autoscaling: ModelAutoscaling
    """How many replicas."""
    total: NotRequired[LlmGatewayLimits]
    """What all consumers may use together. Default: without limit."""
    guardrails: NotRequired[LlmGatewayGuardrails]
    """What is looked for. Default: personal data redacted both ways, injections refused."""
    ledger: NotRequired[LlmGatewayLedger]
    """Where usage is counted. Default: each replica counts for itself, limits per minute hold
    for each of them, and limits per day are refused."""
    audit: NotRequired[LlmGatewayAudit]
    """What is kept of requests. Default: redacted prompts and answers, 7 days in the pod."""
    traces: NotRequired[LlmGatewayTraces]
    """Where sampled requests go as traces. Default: none do."""
    service_name: NotRequired[str]
    """Name of its Service and other objects. Default: the resource's."""
    resources: NotRequired[ContainerResources]
    """CPU and memory of a replica. Default: 500m up to 2 cores, 512Mi."""
    drain_seconds: NotRequired[int]
    """How long a leaving replica still accepts requests while clients learn, 1 to 600. Default: 10.
    """
    stream_seconds: NotRequired[int]
    """Longest time an answer may take, and a leaving replica waits for it, 1 to 3600. Default:
    300."""
    max_body_bytes: NotRequired[int]
    """Largest request body, 1024 to 1073741824. Default: 1048576."""
    allow_from: NotRequired[list[str]]
    """Namespaces besides its own whose pods may call it. Default: none."""
    monitoring: NotRequired[bool]
    """Whether to create a ServiceMonitor and a PrometheusRule, which need Prometheus Operator.
    Default: false."""
    monitoring_namespace: NotRequired[str]
    """Namespace that may scrape metrics. Default: monitoring."""
    slo: NotRequired[GatewayObjectives]
    """What it promises its callers; needs `monitoring`. Default: 99.5 percent of requests are
    answered by one of its models, over 28 days."""
    runbooks: NotRequired[str]
    """Folder of the repository, or address by HTTPS, that has the alerts' runbooks, one
    `<alert>.md` each. Default: docs/runbooks."""
    grafana_url: NotRequired[str]
    """Address of Grafana, by HTTPS, before the dashboard that an alert names. Default: none; then
    the alert has what follows it alone."""
    priority_class: NotRequired[str]
    """PriorityClass of its pods. Default: none."""
