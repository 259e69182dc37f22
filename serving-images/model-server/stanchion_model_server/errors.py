"""What a client did wrong or the server could not do, as the protocols report it."""

from __future__ import annotations

from http import HTTPStatus


class RequestError(Exception):
    """A request that gets no prediction.

    Args:
        status: The HTTP status.
        message: What is wrong, for the person who wrote the client.
        fields: Inputs at fault, where the signature names them.
        repeats: What the message repeats the words of, where these may hold values of the request.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        fields: tuple[str, ...] = (),
        repeats: Exception | None = None,
    ) -> None:
        self.status, self.message, self.fields = status, message, fields
        self._kind = "" if repeats is None else type(repeats).__name__
        super().__init__(message)

    @property
    def logged(self) -> str:
        """What a log may say: what is wrong, without any value of the request."""
        if not self._kind:
            return self.message
        inputs = f", {', '.join(self.fields)}" if self.fields else ""
        return f"the input is refused ({self._kind}{inputs})"

    def body(self) -> dict[str, object]:
        """The JSON body: `error`, and `fields` where any are known."""
        body: dict[str, object] = {"error": self.message}
        if self.fields:
            body["fields"] = list(self.fields)
        return body


def mismatch(message: str, *fields: str, repeats: Exception | None = None) -> RequestError:
    """An input that is well formed but not what the model's signature asks for: 422."""
    return RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, message, fields, repeats)


def malformed(message: str, repeats: Exception | None = None) -> RequestError:
    """A request that cannot be read at all: 400."""
    return RequestError(HTTPStatus.BAD_REQUEST, message, repeats=repeats)


class ModelRefusedError(Exception):
    """This model will not be served by this pod, however often it is tried again."""
