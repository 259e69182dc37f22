"""Who asks, and whether they may."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from stanchion_llm_gateway.configuration import ANONYMOUS, Consumer
from stanchion_llm_gateway.errors import UNAUTHORIZED, GatewayError
from stanchion_llm_gateway.logs import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stanchion_llm_gateway.configuration import Configuration

_READ_AGAIN_SECONDS: Final = 10.0
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Consumers:
    """Tells consumers apart by their API keys or by a header.

    A key is only ever seen as its SHA-256: keys are long and random, so a slower hash would add
    nothing. Files are read again every ten seconds, so keys change without a restart.
    """

    def __init__(self, configuration: Configuration) -> None:
        how = configuration.authentication
        self._folder, self._header = how.keys_dir, how.identity_header
        self._consumers = {consumer.name: consumer for consumer in configuration.consumers}
        self._anonymous = Consumer(name=ANONYMOUS)
        self._names: dict[str, str] = {}
        self._read_at = float("-inf")

    def of(self, headers: Mapping[str, str]) -> Consumer:
        """Who sent a request with these headers, named in lower case.

        Raises:
            GatewayError: 401, where that cannot be told.
        """
        if not self._consumers:
            return self._anonymous
        if self._header is not None:
            name = headers.get(self._header, "")
        else:
            name = self._by_key(headers.get("authorization", ""))
        consumer = self._consumers.get(name)
        if consumer is None:
            needed = f"header {self._header}" if self._header else "Authorization: Bearer <API key>"
            raise GatewayError(
                HTTPStatus.UNAUTHORIZED,
                f"unknown consumer; send {needed}",
                UNAUTHORIZED,
                "invalid_api_key",
                {"www-authenticate": "Bearer"},
            )
        return consumer

    def _by_key(self, authorization: str) -> str:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            return ""
        if time.monotonic() - self._read_at > _READ_AGAIN_SECONDS:
            self._read()
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        found = ""
        for known, name in self._names.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def _read(self) -> None:
        self._read_at = time.monotonic()
        names: dict[str, str] = {}
        for name in self._consumers:
            assert self._folder is not None  # noqa: S101 - the configuration has one of the two
            try:
                lines = (self._folder / name).read_text(encoding="ascii").split()
            except (OSError, UnicodeDecodeError):
                log.warning("a consumer has no keys", extra={"fields": {"consumer": name}})
                continue
            for line in lines:
                if _DIGEST.fullmatch(line):
                    names[line] = name
                else:
                    log.warning(
                        "a line is no SHA-256 in hex and counts for nothing",
                        extra={"fields": {"consumer": name}},
                    )
        self._names = names
