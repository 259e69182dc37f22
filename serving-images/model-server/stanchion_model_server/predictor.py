"""Calling the model: the plain scikit-learn estimator directly, anything else through MLflow."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from stanchion_model_server.signature import (
    Array,
    Batchable,
    InputSignature,
    Layout,
    Rows,
    Unmerged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow.pyfunc import PyFuncModel

_PER_ROW: Final = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba"}
)
_SEES_NAMES: Final = frozenset({"ColumnTransformer", "FunctionTransformer"})
ROW_WISE: Final = "stanchion.row_wise"
"""Key in a model's metadata: true says that each prediction depends on its own row alone, so that
requests to a model that is not scikit-learn's may be merged."""


class Predictor:
    """Predicts with one loaded model.

    Attributes:
        merges: Whether rows of several requests may go into one call. True for scikit-learn's
            predictions, which are made row by row, and where the model's metadata says so.
    """

    def __init__(self, model: PyFuncModel, signature: InputSignature) -> None:
        self.model = model
        self.signature = signature
        self._call: Callable[[Any], Any] = model.predict
        self._matrix_to_model: Callable[[Any], Any] = self._as_frame
        self.merges = bool((model.metadata.metadata or {}).get(ROW_WISE))
        self._estimator = _sklearn_estimator(model)
        if self._estimator is not None:
            name = model.metadata.flavors["python_function"].get("predict_fn", "predict")
            function = getattr(self._estimator, name, None)
            if function is not None and name in _PER_ROW:
                self._call, self.merges = function, True
        if signature.layout is Layout.MLFLOW:
            self.merges = False
        if signature.tensor:
            self._matrix_to_model = _unchanged

    @property
    def native(self) -> bool:
        """Whether rows reach the estimator as an array, without a data frame between."""
        return self._matrix_to_model is _unchanged

    def rows(self, rows: Rows) -> Any:
        """Predict for checked rows of one or more requests."""
        data = self.signature.frame(rows) if isinstance(rows, dict) else self._matrix_to_model(rows)
        return self._call(data)

    def any(self, item: Batchable | Unmerged) -> Any:
        """Predict for one request, whichever way it was read."""
        return self.rows(item.rows) if isinstance(item, Batchable) else self.unmerged(item)

    def unmerged(self, item: Unmerged) -> Any:
        """Predict for one request in MLflow's own way, its signature check included."""
        return self.model.predict(item.data, params=item.params)

    def try_native(self, sample: Rows) -> bool:
        """Leave data frames out if the estimator provably does not look at column names.

        Every part of it must be scikit-learn's own and blind to names, and its answer for
        `sample` must be the same both ways.
        """
        if self._estimator is None or not isinstance(sample, np.ndarray) or self.signature.tensor:
            return self.native
        if self._call == self.model.predict or not all(map(_name_blind, _parts(self._estimator))):
            return False
        # The one thing scikit-learn does about missing names is to say so on every call.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        named, bare = self._call(self._as_frame(sample)), self._call(sample)
        if not isinstance(bare, np.ndarray) or not _same(named, bare):
            return False
        self._matrix_to_model = _unchanged
        return True

    def _as_frame(self, matrix: Array) -> pd.DataFrame:
        return pd.DataFrame(matrix, columns=list(self.signature.names), copy=False)


def _unchanged(matrix: Any) -> Any:
    return matrix


def _same(one: Any, other: Array) -> bool:
    left = np.asarray(one)
    if left.shape != other.shape or left.dtype != other.dtype:
        return False
    if left.dtype.kind == "f":
        return bool(np.allclose(left, other, rtol=1e-12, atol=0, equal_nan=True))
    return bool(np.array_equal(left, other))


def _sklearn_estimator(model: PyFuncModel) -> Any:
    flavor = model.metadata.flavors.get("python_function", {})
    if flavor.get("loader_module") != "mlflow.sklearn":
        return None
    return model.get_raw_model()  # type: ignore[no-untyped-call]


def _parts(estimator: Any) -> Iterator[Any]:
    """The estimator and every estimator inside it."""
    yield estimator
    held = getattr(estimator, "get_params", dict)
    for value in held(deep=True).values() if callable(held) else ():
        if hasattr(value, "get_params"):
            yield value


def _name_blind(estimator: Any) -> bool:
    kind = type(estimator)
    output = getattr(estimator, "_sklearn_output_config", {}).get("transform", "default")
    return (
        kind.__module__.partition(".")[0] == "sklearn"
        and kind.__name__ not in _SEES_NAMES
        and output == "default"
    )
