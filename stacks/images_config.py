"""`images` of an environment file: where the serving images come from."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from validation import Strict


class ImagesConfig(Strict):
    """Where the serving images come from."""

    registry: (
        Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9.\-:]+(/[a-z0-9._\-]+)*$")] | None
    ) = None
    """Registry and repository prefix, without a trailing slash; default: the environment's own
    registry in a cloud, localhost/stanchion elsewhere."""
    tag: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._\-]*$")] = "source"
    """Tag of every image; `source`: a hash of each image's own sources."""

    @model_validator(mode="after")
    def _not_latest(self) -> Self:
        if self.tag == "latest":
            raise ValueError("`tag: latest` names no version; write a release tag or `source`")
        return self
