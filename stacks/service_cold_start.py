"""`coldStart` of a service file: how long a replica that demand asks for may take."""

from __future__ import annotations

from typing import Annotated, cast

from explain import problems_in_files
from pydantic import Field
from stanchion import ColdStart as ColdStartArgs
from stanchion.checks import Checks
from stanchion.serving.cold_start import Replicas, check_cold_start, served_model
from validation import Strict

_Seconds = Annotated[int, Field(ge=0, le=7200)]


class ColdStart(Strict):
    """How long a replica that demand asks for may take, and what of it was measured."""

    budget_seconds: Annotated[int, Field(ge=5, le=7200)]
    """Longest time from the demand to its first answer."""
    node_seconds: _Seconds | None = None
    """Time until a pool without a spare node has one."""
    image_seconds: _Seconds | None = None
    """Time to pull the image; 0 where nodes have it beforehand."""
    model_seconds: _Seconds | None = None
    """Time to fetch the model, and of a language model to load it."""
    warm_up_seconds: _Seconds | None = None
    """Time from then to the first answer."""

    def arguments(self) -> ColdStartArgs:
        """The same for the components."""
        return cast("ColdStartArgs", self.model_dump(exclude_none=True))


def cold_start_problems(cold_start: ColdStart | None, replicas: Replicas) -> list[str]:
    """What is wrong with that of a model served by the model server.

    Args:
        cold_start: What the file says.
        replicas: What starts.
    """
    if cold_start is None:
        return []
    check, declared = Checks("ModelService", ""), cold_start.arguments()
    check_cold_start(check, declared, replicas, served_model(declared, replicas))
    return problems_in_files(check.done)
