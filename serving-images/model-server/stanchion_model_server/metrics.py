"""The metrics that autoscalers, alerts and dashboards read: names and labels are a contract."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from stanchion_serving.outcomes import OUTCOMES

from stanchion_model_server.fields import Fields
from stanchion_model_server.outputs import Outputs

if TYPE_CHECKING:
    from stanchion_model_server.settings import Settings


class LogResult(StrEnum):
    """What became of a row that the prediction log was to have."""

    WRITTEN = "written"
    FULL = "full"
    """Left out: too many waited in memory."""
    UNREADABLE = "unreadable"
    """Left out: it fits no table, or not the model's signature."""
    LOST = "lost"
    """The store did not answer for so long that the disk had no room."""
    REFUSED = "refused"
    """Nothing is logged: what the log is told does not fit the model."""


_SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class Metrics:
    """One process's metrics, all labelled with the served model and version.

    Every outcome's series exists from the start, so that a rate over errors is 0 and not absent.

    Attributes:
        outputs: What the model predicts.
        fields: What it is asked and predicts, beside what it was trained on.
    """

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        of_model = {"model": settings.name, "version": settings.model_version}
        requests = Counter(
            "model_server_requests",
            "Prediction requests by outcome.",
            [*of_model, "outcome"],
            registry=self.registry,
        )
        duration = Histogram(
            "model_server_request_duration_seconds",
            "Time from a prediction request's headers to its response.",
            [*of_model, "outcome"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._requests = {o: requests.labels(**of_model, outcome=o) for o in OUTCOMES}
        self._duration = {o: duration.labels(**of_model, outcome=o) for o in OUTCOMES}
        self.in_flight = Gauge(
            "model_server_in_flight",
            "Prediction requests accepted and not yet answered.",
            [*of_model],
            registry=self.registry,
        ).labels(**of_model)
        self.batch_size = Histogram(
            "model_server_batch_size",
            "Rows in one call of the model.",
            [*of_model],
            buckets=_ROWS,
            registry=self.registry,
        ).labels(**of_model)
        self.ready = Gauge(
            "model_server_ready",
            "1 while the pinned model is verified, warm and served.",
            [*of_model],
            registry=self.registry,
        ).labels(**of_model)
        self.load_retries = Counter(
            "model_server_load_retries",
            "Failed tries to fetch the pinned model.",
            [*of_model],
            registry=self.registry,
        ).labels(**of_model)
        Gauge(
            "model_server_info",
            "Always 1; the pinned model in its labels.",
            [*of_model, "registered_model", "digest"],
            registry=self.registry,
        ).labels(
            **of_model,
            registered_model=settings.model_name,
            digest=settings.model_digest,
        ).set(1)
        logged = Counter(
            "model_server_prediction_log_rows",
            "Rows that the prediction log was to have, by what became of them.",
            [*of_model, "result"],
            registry=self.registry,
        )
        self.prediction_log_rows = {r: logged.labels(**of_model, result=r) for r in LogResult}
        self.outputs = Outputs(of_model)
        self.registry.register(self.outputs)
        self.fields = Fields(of_model)
        self.registry.register(self.fields)

    def observe(self, outcome: str, seconds: float) -> None:
        """Count one answered request."""
        self._requests[outcome].inc()
        self._duration[outcome].observe(seconds)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
