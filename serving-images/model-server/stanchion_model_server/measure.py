"""What the gates of a promotion need to know of a model, found out in the image that serves it."""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING, Any, Final

from stanchion_models import RegistryError, RegistryUnavailableError

from stanchion_model_server.check import ask, patiently
from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.evaluation import EvaluationError, evaluate
from stanchion_model_server.loading import ServedModel, fetched, load_folder
from stanchion_model_server.scan import ScanError, scan

if TYPE_CHECKING:
    from pathlib import Path

    from stanchion_model_server.settings import Settings
    from stanchion_model_server.wanted import Wanted

_FEWEST_REQUESTS: Final = 20
_LONGEST_SECONDS: Final = 60.0


def measure(
    settings: Settings, wanted: Wanted, *, tries: int = 3, wait: float = 2.0
) -> dict[str, Any]:
    """Scan, load, ask and evaluate the pinned version; judge nothing.

    Args:
        settings: The pin.
        wanted: What to find out.
        tries: How often to ask a registry that does not answer.
        wait: Seconds between tries.

    Returns:
        `model`, `version`, `digest`, and of `scan` (`problems`), `smoke` (`requests`,
        `latency_ms` median and `p99_ms` of one request, `rss_mb` peak and `growth_mb` resident)
        and `evaluation` (see `evaluation.evaluate`) those that were wanted and could be had. Where
        one could not, its `problem` says why. A model whose scan finds anything is not loaded.
        `unavailable` says why the registry could not be read: the rest says nothing then.
    """
    report: dict[str, Any] = {
        "model": settings.model_name,
        "version": settings.model_version,
        "digest": settings.model_digest,
    }
    try:
        patiently(lambda: _fill(report, settings, wanted), tries=tries, wait=wait)
    except (RegistryError, ModelRefusedError) as error:
        report["smoke"] = {"problem": str(error)}
        if isinstance(error, RegistryUnavailableError):
            report["unavailable"] = str(error)
    if "problem" in report["smoke"] and wanted.evaluation is not None:
        report["evaluation"] = {"problem": "not run: the model was not loaded"}
    return report


def _fill(report: dict[str, Any], settings: Settings, wanted: Wanted) -> None:
    with fetched(settings) as folder:
        if wanted.scan is not None:
            report["scan"] = _scan(folder, wanted)
            if report["scan"]["problems"]:
                report["smoke"] = {"problem": "not run: the scan speaks against loading the model"}
                return
        served = load_folder(folder, settings.model_digest)
    report["smoke"] = _smoke(served, wanted.smoke.requests)
    if wanted.evaluation is not None:
        try:
            report["evaluation"] = evaluate(
                served, wanted.evaluation, tracking_uri=settings.mlflow_tracking_uri
            )
        except EvaluationError as error:
            report["evaluation"] = {"problem": str(error)}
        except (ValueError, TypeError) as error:
            reason = f"the answers cannot be compared with the labels: {error}"
            report["evaluation"] = {"problem": reason}


def _scan(folder: Path, wanted: Wanted) -> dict[str, Any]:
    assert wanted.scan is not None  # noqa: S101 - for the type checker
    try:
        problems = scan(
            folder,
            allow=wanted.scan.allow,
            refused_file_types=wanted.scan.refused_file_types,
        )
    except ScanError as error:
        problems = [str(error)]
    return {"problems": problems}


def _smoke(served: ServedModel, requests: int) -> dict[str, Any]:
    """Times and memory of asking for the logged example, over and over."""
    if served.model.metadata.signature is None or served.example is None:
        what = "an input example" if served.model.metadata.signature else "a signature"
        return {"problem": f"the model was logged without {what}; log it with one"}
    took: list[float] = []
    try:
        for _ in range(_FEWEST_REQUESTS):  # what is made once is no growth
            ask(served, served.example)
        before, deadline = _resident(), time.monotonic() + _LONGEST_SECONDS
        while len(took) < requests:
            if len(took) >= _FEWEST_REQUESTS and time.monotonic() > deadline:
                break
            started = time.perf_counter()
            ask(served, served.example)
            took.append(time.perf_counter() - started)
    except Exception as error:  # noqa: BLE001 - a model may raise anything
        return {"problem": f"fails on its own input example, after {len(took)} answers: {error}"}
    took.sort()
    return {
        "requests": len(took),
        "latency_ms": round(took[len(took) // 2] * 1000, 3),
        "p99_ms": round(took[min(len(took) - 1, int(len(took) * 0.99))] * 1000, 3),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "growth_mb": round(max(0, _resident() - before) / 2**20, 1),
    }


def _resident() -> int:
    """Bytes that this process has in memory now."""
    with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - a kernel file
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
