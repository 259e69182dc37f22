"""LitServe with a scikit-learn model and its batching on."""

import argparse
from typing import Any

import joblib
import litserve
import numpy as np


class SklearnApi(litserve.LitAPI):
    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(**options)
        self._path = path

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe passes it
        self._model = joblib.load(self._path)

    def decode_request(self, request: dict[str, Any]) -> Any:
        return np.array(request["rows"], dtype=np.float64)

    def batch(self, inputs: list[Any]) -> Any:
        self._counts = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, rows: Any) -> Any:
        return self._model.predict(rows)

    def unbatch(self, output: Any) -> Any:
        ends = np.cumsum(self._counts)
        return [output[end - count : end] for end, count in zip(ends, self._counts, strict=True)]

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    api = SklearnApi(options.model, max_batch_size=32, batch_timeout=0.001)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        host="127.0.0.1", port=options.port, num_api_servers=1, generate_client_file=False,
        log_level="warning",
    )  # fmt: skip
