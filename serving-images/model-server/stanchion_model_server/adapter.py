"""A LoRA adapter of the registry, put where vLLM reads it: fetched, verified, fit for its base."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints
from stanchion_models import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    Adapter,
    InvalidAdapterError,
    read_adapter,
)

from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.loading import fetched, with_retries
from stanchion_model_server.settings import Settings

REFUSED: Final = 3
"""Exit status of an adapter that is not to be served, however often it is tried."""


class AdapterSettings(Settings):
    """What is told of the adapter beside its pin, which is told as a model's."""

    adapter_folder: Path
    """Where its files go; what is there goes first."""
    adapter_base: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
    """The model that is served: its name, `@`, and its revision."""
    adapter_rank: Annotated[int, Field(ge=1)]
    """The highest rank that there is room for."""


def placed(settings: AdapterSettings) -> int:
    """Put the pinned adapter into its folder, waiting for the registry as long as it takes.

    Returns:
        The exit status: 0, or `REFUSED` with the reason on standard error.
    """
    try:
        adapter = with_retries(lambda: place(settings), stop=threading.Event())
    except ModelRefusedError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    assert adapter is not None  # noqa: S101 - nothing sets the event, for the type checker
    told = {"adapter": settings.name, "version": settings.model_version, "rank": adapter.rank}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def place(settings: AdapterSettings) -> Adapter:
    """Fetch the pinned adapter, hold it to its digest and its base, and copy its two files.

    Whatever else was registered with it stays behind: vLLM loads no pickle that came of it.

    Raises:
        RegistryUnavailableError: The registry or the version cannot be had now.
        ModelRefusedError: It was had, and is not to be served: see `fetched`; or it is no adapter,
            one of another base, or one of too high a rank.
    """
    where = f"{settings.model_name} version {settings.model_version}"
    with fetched(settings) as folder:
        try:
            adapter = read_adapter(folder)
        except InvalidAdapterError as error:
            raise ModelRefusedError(f"{where}: {error}") from error
        unfit = adapter.unfit_for(settings.adapter_base, settings.adapter_rank)
        if not (folder / ADAPTER_WEIGHTS).is_file():
            unfit.append(f"has no {ADAPTER_WEIGHTS}")
        if unfit:
            raise ModelRefusedError(f"{where} {'; '.join(unfit)}")
        target = settings.adapter_folder
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        # The configuration last: a folder that has it is whole.
        for name in (ADAPTER_WEIGHTS, ADAPTER_CONFIG):
            shutil.copyfile(folder / name, target / name)
    return adapter
