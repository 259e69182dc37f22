"""That all pods of one Job are about one work: each leaves a mark of what it saw when it began.

Pods of a Job make their plans one after another. If the input changes meanwhile, their shards are
of different works and none of these is ever whole, though each pod ends well: so the one that sees
another input than those before it refuses, and the Job fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stanchion_model_server.batch.errors import InputRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stanchion_model_server.batch.manifest import Work
    from stanchion_model_server.batch.storage import Folder

_MARKS: Final = "_starts"


def begin(folder: Folder, work: Work, shards: Sequence[int]) -> None:
    """Say what this Job's pod is about; without a Job there are no others to agree with.

    Raises:
        InputRefusedError: Another pod of the Job began with another work.
    """
    if not work.settings.job_uid:
        return
    _agree(folder, work)
    for shard in shards:
        folder.write(_mark(work, shard), {"key": work.key})
    # Of two that begin at once and saw no mark before, at least one sees the other's now.
    _agree(folder, work)


def over(folder: Folder, work: Work) -> list[str]:
    """Marks that nobody needs once the work is complete.

    The Job's own stay until its last pod has begun: also a Job that finds everything done is to
    hear of an input that changes.
    """
    found = folder.below(_MARKS)
    own = {_mark(work, shard) for shard in range(work.settings.shards)}
    return found if own <= set(found) else _of_others(found, work)


def _agree(folder: Folder, work: Work) -> None:
    prefix = f"{_job(work)}{work.short}-"
    for name in folder.below(_MARKS):
        if name.startswith(_job(work)) and not name.startswith(prefix):
            raise InputRefusedError(
                f"{work.settings.input_uri} changed since the Job began, as {name} in the output"
                " shows; run the Job anew once the input stays as it is"
            )


def _of_others(names: Iterable[str], work: Work) -> list[str]:
    return [name for name in names if not name.startswith(_job(work))]


def _job(work: Work) -> str:
    return f"{_MARKS}/{work.settings.job_uid}-"


def _mark(work: Work, shard: int) -> str:
    return f"{_job(work)}{work.short}-{work.part(shard)}.json"
