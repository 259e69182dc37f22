"""A served guard model's verdict."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from stanchion_llm_gateway.backends import BackendError
from stanchion_llm_gateway.guardrails.chain import ANSWER, PROMPT
from stanchion_llm_gateway.guardrails.hits import BLOCK, GUARD_MODEL, BlockedError, Hit
from stanchion_llm_gateway.logs import log
from stanchion_llm_gateway.texts import Text

if TYPE_CHECKING:
    from stanchion_llm_gateway.backends import Backends
    from stanchion_llm_gateway.exchange import Exchange
    from stanchion_llm_gateway.guard_configuration import GuardModel
    from stanchion_llm_gateway.guardrails.chain import PromptGuard


class Judge:
    """Asks the guard model about prompts and answers; without one, everything is safe."""

    def __init__(
        self, configured: GuardModel | None, backends: Backends, guard: PromptGuard
    ) -> None:
        self._configured, self._backends, self._guard = configured, backends, guard

    def judges(self, what: str) -> bool:
        """Whether it is asked about a prompt or an answer."""
        on = self._configured.on if self._configured is not None else ()
        return ("input" if what == PROMPT else "output") in on

    async def check(self, prompt: str, answer: str | None, exchange: Exchange) -> None:
        """Ask about the prompt, or about the answer to it.

        Raises:
            BlockedError: where it is unsafe, or where there is no verdict and none means unsafe.
        """
        what = PROMPT if answer is None else ANSWER
        if self._configured is None or not self.judges(what):
            return
        messages = [{"role": "user", "content": prompt}]
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
        try:
            with exchange.waiting(), exchange.step(f"guard model: {what}") as step:
                verdict = await self._verdict(self._configured, messages, exchange.request_id)
                step.facts["unsafe"] = verdict
        except (BackendError, TimeoutError, aiohttp.ClientError, _UnreadableError) as error:
            log.warning(
                "the guard model gave no verdict",
                extra={
                    "fields": {"error": type(error).__name__, "then": self._configured.on_failure}
                },
            )
            if self._configured.on_failure == BLOCK:
                raise BlockedError([Hit(GUARD_MODEL, "no-verdict", BLOCK)], what) from None
            return
        if verdict:
            raise BlockedError([Hit(GUARD_MODEL, verdict, BLOCK)], what)

    async def _verdict(
        self, configured: GuardModel, messages: list[dict[str, str]], request_id: str
    ) -> str:
        """What is unsafe about it, or nothing."""
        body = {
            "model": configured.model, "messages": messages, "max_tokens": 32, "temperature": 0,
        }  # fmt: skip
        backend = self._backends.backend(configured.backend)
        if backend.external:
            await self._guard.redact([Text(each, "content", each["role"]) for each in messages])
        data = msgspec.json.encode(body)
        async with asyncio.timeout(configured.seconds):
            response = await self._backends.post(
                backend, "/chat/completions", data, request_id, configured.seconds
            )
            async with response:
                return _read(await response.read())


class _UnreadableError(Exception):
    """Neither safe nor unsafe."""


def _read(data: bytes) -> str:
    try:
        answer: Any = msgspec.json.decode(data)
        said = str(answer["choices"][0]["message"]["content"]).strip().lower()
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError):
        raise _UnreadableError from None
    verdict, *categories = re.findall(r"[a-z0-9]+", said) or [""]
    if verdict not in ("safe", "unsafe"):
        raise _UnreadableError
    return "" if verdict == "safe" else "-".join(categories)[:40] or "unsafe"
