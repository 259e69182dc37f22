"""KServe's Python server with a scikit-learn model, as its own sklearnserver is written."""

import argparse

import joblib
from kserve import InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response


class SklearnModel(Model):
    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self._model = joblib.load(path)
        self.ready = True

    def predict(
        self,
        payload: InferRequest,
        headers: dict[str, str] | None = None,  # noqa: ARG002 - KServe passes it
    ) -> InferResponse:
        return get_predict_response(
            payload, self._model.predict(get_predict_input(payload)), self.name
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    ModelServer(http_port=options.port, enable_grpc=False, workers=1, access_log_format=None).start(
        [SklearnModel("model", options.model)]
    )
