"""A team's feature repository: its Python files, read, and held to what this platform serves."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import sys
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feast import BatchFeatureView, FeatureView, FileSource
from feast.data_format import ParquetFormat
from feast.repo_operations import parse_repo

from stanchion_feature_store.database import one_line
from stanchion_feature_store.errors import DefinitionsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED = {
    "on_demand_feature_views": "would run its own code inside the server; compute it in the caller",
    "stream_feature_views": "needs a stream, and features come from Parquet files alone",
    "label_views": "is not served; read labels from their files",
    "permissions": "is not enforced here; who connects is decided by network policies",
}


def load(folder: Path, scratch: Path) -> Any:
    """Feast's objects in the Python files of a folder.

    Args:
        folder: The files, at the top of it, as a ConfigMap is mounted.
        scratch: An empty folder that is written to.

    Raises:
        DefinitionsError: There is none, or one cannot be run.
    """
    files = sorted(path for path in folder.glob("*.py") if path.is_file())
    if not files:
        raise DefinitionsError(f"{folder}: holds no Python file; add one with a FeatureView")
    # A mounted ConfigMap shows every file twice to whoever looks into all its folders.
    for path in files:
        shutil.copyfile(path, scratch / path.name)
    sys.path.insert(0, str(scratch))
    importlib.invalidate_caches()
    try:
        # Feast names modules by their way from the working directory.
        with chdir(scratch):
            return parse_repo(Path.cwd())
    except Exception as error:
        raise DefinitionsError(
            f"{', '.join(path.name for path in files)}: {type(error).__name__}: {one_line(error)}"
        ) from error
    finally:
        sys.path.remove(str(scratch))


def check(found: Any, sources: str) -> None:
    """Hold definitions to what this platform serves.

    Args:
        found: What `load` returned.
        sources: Folder that every source must be in.

    Raises:
        DefinitionsError: with every problem found.
    """
    problems = [*_problems(found, sources)]
    if problems:
        raise DefinitionsError("\n".join(problems))


def _problems(found: Any, sources: str) -> Iterator[str]:
    for kind, why in _REFUSED.items():
        yield from (f"{each.name}: {why}" for each in getattr(found, kind, ()))
    if not found.feature_views:
        yield "no FeatureView is defined; define one at the top of a file"
    for view in found.feature_views:
        if not isinstance(view, FeatureView) or isinstance(view, BatchFeatureView):
            yield f"{view.name}: is a {type(view).__name__}; write a FeatureView"
            continue
        if not view.ttl:
            yield f"{view.name}.ttl: is not set, so its values never expire; write ttl=timedelta(…)"
        if not view.schema:
            yield f"{view.name}.schema: is empty; write schema=[Field(name=…, dtype=…)]"
        if not view.entities or view.entities == ["__dummy"]:
            yield f"{view.name}.entities: is empty; name the entity that its rows are about"
        yield from _source_problems(view, sources)


def _source_problems(view: Any, sources: str) -> Iterator[str]:
    source = view.batch_source
    if view.stream_source is not None or not isinstance(source, FileSource):
        yield (
            f"{view.name}.source: is a {type(view.stream_source or source).__name__}; features "
            "come from Parquet files: write FileSource(path=…, timestamp_field=…)"
        )
        return
    if not isinstance(source.file_format or ParquetFormat(), ParquetFormat):
        yield f"{view.name}.source: is no Parquet; write its files as Parquet"
    if ".." in source.path.split("/") or not source.path.startswith(f"{sources}/"):
        yield (
            f"{view.name}.source.path: '{source.path}' is not in {sources}; write "
            "os.environ['FEATURE_SOURCES'] + '/…'"
        )
    if not source.timestamp_field:
        yield f"{view.name}.source.timestamp_field: is empty; name the column of the event's time"


def fingerprint(view: Any) -> str:
    """A hash of what a view's values are made by: another one, and they are made again."""
    source = view.batch_source
    made_by = (
        sorted((field.name, str(field.dtype)) for field in view.schema),
        list(view.entities),
        view.ttl.total_seconds(),
        source.path,
        source.timestamp_field,
        source.created_timestamp_column,
        sorted((source.field_mapping or {}).items()),
    )
    return hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
