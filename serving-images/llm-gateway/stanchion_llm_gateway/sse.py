"""Server-sent events, as streamed answers come and go."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import StreamReader

DONE: Final = b"[DONE]"
_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LARGEST: Final = 8 * 1024 * 1024


async def events(reader: StreamReader, idle_seconds: float) -> AsyncIterator[bytes]:
    """The data of each event, however the bytes were cut.

    Raises:
        TimeoutError: when nothing comes for so long.
        ValueError: for an event larger than 8 MiB.
    """
    held = b""
    while True:
        async with asyncio.timeout(idle_seconds):
            piece = await reader.readany()
        if not piece:
            return
        *whole, held = _BLANK_LINE.split(held + piece)
        for event in whole:
            if data := _data(event):
                yield data
        if len(held) > _LARGEST:
            raise ValueError("an event is too large")


def _data(event: bytes) -> bytes:
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line[:5] == b"data:"]
    return b"\n".join(lines)


def event(payload: Any) -> bytes:
    """An object as an event."""
    return b"data: " + msgspec.json.encode(payload) + b"\n\n"
