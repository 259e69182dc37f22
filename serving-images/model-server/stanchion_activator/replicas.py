"""The replicas behind the activator: a connection to one, or none yet."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Final

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CONNECT_SECONDS: Final = 1.0
"""Where a network drops what nobody is there for, rather than refusing it."""
_ASK_SECONDS: Final = 0.25
_KNOWN_SECONDS: Final = 30.0
"""How long an address is good for: a Service keeps its own for life."""


class NotReadyError(Exception):
    """Nobody accepts a connection."""


class Replicas:
    """One address, which leads to ready replicas alone.

    Each request gets a connection of its own: kept ones would all lead to the replicas that were
    there first, and could end just as they are used. Of being ready nothing is asked but that a
    connection is accepted, so that no right to read the cluster's objects is needed.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._address, self._known_at = "", 0.0
        self._asking: asyncio.Task[None] | None = None
        self._waiting = 0

    async def connect(self) -> Connection:
        """A connection to a replica.

        Raises:
            NotReadyError: at once, or after a second, when there is none.
        """
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await asyncio.open_connection(await self._resolved(), self._port)
        except (OSError, TimeoutError):
            self._address = ""
            raise NotReadyError from None

    async def somebody(self) -> None:
        """Return once a replica accepts connections. However many wait, one task asks."""
        self._waiting += 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        asking = self._asking
        try:
            await asyncio.shield(asking)
        finally:
            self._waiting -= 1
            if not self._waiting and self._asking is not None:
                self._asking.cancel()
                self._asking = None  # or who comes before it has ended would share its end

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            try:
                _, writer = await self.connect()
            except NotReadyError:
                continue
            writer.close()
            return

    async def _resolved(self) -> str:
        if not self._address or time.monotonic() - self._known_at > _KNOWN_SECONDS:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self._address, self._known_at = str(found[0][4][0]), time.monotonic()
        return self._address
