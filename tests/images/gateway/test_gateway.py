"""The gateway's process over HTTP, against backends on loopback."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path

import pytest

from benchmarks.llm_gateway.process import Running
from benchmarks.llm_gateway.stand_in import ANSWER, Behaviour, StandIn

from .conftest import KEYS, Start, chat, configuration, said

pytestmark = pytest.mark.servers

AUTHORIZED = {"authorization": f"Bearer {KEYS['chat']}"}


def test_a_chat_is_answered_under_the_name_the_client_knows(
    shared_gateway: Running, own: StandIn
) -> None:
    status, headers, answer = chat(shared_gateway)
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == ANSWER
    assert answer["model"] == "assistant"
    assert own.seen[0]["model"] == "llama"
    assert own.headers[0]["x-request-id"] == headers["x-request-id"]


def test_a_consumers_key_goes_no_further_than_the_gateway(
    shared_gateway: Running, own: StandIn, provider: StandIn
) -> None:
    own.will(Behaviour(status=503), Behaviour(status=503))
    assert chat(shared_gateway)[0] == 200
    assert "authorization" not in own.headers[0]
    assert provider.headers[0]["authorization"] == "Bearer secret-of-provider"


def test_completions_embeddings_and_models_are_spoken(
    shared_gateway: Running, own: StandIn
) -> None:
    body = {"model": "assistant", "prompt": "Once upon a time"}
    status, _, raw = shared_gateway.ask("/v1/completions", body, AUTHORIZED)
    assert (status, json.loads(raw)["choices"][0]["text"]) == (200, ANSWER)
    texts = {"model": "assistant", "input": ["one", "two"]}
    status, _, raw = shared_gateway.ask("/v1/embeddings", texts, AUTHORIZED)
    assert (status, json.loads(raw)["data"][0]["embedding"]) == (200, [0.0])
    status, _, raw = shared_gateway.ask("/v1/models", None, AUTHORIZED)
    assert [model["id"] for model in json.loads(raw)["data"]] == ["assistant", "own-only"]


def test_a_stream_says_the_same_as_the_backend_and_ends_as_it_should(
    shared_gateway: Running,
) -> None:
    status, _, pieces = chat(shared_gateway, stream=True)
    assert status == 200
    assert said(pieces) == ANSWER
    assert pieces[-1] == "[DONE]"
    assert pieces[-2]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in piece for piece in pieces[:-1]), "the client asked for none"


def test_a_client_that_asks_for_usage_gets_it(shared_gateway: Running) -> None:
    _, _, pieces = chat(shared_gateway, stream=True, stream_options={"include_usage": True})
    assert pieces[-2]["usage"]["prompt_tokens"] == 10


@pytest.mark.parametrize("key", ["", "wrong", KEYS["chat"][:-1]])
def test_who_is_unknown_gets_nothing(shared_gateway: Running, own: StandIn, key: str) -> None:
    status, headers, answer = chat(shared_gateway, key=key)
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    assert headers["www-authenticate"] == "Bearer"
    assert own.seen == []


def test_a_consumer_has_its_own_models(shared_gateway: Running) -> None:
    headers = {"authorization": f"Bearer {KEYS['batch']}"}
    _, _, raw = shared_gateway.ask("/v1/models", None, headers)
    assert [model["id"] for model in json.loads(raw)["data"]] == ["own-only"]
    status, _, answer = chat(shared_gateway, key=KEYS["batch"])
    assert (status, answer["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "no JSON object"),
        (b"[]", "no JSON object"),
        (b'{"model":"assistant","messages":"hi"}', "messages is no list"),
        (b'{"model":"assistant","prompt":[1,2]}', "token numbers are not read"),
        (b'{"model":"assistant","messages":[{"role":"user","content":5}]}', "neither text nor"),
        (b'{"model":"assistant","messages":[{"role":"user","content":[5]}]}', "neither text nor"),
        (
            b'{"model":"assistant","messages":[{"role":"user","content":[{"type":"riddle"}]}]}',
            "read of the types input_text, output_text, refusal, text, thinking",
        ),
        (b'{"model":"assistant","messages":[{"tool_calls":5}]}', "is no text"),
        (
            b'{"model":"assistant","messages":[{"tool_calls":[{"function":{"arguments":{}}}]}]}',
            "is no text",
        ),
    ],
)
def test_what_guardrails_cannot_read_is_refused(
    shared_gateway: Running, own: StandIn, body: bytes, told: str
) -> None:
    status, _, raw = shared_gateway.ask("/v1/chat/completions", body, AUTHORIZED)
    assert status == 400
    assert told in json.loads(raw)["error"]["message"]
    assert own.seen == []


def test_a_body_beyond_the_limit_is_not_read(started: Start) -> None:
    status, _, answer = chat(started(max_body_bytes=1024), "x" * 5000)
    assert (status, "larger than 1024" in answer["error"]["message"]) == (413, True)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_the_next_target_answers_where_the_first_fails(
    shared_gateway: Running, own: StandIn, provider: StandIn, status: int
) -> None:
    own.will(Behaviour(status=status), Behaviour(status=status))
    assert chat(shared_gateway)[0] == 200
    assert len(own.seen) == (1 if status == 429 else 2), "its own limit is not tried again"
    assert provider.seen[0]["model"] == "gpt"


def test_a_failure_that_passes_is_tried_again_first(
    shared_gateway: Running, own: StandIn, provider: StandIn
) -> None:
    own.will(Behaviour(status=502), Behaviour())
    assert chat(shared_gateway)[0] == 200
    assert (len(own.seen), len(provider.seen)) == (2, 0)


def test_what_is_the_clients_fault_is_told_and_not_tried_elsewhere(
    shared_gateway: Running, own: StandIn, provider: StandIn
) -> None:
    own.will(Behaviour(status=400))
    status, _, answer = chat(shared_gateway)
    assert (status, answer["error"]["message"]) == (400, "told to fail with 400")
    assert provider.seen == []


def test_a_slow_backend_is_left_for_the_next_at_once(started: Start, own: StandIn) -> None:
    own.will(Behaviour(wait=10), Behaviour(wait=10))
    gateway = started()
    assert chat(gateway, stream=True)[0] == 200
    failures = 'llm_gateway_backend_failures_total{backend="own",reason="timeout"} 1.0'
    assert failures in gateway.settled()


def test_a_whole_answer_may_take_longer_than_the_beginning_of_a_stream(
    shared_gateway: Running, own: StandIn
) -> None:
    own.will(Behaviour(wait=6))
    assert chat(shared_gateway)[0] == 200
    assert len(own.seen) == 1


def test_a_whole_answer_that_is_too_long_in_coming_is_left_for_the_next(
    started: Start, own: StandIn, provider: StandIn, tmp_path: Path
) -> None:
    backends = configuration(own, provider, tmp_path)["backends"]
    gateway = started(backends=[{**backends[0], "answer_seconds": 1}, backends[1]])
    own.will(Behaviour(wait=5))
    assert chat(gateway)[0] == 200
    assert (len(own.seen), len(provider.seen)) == (1, 1)


def test_a_stream_that_takes_too_long_says_so_and_ends(started: Start, own: StandIn) -> None:
    gateway = started(stream_seconds=2)
    own.will(Behaviour(text="word " * 200, pause=0.1))
    _, _, pieces = chat(gateway, stream=True)
    assert pieces[-2]["error"]["code"] == "timeout"
    assert pieces[-1] == "[DONE]"


def test_when_all_fail_the_client_is_told_so(
    shared_gateway: Running, own: StandIn, provider: StandIn
) -> None:
    for statuses, told in (((500, 500, 500), 502), ((429, 429), 429)):
        own.script.clear()
        provider.script.clear()
        own.will(*(Behaviour(status=s) for s in statuses[:-1]))
        provider.will(Behaviour(status=statuses[-1]))
        assert chat(shared_gateway)[0] == told


def test_after_the_first_byte_nobody_else_is_asked(
    shared_gateway: Running, own: StandIn, provider: StandIn
) -> None:
    own.will(Behaviour(break_after=4))
    status, _, pieces = chat(shared_gateway, stream=True)
    assert status == 200
    assert pieces[-2]["error"]["message"] == "the backend broke off"
    assert provider.seen == []


def test_a_stream_that_falls_silent_is_ended(shared_gateway: Running, own: StandIn) -> None:
    own.will(Behaviour(pause=8))
    _, _, pieces = chat(shared_gateway, stream=True)
    assert pieces[-2]["error"]["type"] == "timeout"


def test_prices_and_tokens_are_counted_by_target(
    started: Start, own: StandIn, provider: StandIn
) -> None:
    gateway = started()
    words = len(ANSWER.split())
    chat(gateway)
    chat(gateway, stream=True)
    own.will(Behaviour(status=503), Behaviour(status=503))
    chat(gateway)
    metrics = gateway.settled()
    for backend, requests, prices in (("own", 2, (1, 2)), ("provider", 1, (10, 20))):
        for direction, each in (("input", 10), ("output", words)):
            labels = (
                f'backend="{backend}",consumer="chat",direction="{direction}",model="assistant"'
            )
            assert f"llm_gateway_tokens_total{{{labels}}} {requests * each:.1f}" in metrics
        cost = requests * (10 * prices[0] + words * prices[1]) / 1000
        labels = f'backend="{backend}",consumer="chat",model="assistant"'
        begin = f"llm_gateway_cost_dollars_total{{{labels}}}"
        (line,) = [each for each in metrics.splitlines() if each.startswith(begin)]
        assert float(line.split()[-1]) == pytest.approx(cost)


def test_a_client_that_leaves_stops_the_backend(shared_gateway: Running, own: StandIn) -> None:
    own.will(Behaviour(text="word " * 200, pause=0.05))
    before = own.hung_up
    connection = http.client.HTTPConnection("127.0.0.1", shared_gateway.port, timeout=10)
    body = {
        "model": "assistant", "stream": True, "messages": [{"role": "user", "content": "talk"}],
    }  # fmt: skip
    connection.request("POST", "/v1/chat/completions", json.dumps(body), AUTHORIZED)
    connection.getresponse().read1(10)
    connection.close()
    give_up = time.monotonic() + 9
    while own.hung_up == before and time.monotonic() < give_up:
        time.sleep(0.05)
    assert own.hung_up == before + 1
