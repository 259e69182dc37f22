"""What a model returned, as columns of Parquet: one row for each row that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from stanchion_model_server.batch.errors import InputRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

PREDICTION: Final = "prediction"


def answer_columns(result: Any, rows: int, names: Sequence[str]) -> dict[str, pa.Array]:
    """The columns of a prediction.

    Args:
        result: What the model returned.
        rows: How many rows it was asked for.
        names: The outputs' names in the model's signature; none where it names none.

    Returns:
        A data frame's or mapping's own columns; of a matrix one column for each of its own,
        called as the signature says or `prediction_0`, `prediction_1`, …; else one column, called
        as the signature says or `prediction`.

    Raises:
        InputRefusedError: It answered another number of rows, or in a form that has no columns.
    """
    if isinstance(result, pd.DataFrame):
        parts: dict[str, Any] = {str(name): result[name] for name in result.columns}
    elif isinstance(result, dict):
        parts = {str(name): values for name, values in result.items()}
    else:
        parts = _unnamed(result, names)
    try:
        columns = {name: _array(values) for name, values in parts.items()}
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
        raise InputRefusedError(f"the model's answers fit no column: {error}") from error
    for name, column in columns.items():
        if len(column) != rows:
            raise InputRefusedError(
                f"the model was asked for {rows} rows and answered {len(column)} in {name}; batch"
                " scoring needs one answer a row"
            )
    return columns


def _unnamed(result: Any, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(result, np.ndarray) or result.ndim < 2:
        return {names[0] if len(names) == 1 else PREDICTION: result}
    if result.ndim > 2:
        return {names[0] if len(names) == 1 else PREDICTION: result.tolist()}
    width = result.shape[1]
    if width == 1 and len(names) < 2:
        return {names[0] if names else PREDICTION: result[:, 0]}
    called = names if len(names) == width else [f"{PREDICTION}_{at}" for at in range(width)]
    return {name: result[:, at] for at, name in enumerate(called)}


def _array(values: Any) -> pa.Array:
    """NaN stays NaN: it is an answer, and no missing one."""
    found = pa.array(values, from_pandas=False)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
