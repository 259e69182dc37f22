"""A folder of files: on a volume, in S3 or in Cloud Storage.

Buckets are reached with the credentials that the pod has from its cloud.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import uuid
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import fs

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPORARY: Final = "_temporary-"
"""How the names of files begin that are being written."""
_CHUNK: Final = 1 << 20


@cache
def _filesystem(root: str) -> fs.FileSystem:
    """One client for a bucket, so that its credentials are fetched once."""
    return fs.FileSystem.from_uri(root)[0]


class Digested(io.RawIOBase):
    """A stream to write to, which knows the size and SHA-256 of what went through it."""

    def __init__(self, stream: pa.NativeFile) -> None:
        super().__init__()
        self._stream, self._sha256 = stream, hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """It is written to and nothing else."""
        return True

    def write(self, data: Any) -> int:
        """Pass the bytes on."""
        written = memoryview(data).nbytes
        self._stream.write(data)
        self._sha256.update(data)
        self.size += written
        return written

    @property
    def sha256(self) -> str:
        """Of all that was written so far, in hexadecimal digits."""
        return self._sha256.hexdigest()


class Folder:
    """A folder by its address: `file:///PATH`, `s3://BUCKET/PATH` or `gs://BUCKET/PATH`.

    Names within it are relative, with slashes. What begins with `_` or `.` is no data, as
    readers of Parquet have it.

    Raises:
        OSError: From every method, where the store does not answer or gives no access.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        scheme, _, place = self.uri.partition("://")
        bucket = place.partition("/")[0]
        self.filesystem = _filesystem(f"{scheme}://{bucket or '/'}")
        self._root = place

    def data(self, suffix: str) -> list[fs.FileInfo]:
        """Every data file below the folder whose name ends in `suffix`, by its path."""
        selector = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        found = [
            each
            for each in self.filesystem.get_file_info(selector)
            if each.is_file
            and each.path.endswith(suffix)
            and not any(part[0] in "_." for part in self.name(each.path).split("/"))
        ]
        return sorted(found, key=lambda each: str(each.path))

    def name(self, path: str) -> str:
        """A file's name within the folder."""
        return path.removeprefix(self._root).lstrip("/")

    def open(self, name: str) -> pa.NativeFile:
        """A file for reading anywhere in it."""
        return self.filesystem.open_input_file(self._path(name))

    def read(self, name: str) -> Any:
        """The JSON in a small file, or None where there is no such file or no JSON in it."""
        info = self.filesystem.get_file_info(self._path(name))
        if not info.is_file:
            return None
        with self.open(name) as stream:
            try:
                return json.loads(stream.read())
            except ValueError:
                return None

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return bool(self.filesystem.get_file_info(self._path(name)).is_file)

    def digest(self, name: str) -> tuple[int, str] | None:
        """Size and SHA-256 of a file, or None where there is none."""
        if not self.has(name):
            return None
        total = hashlib.sha256()
        size = 0
        with self.filesystem.open_input_stream(self._path(name)) as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
                size += len(chunk)
        return size, total.hexdigest()

    @contextmanager
    def written(self, name: str) -> Iterator[Digested]:
        """A new file under `name`, there whole when the block ends and not at all before.

        A block that raises, and a process that is killed, leave what was there under the name.
        """
        temporary = f"{TEMPORARY}{name.replace('/', '-')}-{uuid.uuid4().hex}"
        self._make_room_for(name)
        with self.stream(temporary) as stream:
            yield stream
        self.filesystem.move(self._path(temporary), self._path(name))

    @contextmanager
    def stream(self, name: str) -> Iterator[Digested]:
        """A large file under `name`, which nobody may trust before something else vouches.

        `written` renames, and S3 renames by a copy of 5 GiB at most; this does not. A block that
        raises, and a process that is killed, may leave a part of the file.
        """
        self._make_room_for(name)
        # Closed only when the block ends well: closing is what makes an object of an upload.
        opened = self.filesystem.open_output_stream(self._path(name))
        yield Digested(opened)
        opened.close()

    def write(self, name: str, content: Any) -> None:
        """JSON under `name`, the same bytes for the same content."""
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        with self.written(name) as stream:
            stream.write(text.encode())

    def delete(self, name: str) -> None:
        """A file is gone, whether it was there or not."""
        if self.has(name):
            self.filesystem.delete_file(self._path(name))

    def below(self, folder: str) -> list[str]:
        """The names of all files right in a folder of it, or in itself where that is empty."""
        selector = fs.FileSelector(self._path(folder).rstrip("/"), allow_not_found=True)
        infos = self.filesystem.get_file_info(selector)
        return sorted(self.name(each.path) for each in infos if each.is_file)

    def _make_room_for(self, name: str) -> None:
        """Make its folder, where there are folders: buckets have none."""
        if isinstance(self.filesystem, fs.LocalFileSystem):
            self.filesystem.create_dir(posixpath.dirname(self._path(name)), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"
