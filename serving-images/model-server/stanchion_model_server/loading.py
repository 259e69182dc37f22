"""From a pin to a warm model: fetch, verify, check the image, load, warm up. In that order."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pandas as pd
from mlflow.models import Model
from mlflow.pyfunc import load_model
from mlflow.types.schema import DataType
from stanchion_models import (
    DIGEST_TAG,
    Credentials,
    DigestError,
    InvalidReferenceError,
    Reference,
    Registry,
    RegistryError,
    RegistryUnavailableError,
    artifact_digest,
    read_reference,
)

from stanchion_model_server import invocations
from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.invocations import InvocationsReader
from stanchion_model_server.logs import log
from stanchion_model_server.predictor import Predictor
from stanchion_model_server.requirements import missing_requirements
from stanchion_model_server.signature import Batchable, InputSignature, Layout, Unmerged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow.pyfunc import PyFuncModel

    from stanchion_model_server.settings import Settings

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 30.0
_WARM_UP_CALLS: Final = 5
_T = TypeVar("_T")


@dataclass(frozen=True)
class ServedModel:
    """A verified, loaded and warm model, with what reads its requests."""

    model: PyFuncModel
    digest: str
    signature: InputSignature
    predictor: Predictor
    reader: InvocationsReader
    example: bytes | None
    """The logged input example as a body for `/invocations`; None where none was logged."""
    warm_up_seconds: float
    """How long the last of the warm-up calls took."""
    reference: Reference | None = None
    """What it was trained on; None where nothing was logged."""


def load_with_retries(
    settings: Settings,
    *,
    stop: threading.Event,
    on_retry: Callable[[str], None] = lambda _reason: None,
) -> ServedModel | None:
    """Load the pinned model, trying again for as long as a try can succeed; see `with_retries`.

    Returns:
        The model, or None when `stop` was set meanwhile.

    Raises:
        ModelRefusedError: The pin cannot be met by this pod, ever.
    """
    return with_retries(lambda: load(settings), stop=stop, on_retry=on_retry)


def with_retries(
    attempt: Callable[[], _T],
    *,
    stop: threading.Event,
    on_retry: Callable[[str], None] = lambda _reason: None,
) -> _T | None:
    """What comes of `attempt` once the registry is there; None when `stop` was set meanwhile.

    One log line a failed try, with the reason and the wait: 1 s at first, doubling to 30 s.
    """
    wait, tries = _FIRST_WAIT, 1
    while not stop.is_set():
        try:
            return attempt()
        except RegistryUnavailableError as error:
            on_retry(str(error))
            log.warning(
                "model not available, trying again",
                extra={
                    "fields": {"reason": str(error), "attempt": tries, "retry_in_seconds": wait}
                },
            )
        stop.wait(wait)
        wait, tries = min(wait * 2, _LONGEST_WAIT), tries + 1
    return None


def load(settings: Settings) -> ServedModel:
    """Load the pinned model, once.

    Raises:
        RegistryUnavailableError: The registry or the version cannot be had now.
        ModelRefusedError: It was had, and is not to be served: see `fetched`; or a model that
            fails to load or to predict.
    """
    with fetched(settings) as folder:
        return load_folder(folder, settings.model_digest)


@contextmanager
def fetched(settings: Settings) -> Iterator[Path]:
    """The folder of the pinned model's files, for as long as the block runs.

    The digest of what was downloaded must equal both the pin and the digest that registration
    recorded, before one byte of it is unpickled or imported.

    Raises:
        RegistryUnavailableError: The registry or the version cannot be had now.
        ModelRefusedError: It was had, and is not to be served: another digest, none recorded, or
            requirements that the image lacks.
    """
    directory = settings.registry_credentials_dir
    registry = Registry(settings.mlflow_tracking_uri, Credentials(directory) if directory else None)
    scratch = Path(tempfile.mkdtemp(prefix="stanchion-model-"))
    try:
        yield _verified(settings, registry, scratch)
    except RegistryUnavailableError:
        raise
    except RegistryError as error:
        raise ModelRefusedError(str(error)) from error
    finally:
        # Models that memory-map their files keep them through the open mapping.
        shutil.rmtree(scratch, ignore_errors=True)


def _verified(settings: Settings, registry: Registry, scratch: Path) -> Path:
    name, version, pin = settings.model_name, settings.model_version, settings.model_digest
    found = registry.resolve(name, version)
    if found.digest is None:
        raise ModelRefusedError(
            f"{name} version {version} has no tag {DIGEST_TAG}: it was not registered through"
            " stanchion_models.register; register it again that way"
        )
    if found.digest != pin:
        raise ModelRefusedError(
            f"{name} version {version}: the registry recorded {found.digest}, the deployment pins"
            f" {pin}; promote the version again"
        )
    folder = registry.download(name, version, scratch)
    try:
        actual = artifact_digest(folder)
    except DigestError as error:
        raise ModelRefusedError(f"{name} version {version}: {error}") from error
    if actual != pin:
        raise ModelRefusedError(
            f"{name} version {version}: the artifacts have {actual}, not the pinned {pin}; they"
            " changed after registration and are not loaded"
        )
    if missing := missing_requirements(folder):
        raise ModelRefusedError(
            f"{name} version {version} needs what this image lacks: {', '.join(missing)};"
            " derive an image that has it, see docs/model-server.md"
        )
    return folder


def load_folder(folder: Path, digest: str) -> ServedModel:
    """Load and warm up a verified model from its folder.

    Raises:
        ModelRefusedError: It fails to load, or to predict on its own input example.
    """
    try:
        model = load_model(str(folder))
        example = Model.load(str(folder)).get_serving_input(str(folder))
    except Exception as error:  # a model's own code may raise anything
        log.exception("the model failed to load")
        raise ModelRefusedError(f"the model failed to load: {error}") from error
    signature = InputSignature(model.metadata.get_input_schema())  # type: ignore[no-untyped-call]
    predictor = Predictor(model, signature)
    reader = InvocationsReader(signature, model.metadata)
    body = example.encode() if example else None
    seconds = _warm_up(reader, predictor, body)
    reference = _reference(folder)
    return ServedModel(model, digest, signature, predictor, reader, body, seconds, reference)


def _reference(folder: Path) -> Reference | None:
    """The training reference; a damaged one is no reason to serve nothing."""
    try:
        return read_reference(folder)
    except InvalidReferenceError as error:
        log.warning("no drift is counted", extra={"fields": {"reason": str(error)}})
        return None


def _warm_up(reader: InvocationsReader, predictor: Predictor, example: bytes | None) -> float:
    """Predict a few times, so that the first client does not pay for lazy imports.

    With the logged input example where there is one, else with a made-up row, whose failure
    refuses nothing: the model may rightly not know the row's values.
    """
    sample = synthetic_row(predictor.signature)
    try:
        if example is not None:
            sample = reader.read_fast(example) or reader.read(example, invocations.JSON)
        if sample is None:
            log.warning("no input example and no usable signature: the model is not warmed up")
            return 0.0
        if isinstance(sample, Batchable):
            predictor.try_native(sample.rows)
        seconds = 0.0
        for _ in range(_WARM_UP_CALLS):
            started = time.perf_counter()
            result = predictor.any(sample)
            seconds = time.perf_counter() - started
        invocations.write(result)
    except Exception as error:  # a model may raise anything
        if example is None:
            log.warning(
                "warm-up with a made-up row failed", extra={"fields": {"reason": str(error)}}
            )
            return 0.0
        log.exception("the model failed on its own input example")
        raise ModelRefusedError(f"the model failed on its own input example: {error}") from error
    return seconds


_SAMPLES: Final[dict[Any, Any]] = {
    DataType.string: "",
    DataType.boolean: False,
    DataType.binary: b"",
    DataType.datetime: pd.Timestamp(2000, 1, 1),
}


def synthetic_row(signature: InputSignature) -> Batchable | Unmerged | None:
    """A row of zeros and empty strings that fits the signature; None where it is too involved."""
    schema = signature.schema
    if schema is None:
        return None
    if signature.layout is Layout.MATRIX:
        return Batchable(np.zeros((1, signature.width), signature.dtype), 1)
    specs: list[Any] = schema.inputs
    if signature.tensor:
        arrays = {
            spec.name: np.zeros([max(size, 1) for size in spec.shape], spec.type) for spec in specs
        }
        return Unmerged(arrays if signature.names else next(iter(arrays.values())))
    if not all(isinstance(spec.type, DataType) for spec in specs):
        return None
    names = signature.names or tuple(map(str, range(len(specs))))
    row = {
        name: [_SAMPLES[spec.type] if spec.type in _SAMPLES else spec.type.to_python()(0)]
        for name, spec in zip(names, specs, strict=True)
    }
    return Batchable(row, 1) if signature.layout is Layout.COLUMNS else Unmerged(pd.DataFrame(row))
