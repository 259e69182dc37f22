"""One OpenAI-compatible address, asked as clients ask it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

_SECONDS = 300
_REFUSED = "content_filter"
Answer = Mapping[str, Any]
"""`text`, `seconds`, `tokens` (None where nobody counted), `refused` by a guardrail, and `failed`:
why there is none, or empty."""


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, as whom, and for what."""

    url: str
    """Base address, as http://127.0.0.1:8080/v1."""
    model: str
    max_tokens: int
    api_key: str = field(repr=False)

    def ask(self, messages: Sequence[Mapping[str, Any]]) -> Answer:
        """One chat at temperature 0; never raises, so that one bad row hides no other."""
        body = {
            "model": self.model, "messages": list(messages), "temperature": 0,
            "max_tokens": self.max_tokens,
        }  # fmt: skip
        began = time.perf_counter()
        try:
            got = self._post(body)
            text = str(got["choices"][0]["message"].get("content") or "")
        except HTTPError as error:
            refused = error.code == HTTPStatus.BAD_REQUEST and _code(error) == _REFUSED
            return _none(began, f"status {error.code}", refused=refused)
        except (URLError, OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            return _none(began, type(error).__name__)
        return {
            "text": text,
            "seconds": time.perf_counter() - began,
            "tokens": (got.get("usage") or {}).get("completion_tokens"),
            "refused": got["choices"][0].get("finish_reason") == _REFUSED,
            "failed": "",
        }

    def _post(self, body: Mapping[str, Any]) -> Any:
        request = Request(  # noqa: S310 - the address is a port forwarded to the service
            f"{self.url}/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json", "authorization": f"Bearer {self.api_key}"},
        )
        with urlopen(request, timeout=_SECONDS) as reply:  # noqa: S310
            return json.load(reply)


def _none(began: float, failed: str, *, refused: bool = False) -> Answer:
    return {
        "text": "",
        "seconds": time.perf_counter() - began,
        "tokens": None,
        "refused": refused,
        "failed": "" if refused else failed,
    }


def _code(error: HTTPError) -> object:
    """The word for programs in OpenAI's form of an error."""
    try:
        return json.load(error)["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return None
