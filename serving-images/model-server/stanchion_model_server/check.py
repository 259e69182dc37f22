"""The smoke test: everything a pod does before it is ready, once, and what came of it."""

from __future__ import annotations

import json
import resource
import time
from typing import TYPE_CHECKING, Any, TypeVar

from stanchion_models import RegistryError

from stanchion_model_server import invocations
from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.loading import ServedModel, load
from stanchion_model_server.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.models import ModelSignature

    from stanchion_model_server.settings import Settings

_CALLS = 20
_T = TypeVar("_T")


def check(settings: Settings, *, tries: int = 3, wait: float = 2.0) -> dict[str, Any]:
    """Load, verify, warm up and predict on the logged input example.

    Args:
        settings: The pin to check.
        tries: How often to ask a registry that does not answer.
        wait: Seconds between tries.

    Returns:
        `ok`, `model`, `version`, `digest`; then `signature`, `latency_ms` (the median of single
        calls), `rss_mb` and `prediction` where the model loads, or `reason` where it does not.
        A model without a signature or without an input example is not ok: nothing would
        check its requests, or nothing was there to try.
    """
    report: dict[str, Any] = {
        "ok": False,
        "model": settings.model_name,
        "version": settings.model_version,
        "digest": settings.model_digest,
    }
    try:
        served = patiently(lambda: load(settings), tries=tries, wait=wait)
    except (RegistryError, ModelRefusedError) as error:
        report["reason"] = str(error)
        return report
    signature = served.model.metadata.signature
    report["signature"] = _signature(signature)
    if signature is None or served.example is None:
        what = "a signature" if signature is None else "an input example"
        report["reason"] = f"the model was logged without {what}; log it with one"
        return report
    latency, prediction = _timed(served, served.example)
    report |= {
        "ok": True,
        "latency_ms": round(latency * 1000, 3),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "prediction": prediction,
    }
    return report


def patiently(attempt: Callable[[], _T], *, tries: int, wait: float) -> _T:
    """The outcome of `attempt`, made up to `tries` times while the registry does not answer.

    Raises:
        RegistryError: The last try's, when none succeeded.
        ModelRefusedError: At once: another try cannot help.
    """
    for left in reversed(range(tries)):
        try:
            return attempt()
        except RegistryError as error:
            if not left:
                raise
            log.warning("registry not available, trying again: %s", error)
            time.sleep(wait)
    raise AssertionError("at least one try is made")


def ask(served: ServedModel, body: bytes) -> bytes:
    """Read a JSON body, predict and write the answer, as for a request."""
    item = served.reader.read_fast(body) or served.reader.read(body, invocations.JSON)
    return invocations.write(served.predictor.any(item))


def _signature(signature: ModelSignature | None) -> dict[str, Any] | None:
    """The signature as JSON; MLflow's own form has JSON inside strings."""
    if signature is None:
        return None
    parts = signature.to_dict()
    return {name: json.loads(text) if text else None for name, text in parts.items()}


def _timed(served: ServedModel, example: bytes) -> tuple[float, str]:
    """Median seconds of reading, predicting and writing the example, and the last answer."""
    took = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        body = ask(served, example)
        took.append(time.perf_counter() - started)
    return sorted(took)[len(took) // 2], body.decode()[:2000]
