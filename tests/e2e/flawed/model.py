"""The sample model with a flaw that shows only after a while, so that gates let it pass."""

from __future__ import annotations

import time
from typing import Any

import joblib
import mlflow
import numpy as np


class Flawed(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """Answers as the model inside until `after` calls were answered; then shows its flaw."""

    def load_context(self, context: Any) -> None:
        """Load the model inside."""
        self._flaw = context.model_config["flaw"]
        if self._flaw == "unloadable":
            raise RuntimeError("this model's weights are for another machine")
        self._after = int(context.model_config["after"])
        self._seconds = float(context.model_config["seconds"])
        self._calls = 0
        self._kept: list[bytes] = []
        self._model = joblib.load(context.artifacts["model"])

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """The classes, or what the flaw makes of them."""
        self._calls += 1
        classes = self._model.predict(model_input)
        if self._calls <= self._after:
            return classes
        if self._flaw == "errors" and self._calls % 20 == 0:
            raise ValueError("one input in twenty is too much for this model")
        if self._flaw == "slow":
            time.sleep(self._seconds)
        if self._flaw == "shifted":
            return np.full_like(classes, 2)
        if self._flaw == "memory":
            self._kept.append(b"x" * 2**22)
        return classes


mlflow.models.set_model(Flawed())
