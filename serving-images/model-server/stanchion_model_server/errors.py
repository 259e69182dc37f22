"""What a client did wrong or the server could not do, as the protocols report it."""

from __future__ import annotations

from http import HTTPStatus


class RequestError(Exception):
    """A request that gets no prediction.

    Args:
        status: The HTTP status.
        message: What is wrong, for the person who wrote the client.
        fields: Inputs at fault, where the signature names them.
    """

    def __init__(self, status: HTTPStatus, message: str, fields: tuple[str, ...] = ()) -> None:
        self.status, self.message, self.fields = status, message, fields
        super().__init__(message)

    def body(self) -> dict[str, object]:
        """The JSON body: `error`, and `fields` where any are known."""
        body: dict[str, object] = {"error": self.message}
        if self.fields:
            body["fields"] = list(self.fields)
        return body


def mismatch(message: str, *fields: str) -> RequestError:
    """An input that is well formed but not what the model's signature asks for: 422."""
    return RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, message, fields)


def malformed(message: str) -> RequestError:
    """A request that cannot be read at all: 400."""
    return RequestError(HTTPStatus.BAD_REQUEST, message)


class ModelRefusedError(Exception):
    """This model will not be served by this pod, however often it is tried again."""
