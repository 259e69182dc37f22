"""Passing a streamed answer on, piece by piece, as guardrails let it go."""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from stanchion_llm_gateway.errors import BACKEND_ERROR, TIMEOUT, GatewayError
from stanchion_llm_gateway.guardrails.chain import ANSWER
from stanchion_llm_gateway.guardrails.hits import BlockedError
from stanchion_llm_gateway.guardrails.window import Window
from stanchion_llm_gateway.sse import DONE, event
from stanchion_llm_gateway.streaming import GuardedStream
from stanchion_llm_gateway.texts import of_piece

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from stanchion_llm_gateway.backends import Stream
    from stanchion_llm_gateway.exchange import Exchange
    from stanchion_llm_gateway.guardrails.chain import AnswerGuard
    from stanchion_llm_gateway.guardrails.judge import Judge
    from stanchion_llm_gateway.reply import Reply
    from stanchion_llm_gateway.streaming import Piece


class Passing:
    """One streamed answer on its way.

    Where a guard model judges answers, all of it waits for the verdict.
    """

    def __init__(
        self, guard: AnswerGuard, window: int, judge: Judge, exchange: Exchange, reply: Reply
    ) -> None:
        self._guard = GuardedStream(
            lambda: Window(guard.find, guard.unfinished, window), active=guard.active
        )
        self._judge, self._exchange, self._reply = judge, exchange, reply
        self._held: list[Piece] | None = [] if judge.judges(ANSWER) else None

    async def run(self, stream: Stream, model: str, *, wants_usage: bool) -> None:
        """Pass everything on, and end it in a way that clients understand.

        Args:
            stream: The backend's answer.
            model: The name that the client gave.
            wants_usage: Whether it asked for the count of tokens, which we always do.
        """
        exchange = self._exchange
        await self._reply.begin_events()
        try:
            await self._pass_on(stream, model, wants_usage=wants_usage)
        except BlockedError as blocked:
            exchange.note("output", blocked.hits)
            exchange.outcome, exchange.error = blocked.outcome, blocked.message
            await self._reply.piece(event({**self._guard.cut_off(), "model": model}))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # The client has seen the beginning: it is told, and nobody else is asked.
            exchange.outcome = TIMEOUT if isinstance(error, TimeoutError) else BACKEND_ERROR
            exchange.error = f"the backend broke off: {type(error).__name__}"
            failure = GatewayError(
                HTTPStatus.BAD_GATEWAY, "the backend broke off", exchange.outcome, "bad_gateway"
            )
            await self._reply.piece(event(failure.body()))
        finally:
            exchange.note("output", self._guard.hits)
        await self._reply.end_events()

    async def _pass_on(self, stream: Stream, model: str, *, wants_usage: bool) -> None:
        exchange = self._exchange
        async with aclosing(stream.pieces()) as pieces:
            while (data := await self._next(pieces)) != DONE:
                piece = _decoded(data)
                exchange.count(piece.get("usage"))
                if not wants_usage:
                    piece.pop("usage", None)
                    if not piece.get("choices"):
                        continue
                exchange.answer_chars += sum(len(text) for text in _texts(piece))
                await self._send(self._guard.push(piece), model)
        await self._send(self._guard.finish(), model)
        if self._held is not None:
            answer = "".join(text for piece in self._held for text in _texts(piece))
            await self._judge.check("\n".join(exchange.prompt), answer, exchange)
            held, self._held = self._held, None
            await self._send(held, model)

    async def _send(self, pieces: Iterable[Piece], model: str) -> None:
        for piece in pieces:
            if self._held is not None:
                self._held.append(piece)
            else:
                self._exchange.answer += _texts(piece)
                await self._reply.piece(event({**piece, "model": model}))

    async def _next(self, pieces: AsyncGenerator[bytes, None]) -> bytes:
        with self._exchange.waiting():
            return await anext(pieces, DONE)


def _texts(piece: Piece) -> list[str]:
    return [text.value for choice in piece.get("choices") or [] for _, text in of_piece(choice)]


def _decoded(data: bytes) -> Piece:
    """A piece.

    Raises:
        ValueError: where it is none, or tells of a failure.
    """
    piece: Piece = msgspec.json.decode(data, type=dict)
    if "error" in piece:
        raise ValueError("the backend tells of a failure")
    return piece
