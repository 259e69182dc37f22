"""What a client is told when its request is not answered, in OpenAI's form."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

OK: Final = "ok"
CLIENT_ERROR: Final = "client_error"
UNAUTHORIZED: Final = "unauthorized"
BLOCKED: Final = "blocked"
LIMITED: Final = "limited"
BACKEND_ERROR: Final = "backend_error"
TIMEOUT: Final = "timeout"
CLIENT_GONE: Final = "client_gone"
SERVER_ERROR: Final = "server_error"
OUTCOMES: Final = (
    OK, CLIENT_ERROR, UNAUTHORIZED, BLOCKED, LIMITED, BACKEND_ERROR, TIMEOUT, CLIENT_GONE,
    SERVER_ERROR,
)  # fmt: skip


class GatewayError(Exception):
    """A refusal with its HTTP status.

    Args:
        status: HTTP status.
        message: For the client.
        outcome: One of `OUTCOMES`.
        code: Word for programs, as rate_limit_exceeded.
        headers: Sent along, as Retry-After.
        kept: For the audit log and traces; never holds a prompt, an answer or a secret. Default:
            the message.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        outcome: str = CLIENT_ERROR,
        code: str = "invalid_request",
        headers: dict[str, str] | None = None,
        *,
        kept: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.outcome, self.code = status, message, outcome, code
        self.headers = headers or {}
        self.kept = message if kept is None else kept

    def body(self) -> dict[str, Any]:
        """OpenAI's error object."""
        return {"error": {"message": self.message, "type": self.outcome, "code": self.code}}


def bad_request(message: str) -> GatewayError:
    """The request cannot be read."""
    return GatewayError(HTTPStatus.BAD_REQUEST, message)
