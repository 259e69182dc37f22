"""What a training expects of its data, written in YAML beside the script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
import pandas as pd
import yaml
from pandas.api import types
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from stanchion_training.errors import WrongSettingsError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_SHOWN = 3
"""Values that a message gives as examples."""


class _Strict(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Column(_Strict):
    """One column."""

    type: Literal["number", "integer", "text", "boolean", "date"]
    """What its values are; a date may be text as 2026-11-01."""
    missing: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Largest share of values that may be missing."""
    min: float | None = None
    """Smallest number allowed."""
    max: float | None = None
    """Largest number allowed."""
    values: tuple[bool | int | float | str, ...] = ()
    """All values that are allowed; empty: any."""

    @model_validator(mode="after")
    def _bounds_of_numbers(self) -> Self:
        bounded = self.min is not None or self.max is not None
        if bounded and self.type not in {"number", "integer"}:
            raise ValueError(f"min and max are for numbers, and the type is {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Expectations(_Strict):
    """A data set's schema and quality."""

    columns: dict[str, Column] = Field(min_length=1)
    """Columns that must be there."""
    min_rows: Annotated[int, Field(ge=1)] = 1
    """Fewest rows."""
    other_columns: bool = False
    """Whether there may be columns that are not listed."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            WrongSettingsError: With every problem of the file.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text("utf-8")))
        except ValidationError as error:
            told = [
                f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}"
                for each in error.errors()
            ]
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            told = [" ".join(str(error).split())]
        raise WrongSettingsError("\n  ".join([f"{path.name} holds no expectations:", *told]))

    def problems(self, frame: pd.DataFrame) -> list[str]:
        """Every way in which the data are not as expected."""
        found = []
        if len(frame) < self.min_rows:
            found.append(f"{len(frame)} rows, at least {self.min_rows} are expected")
        for name, expected in self.columns.items():
            if name not in frame.columns:
                found.append(f"{name}: the column is missing")
            else:
                found += [f"{name}: {each}" for each in _column_problems(frame[name], expected)]
        if not self.other_columns:
            others = [str(name) for name in frame.columns if name not in self.columns]
            found += [f"{name}: the column is not expected" for name in others]
        return found


def _column_problems(values: pd.Series, expected: Column) -> list[str]:
    found = []
    there = values.dropna()
    share = 1 - len(there) / len(values) if len(values) else 0.0
    if share > expected.missing:
        found.append(
            f"{len(values) - len(there)} of {len(values)} values are missing"
            f" ({share:.2%}), at most {expected.missing:.2%} may be"
        )
    if there.empty:
        return found
    if not _is_of_type(there, expected.type):
        return [*found, f"holds {values.dtype}, as {_shown(there)}; expected is {expected.type}"]
    if expected.type == "number":
        found += _wrong(there[np.isinf(there.astype(float))], "are infinite")
    if expected.min is not None:
        found += _wrong(there[there < expected.min], f"are below {expected.min:g}")
    if expected.max is not None:
        found += _wrong(there[there > expected.max], f"are above {expected.max:g}")
    if expected.values:
        allowed = ", ".join(map(str, expected.values))
        found += _wrong(there[~there.isin(expected.values)], f"are none of {allowed}")
    return found


def _wrong(values: pd.Series, why: str) -> list[str]:
    return [f"{len(values)} values {why}, as {_shown(values)}"] if len(values) else []


def _shown(values: pd.Series) -> str:
    return ", ".join(str(each) for each in values.unique()[:_MOST_SHOWN])


def _is_of_type(values: pd.Series, kind: str) -> bool:
    """Whether values, none of them missing, are what the expectation says."""
    numeric = types.is_numeric_dtype(values) and not types.is_bool_dtype(values)
    if kind == "number":
        return numeric
    if kind == "integer":
        # A column with missing values holds its whole numbers as floats.
        return numeric and bool((values.astype(float) % 1 == 0).all())
    if kind == "boolean":
        return bool(types.is_bool_dtype(values.infer_objects()))
    if kind == "text":
        return all(isinstance(each, str) for each in values)
    if types.is_datetime64_any_dtype(values):
        return True
    is_text = all(isinstance(each, str) for each in values)
    return is_text and bool(pd.to_datetime(values, format="ISO8601", errors="coerce").notna().all())
