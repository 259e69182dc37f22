"""What is known to be done: a manifest for each shard, and one for all of them.

A shard counts once its manifest is there and says what is asked now; the file that it names may be
read once the whole output's `_complete.json` is there. Neither holds a time: the same work writes
the same bytes. Files of answers have their work in their names: no two works write one file.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from stanchion_model_server.batch import starts
from stanchion_model_server.batch.errors import OtherWorkError
from stanchion_model_server.batch.storage import TEMPORARY

if TYPE_CHECKING:
    from stanchion_model_server.batch.plan import Plan
    from stanchion_model_server.batch.settings import BatchSettings
    from stanchion_model_server.batch.storage import Folder

COMPLETE: Final = "_complete.json"
_MANIFESTS: Final = "_manifests"
_REFUSED: Final = "_refused"
_FORMAT: Final = 2
_SHORT: Final = 8
_OWN: Final = re.compile(
    rf"^({TEMPORARY}.*|{_MANIFESTS}/|{_REFUSED}/)?"
    rf"part-\d{{5}}-of-\d{{5}}(-[0-9a-f]{{{_SHORT}}})?\."
)
"""Names that runs give, those of the first format too: what else lies there is somebody's."""


@dataclass(frozen=True)
class Work:
    """What one run is about: an input, a model and how it is asked."""

    plan: Plan
    settings: BatchSettings

    @cached_property
    def described(self) -> dict[str, Any]:
        """Everything that an output depends on."""
        settings = self.settings
        return {
            "format": _FORMAT,
            "model": {
                "name": settings.model_name,
                "version": settings.model_version,
                "digest": settings.model_digest,
            },
            "code": settings.code_version,
            "input": {
                "digest": self.plan.digest,
                "files": len(self.plan.sources),
                "rows": self.plan.rows,
            },
            "keep": list(settings.keep_columns),
            "batchRows": settings.batch_rows,
            "refusedShare": settings.refused_share,
            "shards": settings.shards,
        }

    @cached_property
    def key(self) -> str:
        """One number for that: a manifest with another is of other work."""
        text = json.dumps(self.described, sort_keys=True)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    @property
    def short(self) -> str:
        """The key's first digits, for names of files."""
        return self.key.removeprefix("sha256:")[:_SHORT]

    def part(self, shard: int) -> str:
        """A shard's name, the same in every run: `part-00003-of-00008`."""
        return f"part-{shard:05}-of-{self.settings.shards:05}"


def output_name(work: Work, shard: int) -> str:
    """The file of a shard's answers."""
    return f"{work.part(shard)}-{work.short}.parquet"


def refused_name(work: Work, shard: int) -> str:
    """The file of a shard's refused rows, apart from the answers."""
    return f"{_REFUSED}/{output_name(work, shard)}"


def owner(folder: Folder, work: Work, shard: int) -> str | None:
    """The key of the work that did a shard last."""
    manifest = folder.read(_manifest(work.part(shard)))
    return manifest.get("key") if isinstance(manifest, dict) else None


def publish(
    folder: Folder, work: Work, shard: int, outcome: dict[str, Any], over: str | None
) -> None:
    """Say that a shard is done: its files are in place.

    Args:
        folder: The output.
        work: What was asked.
        shard: Which one.
        outcome: Its rows and files.
        over: The work that had done it when its scoring began.

    Raises:
        OtherWorkError: Other work has done it meanwhile, or completed and deleted its files.
    """
    if (now := owner(folder, work, shard)) not in (over, work.key):
        raise OtherWorkError(f"{work.part(shard)} was done by other work ({now}) meanwhile")
    folder.write(
        _manifest(work.part(shard)), {**work.described, "key": work.key, "shard": shard, **outcome}
    )
    for file in (outcome["output"], outcome["refusedOutput"]):
        if file is not None and not folder.has(file["file"]):
            raise OtherWorkError(f"{file['file']} was deleted by other work meanwhile")


def done(folder: Folder, work: Work, shard: int, *, verify: bool = True) -> dict[str, Any] | None:
    """A shard's manifest, if it is of this work and its files are as it says.

    Args:
        folder: The output.
        work: What is asked now.
        shard: Which one.
        verify: Whether to read the files back and compare their digests.
    """
    manifest = folder.read(_manifest(work.part(shard)))
    if not isinstance(manifest, dict) or manifest.get("key") != work.key:
        return None
    for file in (manifest["output"], manifest["refusedOutput"]):
        if file is None or not verify:
            continue
        if folder.digest(file["file"]) != (file["bytes"], file["sha256"]):
            return None
    return manifest


def reopen(folder: Folder, work: Work) -> None:
    """Take back that the output is complete, if it is of other work: it is about to change."""
    complete = folder.read(COMPLETE)
    if not isinstance(complete, dict) or complete.get("key") != work.key:
        folder.delete(COMPLETE)


def complete(folder: Folder, work: Work) -> dict[str, Any] | None:
    """Say that all is done, if every shard is; what other work left behind is deleted first.

    Whoever ends last says so, and two who end at once write the same.
    """
    manifests = []
    for shard in range(work.settings.shards):
        manifest = done(folder, work, shard, verify=False)
        if manifest is None:
            return None
        manifests.append(manifest)
    outputs = [each["output"] for each in manifests if each["output"]]
    refused = [each["refusedOutput"] for each in manifests if each["refusedOutput"]]
    names = [work.part(shard) for shard in range(work.settings.shards)]
    ours = {each["file"] for each in (*outputs, *refused)} | {_manifest(each) for each in names}
    found = (*folder.below(""), *folder.below(_MANIFESTS), *folder.below(_REFUSED))
    if not ours <= set(found):
        return None  # its own pod sees that too, and scores it again
    reopen(folder, work)
    for name in found:
        if name not in ours and _OWN.search(name):
            folder.delete(name)
    for name in starts.over(folder, work):
        folder.delete(name)
    summary = {
        **work.described,
        "key": work.key,
        "rows": sum(each["rows"] for each in manifests),
        "refused": sum(each["refused"] for each in manifests),
        "outputs": outputs,
        "refusedOutputs": refused,
    }
    folder.write(COMPLETE, summary)
    return summary


def _manifest(part: str) -> str:
    return f"{_MANIFESTS}/{part}.json"
