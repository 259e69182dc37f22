"""From a request to its answer: who asks, what is allowed, what is found, who answers."""

from __future__ import annotations

import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stanchion_llm_gateway.backends import Stream
from stanchion_llm_gateway.consumers import Consumers
from stanchion_llm_gateway.errors import GatewayError, bad_request
from stanchion_llm_gateway.exchange import Exchange, estimated_tokens, microdollars
from stanchion_llm_gateway.guardrails.chain import AnswerGuard, PromptGuard
from stanchion_llm_gateway.guardrails.hits import BlockedError, found
from stanchion_llm_gateway.guardrails.judge import Judge
from stanchion_llm_gateway.ledger import DOLLAR, Usage
from stanchion_llm_gateway.limits import Meter
from stanchion_llm_gateway.passing import Passing
from stanchion_llm_gateway.prompts import Prompts
from stanchion_llm_gateway.texts import of_answer, of_prompt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from stanchion_llm_gateway.backends import Backends
    from stanchion_llm_gateway.configuration import Backend, Configuration, Model, Target
    from stanchion_llm_gateway.ledger import Ledger
    from stanchion_llm_gateway.metrics import Metrics
    from stanchion_llm_gateway.reply import Reply
    from stanchion_llm_gateway.texts import Text

PATHS: Final = {
    "/v1/chat/completions": "/chat/completions",
    "/v1/completions": "/completions",
    "/v1/embeddings": "/embeddings",
}
"""Our paths, and those below a backend's address."""
_CHAT: Final = "/v1/chat/completions"
_EMBEDDINGS: Final = "/v1/embeddings"


