"""Files on their way to the prediction log: on the pod's own disk until the store takes them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stanchion_model_server.batch.storage import TEMPORARY, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES: Final = 64 * 1024 * 1024
"""On the pod's disk, should the store not answer; the oldest go first."""
_FILE: Final = re.compile(r"(\d{4}-\d\d-\d\d)_(\d{6})-[0-9a-f]{32}-(\d+)\.parquet")
"""Day and time of its rows, a name of its own, and how many rows it has."""
_KEPT: Final = re.compile(
    rf"(?:version=[^/]+/|{TEMPORARY}version=[^/]+-)date=(\d{{4}}-\d\d-\d\d)[-/][^/]+"
)
"""A file in its place, or what a process that was killed left of one on a volume."""


class Spool:
    """Parquet files of one version of a service, each in its place in the log or waiting here.

    What a container that ended left on the pod's disk is brought to its place by the next one.

    Raises:
        OSError: From `upload` and `expire`, where the store does not answer or gives no access.
    """

    def __init__(self, waiting: Path, uri: str, service: str, version: str) -> None:
        """Find what waits.

        Args:
            waiting: Folder for files that are not in the log yet.
            uri: The log's folder.
            service: The service.
            version: The model's version.
        """
        self._waiting = waiting
        self._uri = f"{uri.rstrip('/')}/service={service}"
        self._version = version

    def add(self, table: pa.Table, at: datetime) -> int:
        """Put rows on the disk.

        Args:
            table: The rows.
            at: Their time, which says whose day's they are.

        Returns:
            Rows of older files that had to go for them.
        """
        name = f"{at:%Y-%m-%d_%H%M%S}-{uuid.uuid4().hex}-{table.num_rows}.parquet"
        # Files are looked for by their whole name: one that is being written has another.
        self._waiting.mkdir(parents=True, exist_ok=True)
        partial = self._waiting / f"{name}.partial"
        pq.write_table(table, partial, compression="zstd")
        partial.rename(self._waiting / name)
        return self._make_room()

    def _make_room(self) -> int:
        lost, files = 0, [*self._files()]
        sizes = [path.stat().st_size for path, _ in files]
        while len(files) > 1 and sum(sizes) > MOST_BYTES:
            path, found = files.pop(0)
            sizes.pop(0)
            path.unlink()
            lost += int(found[3])
        return lost

    def upload(self) -> Iterator[int]:
        """Bring what waits to its place, the oldest first; yields the rows of each file."""
        for path, found in self._files():
            place = f"version={self._version}/date={found[1]}/{path.name[11:]}"
            with Folder(self._uri).written(place) as stream:
                stream.write(path.read_bytes())
            path.unlink()
            yield int(found[3])

    def _files(self) -> Iterator[tuple[Path, re.Match[str]]]:
        for path in sorted(self._waiting.glob("*.parquet")):
            found = _FILE.fullmatch(path.name)
            if found is not None:
                yield path, found

    def expire(self, days: int, today: date | None = None) -> int:
        """Delete what the service logged more than `days` days ago; of no other service, ever.

        Returns:
            How many files are gone.
        """
        oldest = (today or datetime.now(UTC).date()) - timedelta(days=days)
        folder, gone = Folder(self._uri), 0
        names = [folder.name(info.path) for info in folder.data(".parquet")]
        for name in [*names, *folder.below("")]:
            found = _KEPT.fullmatch(name)
            if found is not None and date.fromisoformat(found[1]) < oldest:
                folder.delete(name)
                gone += 1
        return gone
