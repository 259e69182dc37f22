"""A gateway as its image runs it, and two backends that do as they are told."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[3]))  # the benchmarks are no installed package

from benchmarks.llm_gateway.process import Running, start
from benchmarks.llm_gateway.stand_in import Behaviour, StandIn

from .tracking import TrackingServer

KEYS = {"chat": "key-of-chat-0123456789", "batch": "key-of-batch-0123456789"}


@pytest.fixture(scope="session")
def own() -> Iterator[StandIn]:
    """A backend in the cluster."""
    made = StandIn().start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def provider() -> Iterator[StandIn]:
    """Somebody else's backend."""
    made = StandIn().start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def fresh(own: StandIn, provider: StandIn) -> None:
    """Nothing is left over from another test."""
    for backend in (own, provider):
        backend.script.clear()
        backend.replies.clear()
        backend.seen.clear()
        backend.headers.clear()
        backend.default = Behaviour()


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    made = TrackingServer(tmp_path_factory.mktemp("tracking"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in made.environment.items():
            environment.setenv(name, value)
        made.start()
        made.admit_gateways()
        yield made
        made.stop()


def configuration(own: StandIn, provider: StandIn, folder: Path, **changes: Any) -> dict[str, Any]:
    """Two backends, one after the other; two consumers with keys."""
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    for name, key in KEYS.items():
        (keys / name).write_text(hashlib.sha256(key.encode()).hexdigest() + "\n")
    (folder / "provider-key").write_text("secret-of-provider\n")
    return {
        "backends": [
            {
                "name": "own",
                "url": own.url,
                "first_byte_seconds": 4,
                "idle_seconds": 3,
                "retries": 1,
            },
            {
                "name": "provider",
                "url": provider.url,
                "external": True,
                "api_key_file": str(folder / "provider-key"),
                "retries": 0,
            },
        ],
        "models": [
            {
                "name": "assistant",
                "targets": [
                    {"backend": "own", "model": "llama", "input_price": 1, "output_price": 2},
                    {"backend": "provider", "model": "gpt", "input_price": 10, "output_price": 20},
                ],
            },
            {"name": "own-only", "targets": [{"backend": "own"}]},
        ],
        "consumers": [{"name": "chat"}, {"name": "batch", "models": ["own-only"]}],
        "authentication": {"keys_dir": str(keys)},
        "drain_seconds": 0.5,
        **changes,
    }


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def shared_gateway(
    own: StandIn, provider: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A gateway with the defaults, for every test that changes nothing in it."""
    folder = tmp_path_factory.mktemp("gateway")
    running = start(configuration(own, provider, folder), folder)
    yield running
    running.stop()


@pytest.fixture
def started(own: StandIn, provider: StandIn, tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway with changes to its configuration."""
    running: list[Running] = []

    def begin(**changes: Any) -> Running:
        running.append(start(configuration(own, provider, tmp_path, **changes), tmp_path))
        return running[-1]

    yield begin
    for each in running:
        each.stop()


def chat(
    gateway: Running,
    text: str = "How do bees find their way home?",
    *,
    key: str = KEYS["chat"],
    **more: Any,
) -> tuple[int, dict[str, str], Any]:
    """One chat request; the answer decoded, of a stream its events."""
    body = {"model": "assistant", "messages": [{"role": "user", "content": text}], **more}
    headers = {"authorization": f"Bearer {key}"}
    status, got, raw = gateway.ask("/v1/chat/completions", body, headers)
    if got.get("content-type", "").startswith("text/event-stream"):
        return status, got, events(raw)
    return status, got, json.loads(raw)


def events(raw: bytes) -> list[Any]:
    """The events of a whole stream; what is no JSON stays text."""
    datas = [line[6:] for line in raw.decode().split("\n") if line.startswith("data: ")]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


def said(pieces: list[Any]) -> str:
    """The text of a streamed chat."""
    return "".join(
        choice["delta"].get("content") or ""
        for piece in pieces
        if isinstance(piece, dict)
        for choice in piece.get("choices", [])
    )
