"""One process's share of the work, and the exit status that tells its Job what to do."""

from __future__ import annotations

import resource
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from stanchion_models import RegistryError

from stanchion_model_server.batch import manifest, starts
from stanchion_model_server.batch.errors import (
    FAILED,
    INPUT_REFUSED,
    MODEL_REFUSED,
    InputRefusedError,
)
from stanchion_model_server.batch.manifest import Work
from stanchion_model_server.batch.plan import read_plan
from stanchion_model_server.batch.settings import BatchSettings, on
from stanchion_model_server.batch.shard import Scorer
from stanchion_model_server.batch.storage import Folder
from stanchion_model_server.check import patiently
from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.loading import ServedModel, load
from stanchion_model_server.logs import log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

_TRIES, _WAIT_SECONDS = 5, 2.0


def run(settings: BatchSettings) -> tuple[int, list[dict[str, Any]]]:
    """Score everything that this process is to.

    Returns:
        The exit status, and for each day whose shards were scored: `date`, `shards` scored,
        `rows`, `refused` and whether the whole output is `complete`.
    """
    told: list[dict[str, Any]] = []
    try:
        served = patiently(lambda: load(settings), tries=_TRIES, wait=_WAIT_SECONDS)
        for day, tasks in groupby(settings.tasks(), key=lambda task: task[0]):
            told.append(score_day(settings, served, day, [shard for _, shard in tasks]))
    except ModelRefusedError as error:
        return _failed("model refused", error, MODEL_REFUSED), told
    except (InputRefusedError, pa.ArrowInvalid) as error:  # the latter of damaged pages
        return _failed("input refused", error, INPUT_REFUSED), told
    except (RegistryError, OSError) as error:
        return _failed("not available, a later try may succeed", error, FAILED), told
    return 0, told


def score_day(
    settings: BatchSettings, served: ServedModel, day: date | None, shards: Sequence[int]
) -> dict[str, Any]:
    """Score some shards of a day's input, and say so where that completes its output.

    Raises:
        InputRefusedError: The model cannot score it, or it changed since the Job began.
        OSError: A store does not answer, or other work writes to the same output.
    """
    source, target = (Folder(on(day, each)) for each in (settings.input_uri, settings.output_uri))
    work = Work(read_plan(source), settings)
    scorer = Scorer(served, work, source, target)
    starts.begin(target, work, shards)
    manifest.reopen(target, work)
    outcomes = [scorer.score(shard) for shard in shards]
    whole = manifest.complete(target, work)
    told = {
        "date": day.isoformat() if day else None,
        "shards": len(outcomes),
        "rows": sum(each["rows"] for each in outcomes),
        "refused": sum(each["refused"] for each in outcomes),
        "complete": whole is not None,
    }
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    log.info("scored", extra={"fields": {**told, "rss_mb": peak}})
    return told


def _failed(what: str, error: Exception, status: int) -> int:
    log.error(what, extra={"fields": {"reason": " ".join(str(error).split())[:1000]}})
    return status