class Gateway:
    """Answers requests by asking backends."""

    def __init__(
        self, configuration: Configuration, backends: Backends, ledger: Ledger, metrics: Metrics
    ) -> None:
        rails = configuration.guardrails
        self._models = {model.name: model for model in configuration.models}
        self._backends, self._metrics = backends, metrics
        self._consumers = Consumers(configuration)
        self.meter = Meter(configuration, ledger, metrics)
        self.prompt_guard = PromptGuard(rails.input)
        self._answer_guard = AnswerGuard(rails.output)
        self._window = rails.output.window_chars
        self._prompts = Prompts(configuration.prompts)
        self._judge = Judge(rails.model, backends, self.prompt_guard)

    def models(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """The models that a consumer may use, as OpenAI lists them.

        Raises:
            GatewayError: 401, where it cannot be told who asks.
        """
        allowed = self._consumers.of(headers).models
        names = [name for name in self._models if allowed is None or name in allowed]
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "stanchion"} for name in names
        ]
        return {"object": "list", "data": listed}

    async def answer(
        self, exchange: Exchange, headers: Mapping[str, str], raw: bytes, reply: Reply
    ) -> None:
        """Answer one request, whole or streamed.

        Raises:
            GatewayError: where it is refused before anything was sent.
        """
        consumer = self._consumers.of(headers)
        exchange.consumer = consumer.name
        body = _decoded(raw)
        model = self._model(body, consumer.models)
        exchange.model = model.name
        chats = exchange.path == _CHAT
        prompt, values = self._prompts.apply(body) if chats else (None, [])
        if prompt is not None:
            exchange.named_prompt = (prompt.name, prompt.version)
        texts = of_prompt(body)
        exchange.prompt_chars = sum(len(text.value) for text in texts)
        exchange.longest = 0 if exchange.path == _EMBEDDINGS else _longest(body)
        reservation = self.meter.admit(consumer.name, _estimate(model, exchange))
        try:
            await self._guard_prompt(texts, values, exchange)
            exchange.streamed = body.get("stream") is True and exchange.path != _EMBEDDINGS
            if exchange.streamed:
                await self._stream(body, texts, model, exchange, reply)
            else:
                await self._whole(body, texts, model, exchange, reply)
        finally:
            spent = exchange.spent
            reservation.settle(spent.input_tokens + spent.output_tokens, spent.microdollars)

    def _model(self, body: dict[str, Any], allowed: list[str] | None) -> Model:
        name = body.get("model")
        model = self._models.get(name) if isinstance(name, str) else None
        if model is None or (allowed is not None and model.name not in allowed):
            raise GatewayError(
                HTTPStatus.NOT_FOUND,
                "no such model for this consumer; GET /v1/models lists them",
                code="model_not_found",
            )
        return model

    async def _guard_prompt(
        self, texts: list[Text], values: list[Text], exchange: Exchange
    ) -> None:
        try:
            with exchange.step("guard prompt") as step:
                hits = await self.prompt_guard.check([*values, *texts])
                step.facts["found"] = found(hits)
            exchange.note("input", hits)
            exchange.read(texts)
            exchange.variables = {str(value.key): value.value for value in values}
            exchange.prompt_is_clean = self.prompt_guard.cleans
            await self._judge.check("\n".join(exchange.prompt), None, exchange)
        except BlockedError as blocked:
            exchange.read(texts)
            exchange.note("input", blocked.hits)
            raise

    def _request(
        self, body: dict[str, Any], texts: list[Text]
    ) -> Callable[[Target, Backend], Awaitable[bytes]]:
        """Makes what is sent to a target; for somebody else's without personal data."""
        cleaned = False

        async def made(target: Target, backend: Backend) -> bytes:
            nonlocal cleaned
            if backend.external and not cleaned:
                # In place: should a backend of our own come after it, it gets no less.
                await self.prompt_guard.redact(texts)
                cleaned = True
            return msgspec.json.encode({**body, "model": target.model or body["model"]})

        return made

    async def _whole(
        self,
        body: dict[str, Any],
        texts: list[Text],
        model: Model,
        exchange: Exchange,
        reply: Reply,
    ) -> None:
        with self._counting_in_vain(exchange):
            target, status, answer = await self._backends.whole(
                model, PATHS[exchange.path], self._request(body, texts), exchange
            )
        exchange.status = status
        if status != HTTPStatus.OK:
            raise _refused_by_backend(status, answer)
        exchange.count(answer.get("usage"))
        try:
            said = of_answer(answer)
        except GatewayError:
            self._account(target, exchange, exchange.longest)
            raise
        exchange.answer_chars = sum(len(text.value) for text in said)
        self._account(target, exchange, estimated_tokens(exchange.answer_chars))
        try:
            with exchange.step("guard answer") as step:
                hits = await self._answer_guard.check(answer)
                step.facts["found"] = found(hits)
            exchange.note("output", hits)
            exchange.answer = [text.value for text in said]
            exchange.answer_is_clean = self._answer_guard.cleans
            await self._judge.check(
                "\n".join(exchange.prompt), "\n".join(exchange.answer), exchange
            )
        except BlockedError as blocked:
            exchange.note("output", blocked.hits)
            exchange.answer = []
            raise
        await reply.whole(HTTPStatus.OK, msgspec.json.encode({**answer, "model": model.name}))

    async def _stream(
        self,
        body: dict[str, Any],
        texts: list[Text],
        model: Model,
        exchange: Exchange,
        reply: Reply,
    ) -> None:
        options = body.get("stream_options") or {}
        if not isinstance(options, dict):
            raise bad_request("stream_options is no object")
        wants_usage = options.get("include_usage") is True
        body["stream_options"] = {**options, "include_usage": True}
        with self._counting_in_vain(exchange):
            target, stream = await self._backends.streamed(
                model, PATHS[exchange.path], self._request(body, texts), exchange
            )
        if not isinstance(stream, Stream):
            exchange.status = stream[0]
            raise _refused_by_backend(*stream)
        self._metrics.first_token.labels(model.name, target.backend).observe(exchange.seconds)
        asked = len(exchange.steps) - 1
        passing = Passing(self._answer_guard, self._window, self._judge, exchange, reply)
        try:
            await passing.run(stream, model.name, wants_usage=wants_usage)
        finally:
            stream.close()
            exchange.steps[asked].ended = time.time_ns()
            self._account(target, exchange, estimated_tokens(exchange.answer_chars))

    @contextmanager
    def _counting_in_vain(self, exchange: Exchange) -> Iterator[None]:
        """A backend that worked in vain has used what it might: nobody counts it.

        Of a stream that has not begun it is the prompt: its backend stops when we hang up.
        """
        try:
            yield
        finally:
            for target in exchange.in_vain:
                self._account(target, exchange, 0 if exchange.streamed else exchange.longest)

    def _account(self, target: Target, exchange: Exchange, output_tokens: int) -> None:
        """Count and price what a target used; the tokens of output where it has not counted."""
        spent = exchange.spend(target, output_tokens)
        labels = (exchange.consumer, exchange.model, target.backend)
        self._metrics.tokens.labels(*labels, "input").inc(spent.input_tokens)
        self._metrics.tokens.labels(*labels, "output").inc(spent.output_tokens)
        self._metrics.cost.labels(*labels).inc(spent.microdollars / DOLLAR)


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise bad_request("the body is no JSON object") from None


def _estimate(model: Model, exchange: Exchange) -> Usage:
    """What a request may come to use: its prompt, and the longest answers it allows."""
    said, longest = estimated_tokens(exchange.prompt_chars), exchange.longest
    return Usage(1, said + longest, microdollars(model.targets[0], said, longest))


def _longest(body: dict[str, Any]) -> int:
    """Tokens of all the answers that a request asks for, each as long as it may be."""
    prompts = body.get("prompt")
    answers = max(_positive(body, "n"), _positive(body, "best_of"), 1)
    answers *= max(len(prompts), 1) if isinstance(prompts, list) else 1
    return answers * (_positive(body, "max_completion_tokens") or _positive(body, "max_tokens"))


def _positive(body: dict[str, Any], field: str) -> int:
    value = body.get(field)
    return value if isinstance(value, int) and value > 0 else 0


def _refused_by_backend(status: int, answer: dict[str, Any]) -> GatewayError:
    """What a backend says is wrong with the request; it is the client's to mend.

    The client alone is told its words, which may quote the prompt.
    """
    error = answer.get("error")
    message = error.get("message") if isinstance(error, dict) else answer.get("message")
    return GatewayError(
        HTTPStatus(status),
        str(message or "the backend refuses the request")[:500],
        kept=f"the backend refused the request: status {status}",
    )
