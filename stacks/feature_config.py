"""The part of an environment file about the feature store."""

from __future__ import annotations

import posixpath
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from validation import Memory, Name, Schedule, Strict

_Text = Annotated[str, Field(min_length=1, max_length=500)]


def _folder(value: str) -> str:
    path = posixpath.normpath(value)
    if path.startswith(("/", "../..")) or path in {".", ".."}:
        raise ValueError(
            f"'{value}' is no folder of this repository for definitions alone; write one as seen "
            "from stacks/, as features"
        )
    return value


class FeatureStoreConfig(Strict):
    """Feast: features from files, served online and compared; off unless it is enabled."""

    enabled: bool = False
    """Whether there is one."""
    definitions: Annotated[_Text, AfterValidator(_folder)] = "features"
    """Folder with the feature repository's Python files, as seen from stacks/."""
    sources: _Text | None = None
    """Folder that every Parquet source is in: s3://BUCKET/PATH, gs://BUCKET/PATH or, locally,
    file:///data/PATH; needed where it is enabled."""
    sources_key: _Text | None = None
    """KMS key of the sources' bucket, where it has one of its own: its ARN or resource name."""
    claim: Name | None = None
    """Volume claim in the namespace tracking that is mounted at /data, for file:///data/PATH."""
    replicas: Annotated[int, Field(ge=1, le=20)] | None = None
    """Replicas of the server; default 1 in dev, 2 elsewhere."""
    job_memory: Memory = "2Gi"
    """Memory of materialisation and check, which read a view's files."""
    materialize_schedule: Schedule = "7,37 * * * *"
    """When new values are brought online: cron's five fields in UTC."""
    check_schedule: Schedule = "52 * * * *"
    """When online and offline values are compared: cron's five fields in UTC."""
    overlap_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """How late a row may come and still be served."""
    stale_minutes: Annotated[int, Field(ge=5, le=43_200)] = 120
    """Minutes without new values, or twice as many without a check, until there is an alert."""

    @model_validator(mode="after")
    def _all_that_it_needs(self) -> Self:
        if self.enabled and self.sources is None:
            raise ValueError(
                "`enabled: true` needs the folder of the Parquet files; add `sources: s3://…`"
            )
        return self
