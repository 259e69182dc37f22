"""An OpenAI-compatible backend that does as it is told, on loopback.

`python -m benchmarks.llm_gateway.stand_in PORT` serves its default answer for measurements; tests
start it in a thread and script each answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

ANSWER = "The quick brown fox jumps over the lazy dog, and nobody minds."


@dataclass(frozen=True)
class Behaviour:
    """How one request is answered."""

    text: str = ANSWER
    status: int = 200
    wait: float = 0.0
    """Seconds before the first byte."""
    stall: float = 0.0
    """Seconds between the headers of a whole answer and the rest."""
    pieces: tuple[str, ...] = ()
    """A streamed answer's pieces. Default: the words of `text`."""
    pause: float = 0.0
    """Seconds between two pieces."""
    break_after: int | None = None
    """Pieces after which the connection is cut."""
    usage: bool = True
    """Whether tokens are counted: 10 of the prompt, one for each word of the answer."""
    message: dict[str, Any] | None = None
    """Instead of a message with `text`."""
    deltas: tuple[dict[str, Any], ...] = ()
    """Instead of pieces of text."""
    ends_with_text: bool = False
    """Whether a chat's last text tells its end, as of an answer cut off, or a piece of its own."""


class StandIn:
    """The backend; `seen` are the bodies it was sent, `headers` what came with them."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hung_up = 0
        """Streams whose client went away."""
        self.script: deque[Behaviour] = deque()
        self.default = Behaviour()
        self.replies: dict[str, str] = {}
        """Answers by a part of what was last said, before script and default."""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, port: int = 0) -> StandIn:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(port), self._loop).result(20)
        return self

    def stop(self) -> None:
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def will(self, *behaviours: Behaviour) -> None:
        """Answer the next requests so, the first one first."""
        self.script.extend(behaviours)

    async def _start(self, port: int) -> None:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/v1/{tail:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append(body)
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        todo = self._todo(body)
        if todo.wait:
            await asyncio.sleep(todo.wait)
        if todo.status != 200:
            error = {"error": {"message": f"told to fail with {todo.status}"}}
            return web.json_response(error, status=todo.status)
        if body.get("stream"):
            return await self._stream(request, body, todo)
        whole = _whole(request.path, body, todo)
        if not todo.stall:
            return web.json_response(whole)
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        await asyncio.sleep(todo.stall)
        with suppress(ConnectionError):
            await response.write(json.dumps(whole).encode())
        return response

    def _todo(self, body: dict[str, Any]) -> Behaviour:
        said = str((body.get("messages") or [{}])[-1].get("content"))
        for part, reply in self.replies.items():
            if part in said:
                return Behaviour(text=reply)
        return self.script.popleft() if self.script else self.default

    async def _stream(
        self, request: web.Request, body: dict[str, Any], todo: Behaviour
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        is_chat = request.path.endswith("/chat/completions")
        try:
            await response.prepare(request)
            for at, choice in enumerate(_choices(todo, is_chat=is_chat)):
                if todo.break_after is not None and at >= todo.break_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                await response.write(
                    _event({"id": "x", "model": body["model"], "choices": [choice]})
                )
                if todo.pause:
                    await asyncio.sleep(todo.pause)
            if todo.usage and (body.get("stream_options") or {}).get("include_usage"):
                await response.write(_event({"id": "x", "choices": [], "usage": _usage(todo)}))
            await response.write(b"data: [DONE]\n\n")
        except ConnectionError:
            self.hung_up += 1
        return response


def _whole(path: str, body: dict[str, Any], todo: Behaviour) -> dict[str, Any]:
    counted = {"usage": _usage(todo)} if todo.usage else {}
    if path.endswith("/embeddings"):
        return {"object": "list", "model": body["model"], "data": [{"embedding": [0.0]}], **counted}
    said: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    if path.endswith("/chat/completions"):
        said["message"] = todo.message or {"role": "assistant", "content": todo.text}
    else:
        said["text"] = todo.text
    return {"id": "x", "object": "x", "model": body["model"], "choices": [said], **counted}


def _choices(todo: Behaviour, *, is_chat: bool) -> list[dict[str, Any]]:
    words = todo.text.split(" ")
    pieces = todo.pieces or tuple(word if at == 0 else f" {word}" for at, word in enumerate(words))
    if not is_chat:
        return [{"index": 0, "text": piece, "finish_reason": None} for piece in pieces]
    deltas = todo.deltas or tuple({"content": piece} for piece in pieces)
    choices = [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None},
        *({"index": 0, "delta": delta, "finish_reason": None} for delta in deltas),
    ]
    if todo.ends_with_text:
        return [*choices[:-1], {**choices[-1], "finish_reason": "length"}]
    return [*choices, {"index": 0, "delta": {}, "finish_reason": "stop"}]


def _usage(todo: Behaviour) -> dict[str, int]:
    said = len(todo.text.split())
    return {"prompt_tokens": 10, "completion_tokens": said, "total_tokens": 10 + said}


def _event(payload: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(payload)}\n\n".encode()


if __name__ == "__main__":
    StandIn().start(int(sys.argv[1]))
    threading.Event().wait()
