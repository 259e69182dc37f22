"""The metrics that autoscalers, alerts and dashboards read: names and labels are a contract."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from stanchion_llm_gateway.configuration import ANONYMOUS, TOTAL
from stanchion_llm_gateway.errors import OUTCOMES
from stanchion_llm_gateway.guardrails.hits import ACTIONS, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stanchion_llm_gateway.configuration import Configuration

UNKNOWN: Final = "unknown"
"""The consumer or model of a request that names none that is known."""
DIRECTIONS: Final = ("input", "output")
LIMITS: Final = ("requests_per_minute", "tokens_per_minute", "tokens_per_day", "dollars_per_day")
FAILURES: Final = ("connection", "timeout", "status", "rate_limited", "malformed")
RESULTS: Final = ("sent", "dropped", "failed")
BUDGETS: Final = ("tokens", "dollars")
_SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 120.0, 300.0,
)  # fmt: skip


class Metrics:
    """One process's metrics. Every series exists from the start: a rate is 0 and not absent."""

    def __init__(self, configuration: Configuration) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        consumers = [c.name for c in configuration.consumers] or [ANONYMOUS]
        models = [model.name for model in configuration.models]
        backends = [backend.name for backend in configuration.backends]
        targets = [
            (model.name, target.backend)
            for model in configuration.models
            for target in model.targets
        ]
        self.requests = self._counter(
            "requests", "Requests by outcome.", ["consumer", "model", "outcome"]
        )
        self.tokens = self._counter(
            "tokens",
            "Tokens of prompts (input) and answers (output).",
            ["consumer", "model", "backend", "direction"],
        )
        self.cost = self._counter(
            "cost_dollars", "Cost by the targets' prices.", ["consumer", "model", "backend"]
        )
        self.guardrail_hits = self._counter(
            "guardrail_hits",
            "Matches of guardrails in prompts (input) and answers (output).",
            ["direction", "kind", "action"],
        )
        self.limited = self._counter(
            "limited", "Requests refused by a limit.", ["consumer", "limit"]
        )
        self.backend_failures = self._counter(
            "backend_failures", "Attempts that a backend failed.", ["backend", "reason"]
        )
        self.fallbacks = self._counter(
            "fallbacks", "Requests that a later target answered.", ["model", "backend"]
        )
        self.ledger_failures = self._counter(
            "ledger_failures", "Exchanges of usage between replicas that failed.", []
        )
        self.traces = self._counter(
            "traces", "Sampled requests by what became of their trace.", ["result"]
        )
        self.duration = self._histogram(
            "request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            ["model"],
        )
        self.overhead = self._histogram(
            "overhead_seconds",
            "Time of a request that was not spent waiting for a backend or guard model.",
            ["model"],
        )
        self.first_token = self._histogram(
            "time_to_first_token_seconds",
            "Time from a streamed request's headers to the backend's first piece.",
            ["model", "backend"],
        )
        self.groundedness = Histogram(
            "llm_gateway_groundedness_ratio",
            "Share of the words of a traced answer that are in what it was to be drawn from.",
            ["model"],
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "llm_gateway_in_flight",
            "Requests accepted and not yet answered.",
            registry=self.registry,
        )
        self.budget_left = Gauge(
            "llm_gateway_budget_left_ratio",
            "Part of the day's budget that is left, 0 to 1; 1 without a budget.",
            ["consumer", "budget"],
            registry=self.registry,
        )
        anyone, anything = [*consumers, UNKNOWN], [*models, UNKNOWN]
        _begin(self.requests, anyone, anything, OUTCOMES)
        _begin(self.limited, [*consumers, TOTAL], LIMITS)
        for subject, budget in product([*consumers, TOTAL], BUDGETS):
            self.budget_left.labels(subject, budget).set(1)
        _begin(self.guardrail_hits, DIRECTIONS, KINDS, ACTIONS)
        _begin(self.backend_failures, backends, FAILURES)
        _begin(self.traces, RESULTS)
        _begin(self.duration, anything)
        _begin(self.groundedness, models)
        _begin(self.overhead, anything)
        for model, backend in targets:
            _begin(self.tokens, consumers, [model], [backend], DIRECTIONS)
            _begin(self.cost, consumers, [model], [backend])
            _begin(self.fallbacks, [model], [backend])
            _begin(self.first_token, [model], [backend])

    def _counter(self, name: str, told: str, labels: list[str]) -> Any:
        return Counter(f"llm_gateway_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, labels: list[str]) -> Any:
        return Histogram(
            f"llm_gateway_{name}", told, labels, buckets=_SECONDS, registry=self.registry
        )


def _begin(metric: Any, *values: Iterable[str]) -> None:
    """Create the series of every combination of values."""
    for labels in product(*values):
        metric.labels(*labels)
