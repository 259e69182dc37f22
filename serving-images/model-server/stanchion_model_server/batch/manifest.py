"""What is known to be done: a manifest for each shard, and one for all of them.

A shard counts once its manifest is there and says what is asked now; the file that it names may be
read once the whole output's `_complete.json` is there. Neither holds a time: the same work writes
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from stanchion_model_server.batch import starts
from stanchion_model_server.batch.storage import TEMPORARY

if TYPE_CHECKING:
    from stanchion_model_server.batch.plan import Plan
    from stanchion_model_server.batch.settings import BatchSettings
    from stanchion_model_server.batch.storage import Folder

COMPLETE: Final = "_complete.json"
_MANIFESTS: Final = "_manifests"
_REFUSED: Final = "_refused"
_FORMAT: Final = 1
_SHORT: Final = 8
_OWN: Final = re.compile(rf"^({TEMPORARY}.*|{_MANIFESTS}/|{_REFUSED}/)?part-\d{{5}}-of-\d{{5}}\.")
"""Names that runs give: what else lies in the folder is somebody's."""


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


def output_name(part: str) -> str:
    """The file of a shard's answers."""
    return f"{part}.parquet"


def refused_name(part: str) -> str:
    """The file of a shard's refused rows, apart from the answers."""
    return f"{_REFUSED}/{part}.parquet"


def publish(folder: Folder, work: Work, shard: int, outcome: dict[str, Any]) -> None:
    """Say that a shard is done: its files are in place."""
    folder.write(
        _manifest(work.part(shard)), {**work.described, "key": work.key, "shard": shard, **outcome}
    )


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
    for name in (*folder.below(""), *folder.below(_MANIFESTS), *folder.below(_REFUSED)):
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
