"""What a version answered, read from the log for a comparison with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from stanchion_model_server.batch.errors import InputRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stanchion_drift_monitor.prediction_files import LogFile
    from stanchion_drift_monitor.settings import Labels

KEY: Final = ["request_id", "row"]
"""What tells the rows of a log apart."""


def logged_rows(files: Sequence[LogFile], wanted: Labels) -> tuple[pd.DataFrame, int]:
    """What a version answered, with what tells its rows apart and its slices.

    Files that lack a column, as those have that were written before it was kept, are left out.

    Returns:
        The rows, and how many are in files that were left out.

    Raises:
        InputRefusedError: Every file lacks an output or a slice that is needed.
        OSError: The store does not answer.
    """
    slices = {f"input.{name}" for name in wanted.slices}
    pieces: list[pd.DataFrame] = []
    lacked: set[str] = set()
    known: set[str] = set()
    left_out = 0
    for file in files:
        table = file.read()
        outputs = _outputs(table, wanted)
        known |= outputs
        # One that is not named is known by being the only one, in this file and in all others.
        if len(known) > 1 and not (wanted.output or wanted.probabilities):
            raise InputRefusedError(
                f"the log has the outputs {', '.join(sorted(known))}; name the one that is "
                "compared with the label"
            )
        lacking = (outputs | slices) - {*table.column_names}
        if not outputs:
            lacking.add("of an output")
        if lacking:
            lacked |= lacking
            left_out += table.num_rows
            continue
        frame = table.select([*KEY, *sorted(outputs), *sorted(slices)]).to_pandas()
        pieces.append(frame.assign(day=file.day, row=frame["row"].astype(np.int64)))
    if not pieces:
        raise InputRefusedError(
            f"the log of version {files[0].version} has no column {', '.join(sorted(lacked))}; "
            "its text is left out unless it is kept: see predictionLog.keep"
        )
    return pd.concat(pieces, ignore_index=True), left_out


def _outputs(table: pa.Table, wanted: Labels) -> set[str]:
    """The outputs that are compared, whether the file has them or not."""
    if wanted.probabilities:
        return {f"output.{name}" for name in wanted.probabilities.values()}
    if wanted.output:
        return {f"output.{wanted.output}"}
    return {name for name in table.column_names if name.startswith("output.")}
