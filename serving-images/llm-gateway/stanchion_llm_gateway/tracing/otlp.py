"""A request as spans in OpenTelemetry's JSON, with the attributes by which MLflow shows them.

Form: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding; attributes: those of
`mlflow.tracing.constant` in MLflow 3.17.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stanchion_llm_gateway.errors import OK
from stanchion_llm_gateway.exchange import ASK
from stanchion_llm_gateway.ledger import DOLLAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stanchion_llm_gateway.exchange import Exchange, Step

_OK, _ERROR = 1, 2
"""OpenTelemetry's status codes."""
_INTERNAL: Final = 1
_TYPES: Final = {ASK: "CHAT_MODEL"}
_TAG: Final = "mlflow.traceTag."

Message = dict[str, str]


def trace(
    exchange: Exchange, prompt: list[Message] | None, answer: str | None
) -> list[dict[str, Any]]:
    """The spans of one request: its own, and below it those of each step.

    Args:
        exchange: The request, with its trace's id.
        prompt: Its messages as they may be kept; None: traces hold no texts.
        answer: The answer as it may be kept.
    """
    root = secrets.token_hex(8)
    usage = next((step for step in reversed(exchange.steps) if step.kind == ASK), None)
    return [
        _span(
            exchange,
            root,
            "",
            f"{exchange.path.rpartition('/v1/')[2]} {exchange.model}",
            exchange.began,
            exchange.ended,
            "" if exchange.outcome == OK else exchange.error or exchange.outcome,
            {**_facts(exchange), **_contents(prompt, answer)},
        ),
        *(
            _span(
                exchange,
                secrets.token_hex(8),
                root,
                step.name,
                step.began,
                step.ended or exchange.ended,
                step.failed,
                _of_step(step, exchange if step is usage and not step.failed else None),
            )
            for step in exchange.steps
        ),
    ]


def request(spans: Iterable[dict[str, Any]]) -> bytes:
    """The body of one export."""
    source = {"attributes": _attributes({"service.name": "stanchion-llm-gateway"})}
    scope = {"scope": {"name": "stanchion_llm_gateway"}, "spans": list(spans)}
    return msgspec.json.encode({"resourceSpans": [{"resource": source, "scopeSpans": [scope]}]})


def _span(  # noqa: PLR0917 - a span has as many parts
    exchange: Exchange,
    identity: str,
    parent: str,
    name: str,
    began: int,
    ended: int,
    failed: str,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "traceId": exchange.trace_id,
        "spanId": identity,
        **({"parentSpanId": parent} if parent else {}),
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(max(began, ended)),
        "attributes": _attributes(facts),
        "status": {"code": _ERROR, "message": failed} if failed else {"code": _OK},
    }


def _facts(exchange: Exchange) -> dict[str, Any]:
    return {
        "mlflow.spanType": "CHAIN",
        f"{_TAG}stanchion.request_id": exchange.request_id,
        f"{_TAG}stanchion.consumer": exchange.consumer,
        f"{_TAG}stanchion.model": exchange.model,
        f"{_TAG}stanchion.outcome": exchange.outcome,
        **_linked(exchange),
        "http.status": exchange.status,
        "streamed": exchange.streamed,
        "prompt_chars": exchange.prompt_chars,
        "answer_chars": exchange.answer_chars,
    }


def _linked(exchange: Exchange) -> dict[str, str]:
    """The pinned prompt, so that MLflow shows the trace on its page."""
    if exchange.named_prompt is None:
        return {}
    name, version = exchange.named_prompt
    linked = msgspec.json.encode([{"name": name, "version": version}]).decode()
    return {
        f"{_TAG}mlflow.linkedPrompts": linked,
        f"{_TAG}stanchion.prompt": f"{name} version {version}",
    }


def _contents(prompt: list[Message] | None, answer: str | None) -> dict[str, Any]:
    if prompt is None:
        return {}
    said = [{"index": 0, "message": {"role": "assistant", "content": answer or ""}}]
    return {
        "mlflow.message.format": "openai",
        "mlflow.spanInputs": {"messages": prompt},
        "mlflow.spanOutputs": {"choices": said},
    }


def _of_step(step: Step, answered: Exchange | None) -> dict[str, Any]:
    """A step's facts, and what was used where it is the one that answered."""
    facts = {"mlflow.spanType": _TYPES.get(step.kind, "GUARDRAIL"), **step.facts}
    if answered is None:
        return facts
    tokens = (answered.spent.input_tokens, answered.spent.output_tokens)
    return {
        **facts,
        "tokens_estimated": not answered.counted,
        "mlflow.llm.model": step.facts["model"],
        "mlflow.llm.provider": step.facts["backend"],
        "mlflow.chat.tokenUsage": {
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "total_tokens": sum(tokens),
        },
        "mlflow.llm.cost": {"total_cost": answered.spent.microdollars / DOLLAR},
    }


def _attributes(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in facts.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}
