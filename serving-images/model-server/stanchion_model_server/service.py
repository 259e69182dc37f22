"""What the process is doing about its model: one state, read by health, routes and metrics."""

from __future__ import annotations

import asyncio
import gc
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from stanchion_model_server.batching import Batcher
from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.loading import ServedModel, load_with_retries
from stanchion_model_server.logs import log
from stanchion_model_server.prediction_log.log import PredictionLog
from stanchion_model_server.signature import Batchable, Unmerged

if TYPE_CHECKING:
    from stanchion_model_server.metrics import Metrics
    from stanchion_model_server.settings import Settings


class Phase(StrEnum):
    """Where the process stands."""

    LOADING = "loading"
    READY = "ready"
    REFUSED = "refused"
    """The pin cannot be met; the process stays alive to say why, and never becomes ready."""
    DRAINING = "draining"


class Service:
    """Owns the model: loads it beside the event loop, predicts with it, lets it go.

    Attributes:
        phase: Where the process stands; only `READY` is ready, but `DRAINING` still predicts.
        reason: Why it is not ready, for people.
        served: The model, once it is verified and warm.
        prediction_log: Where a sample of requests goes, if anywhere.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.phase = Phase.LOADING
        self.reason = "the model is being fetched"
        self.served: ServedModel | None = None
        self.prediction_log: PredictionLog | None = None
        self._batcher: Batcher | None = None
        self._stop = threading.Event()

    async def start(self) -> None:
        """Load the model in a thread; returns when it is served, refused or no longer wanted."""
        loop = asyncio.get_running_loop()

        def report(reason: str) -> None:
            self.metrics.load_retries.inc()
            self.reason = reason

        try:
            served = await loop.run_in_executor(
                None, lambda: load_with_retries(self.settings, stop=self._stop, on_retry=report)
            )
        except ModelRefusedError as error:
            self._refuse(str(error))
            return
        except Exception as error:  # noqa: BLE001 - the pod must say what happened, not vanish
            log.exception("loading failed")
            self._refuse(f"loading failed: {error}")
            return
        if served is None:
            return
        self._batcher = Batcher(
            served.predictor.rows,
            max_rows=self.settings.max_batch_size if served.predictor.merges else 1,
            max_delay=self.settings.max_batch_delay,
            sizes=self.metrics.batch_size,
        )
        self.served = served
        signature = served.model.metadata.signature
        tallies = self.metrics.fields.watch(served.reference, served.signature)
        self.metrics.outputs.watch(signature.outputs if signature is not None else None, tallies)
        if self.settings.prediction_log_uri is not None:
            self.prediction_log = PredictionLog(self.settings, served, self.metrics)
        if self.phase is Phase.LOADING:
            self.phase, self.reason = Phase.READY, ""
            self.metrics.ready.set(1)
        # What start-up made lives as long as the process: collecting it would only cost time.
        gc.collect()
        gc.freeze()
        log.info(
            "ready",
            extra={
                "fields": {
                    "model": self.settings.model_name,
                    "version": self.settings.model_version,
                    "digest": served.digest,
                    "layout": served.signature.layout,
                    "native": served.predictor.native,
                    "merges_requests": served.predictor.merges,
                    "reference_rows": served.reference.rows if served.reference else None,
                }
            },
        )

    def _refuse(self, reason: str) -> None:
        self.phase, self.reason = Phase.REFUSED, reason
        log.error("model refused", extra={"fields": {"reason": reason}})

    @property
    def ready(self) -> bool:
        """Whether new clients should be sent here."""
        return self.phase is Phase.READY

    async def predict(self, item: Batchable | Unmerged) -> Any:
        """Predict for one checked request.

        Raises:
            Exception: Whatever the model raises for it.
        """
        assert self.served is not None  # noqa: S101 - routes ask only when there is one
        assert self._batcher is not None  # noqa: S101
        if isinstance(item, Batchable):
            return await self._batcher.submit(item)
        return await self._batcher.alone(self.served.predictor.unmerged, item)

    def drain(self) -> None:
        """Turn unready and go on predicting: clients leave before the process does."""
        self.metrics.ready.set(0)
        self._stop.set()
        if self.phase is not Phase.REFUSED:
            self.phase, self.reason = Phase.DRAINING, "the server is shutting down"

    def close(self) -> None:
        """Give up loading, let the model's thread end and write what the log still has."""
        self._stop.set()
        if self._batcher is not None:
            self._batcher.close()
        if self.prediction_log is not None:
            self.prediction_log.close()
