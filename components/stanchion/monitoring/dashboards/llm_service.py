"""Language models: how soon tokens come, what the GPUs' caches hold, and what the gateway does."""

from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Unit,
    Variable,
    lines,
    quantiles,
    stat,
)
from stanchion.monitoring.dashboards.promises import promises_section

_OF = 'namespace=~"$tenant",service=~"$service"'
# A gateway is named as the model that it answers for.
_PROMISED = 'namespace=~"$tenant",service=~"$service|$model"'
_NAMED = "{{namespace}}/{{service}}"
_BY = "namespace, service"
_GATEWAY = 'namespace=~"$tenant",model=~"$model"'
_CACHE = "vllm:kv_cache_usage_perc"


def _rate(metric: str) -> str:
    return f"sum by ({_BY}) (rate({metric}{{{_OF}}}[5m]))"


def _scored(part: str) -> str:
    metric = f"llm_gateway_groundedness_ratio_{part}"
    return f"sum by (model) (increase({metric}{{{_GATEWAY}}}[1h]))"


LLM_SERVICE = Dashboard(
    "llm-service",
    "LLM service",
    "How soon language models answer, what keeps them from more, and what their callers spend.",
    variables=(
        Variable(
            "tenant",
            "Tenant",
            '{__name__=~"vllm:num_requests_running|llm_gateway_in_flight"}',
            "namespace",
        ),
        Variable(
            "service", "Service", 'vllm:num_requests_running{namespace=~"$tenant"}', "service"
        ),
        Variable(
            "model", "Gateway's model", 'llm_gateway_requests_total{namespace=~"$tenant"}', "model"
        ),
    ),
    sections=(
        promises_section(_PROMISED),
        Section(
            "Latency",
            (
                Panel(
                    "Time to the first token",
                    "From a request to its first token: waiting, then reading the prompt.",
                    quantiles("vllm:time_to_first_token_seconds", _OF),
                    Unit.SECONDS,
                    limits=Limits(5, 1),
                ),
                Panel(
                    "Time between tokens",
                    "How fast an answer flows; people read at about 0.1 s a token.",
                    quantiles("vllm:inter_token_latency_seconds", _OF),
                    Unit.SECONDS,
                    limits=Limits(0.2, 0.1),
                ),
                Panel(
                    "Time to the whole answer",
                    "From a request to its last token; long answers take long.",
                    quantiles("vllm:e2e_request_latency_seconds", _OF),
                    Unit.SECONDS,
                ),
                Panel(
                    "Time in the queue",
                    "Before a request is worked on: the cache is full, or too many run.",
                    quantiles("vllm:request_queue_time_seconds", _OF),
                    Unit.SECONDS,
                    limits=Limits(5, 1),
                ),
            ),
        ),
        Section(
            "Load",
            (
                Panel(
                    "Requests",
                    "Worked on, and waiting: what replicas are scaled by.",
                    (
                        Query(
                            f"sum by ({_BY}) (vllm:num_requests_running{{{_OF}}})",
                            f"{_NAMED} running",
                        ),
                        Query(
                            f"sum by ({_BY}) (vllm:num_requests_waiting{{{_OF}}})",
                            f"{_NAMED} waiting",
                        ),
                    ),
                ),
                lines(
                    "Cache in use",
                    "Share of the key-value cache of each replica; at 1 requests wait or are "
                    "preempted.",
                    f"max by ({_BY}, pod) ({_CACHE}{{{_OF}}})",
                    "{{pod}}",
                    Unit.RATIO,
                    Limits(0.95, 0.85),
                ),
                Panel(
                    "Tokens",
                    "A second, read (prompts) and written (answers).",
                    (
                        Query(_rate("vllm:prompt_tokens_total"), f"{_NAMED} read"),
                        Query(_rate("vllm:generation_tokens_total"), f"{_NAMED} written"),
                    ),
                    Unit.PER_SECOND,
                ),
                lines(
                    "Preemptions",
                    "Requests a second that lost their cache and start again: it is too small "
                    "for so many.",
                    _rate("vllm:num_preemptions_total"),
                    _NAMED,
                    Unit.PER_SECOND,
                    Limits(1, 0.1),
                ),
            ),
        ),
        Section(
            "Prefixes and ends",
            (
                lines(
                    "Prefix hits",
                    "Share of the prompts' tokens that were in the cache already.",
                    f"{_rate('vllm:prefix_cache_hits_total')} / "
                    f"({_rate('vllm:prefix_cache_queries_total')} > 0)",
                    _NAMED,
                    Unit.RATIO,
                ),
                lines(
                    "How answers end",
                    "A second: stop is the model's own end, length the limit, abort the caller's.",
                    f"sum by (finished_reason) (rate(vllm:request_success_total{{{_OF}}}[5m]))",
                    "{{finished_reason}}",
                    Unit.PER_SECOND,
                ),
            ),
        ),
        Section(
            "Gateway",
            (
                lines(
                    "Requests",
                    "A second, by how they ended.",
                    f"sum by (outcome) (rate(llm_gateway_requests_total{{{_GATEWAY}}}[5m]))",
                    "{{outcome}}",
                    Unit.PER_SECOND,
                ),
                Panel(
                    "Its own time",
                    "Time of a request that was not spent waiting for a backend or guard model.",
                    quantiles("llm_gateway_overhead_seconds", _GATEWAY),
                    Unit.SECONDS,
                    limits=Limits(0.05, 0.02),
                ),
                lines(
                    "Failed backends",
                    "Attempts a second that a backend failed, by reason.",
                    "sum by (backend, reason) "
                    '(rate(llm_gateway_backend_failures_total{namespace=~"$tenant"}[5m]))',
                    "{{backend}} {{reason}}",
                    Unit.PER_SECOND,
                    Limits(1, 0.1),
                ),
                lines(
                    "Fallbacks",
                    "Requests a second that a later target answered.",
                    "sum by (model, backend) "
                    f"(rate(llm_gateway_fallbacks_total{{{_GATEWAY}}}[5m]))",
                    "{{model}} by {{backend}}",
                    Unit.PER_SECOND,
                ),
            ),
        ),
        Section(
            "Quality",
            (
                lines(
                    "Groundedness",
                    "Mean share of the words of an hour's scored answers that are in what they "
                    "were to be drawn from.",
                    f"{_scored('sum')} / ({_scored('count')} > 0)",
                    "{{model}}",
                    Unit.RATIO,
                ),
                lines(
                    "Traces",
                    "Sampled requests a second, by what became of their trace.",
                    'sum by (result) (rate(llm_gateway_traces_total{namespace=~"$tenant"}[5m]))',
                    "{{result}}",
                    Unit.PER_SECOND,
                ),
            ),
        ),
        Section(
            "Callers",
            (
                lines(
                    "Cost",
                    "Dollars an hour by the targets' prices, by consumer.",
                    "sum by (consumer) "
                    f"(rate(llm_gateway_cost_dollars_total{{{_GATEWAY}}}[1h])) * 3600",
                    "{{consumer}}",
                    Unit.DOLLARS,
                ),
                lines(
                    "Budget left",
                    "Part of each consumer's budget of the day that is left.",
                    "min by (consumer, budget) "
                    '(llm_gateway_budget_left_ratio{namespace=~"$tenant"})',
                    "{{consumer}} {{budget}}",
                    Unit.RATIO,
                    Limits(0.05, 0.2, falling=True),
                ),
                lines(
                    "Turned away",
                    "Requests a second beyond a limit, by consumer.",
                    "sum by (consumer, limit) "
                    '(rate(llm_gateway_limited_total{namespace=~"$tenant"}[5m]))',
                    "{{consumer}} {{limit}}",
                    Unit.PER_SECOND,
                ),
                stat(
                    "Guardrails",
                    "Matches in prompts and answers in an hour.",
                    'sum(increase(llm_gateway_guardrail_hits_total{namespace=~"$tenant"}[1h]))',
                ),
            ),
        ),
    ),
)
