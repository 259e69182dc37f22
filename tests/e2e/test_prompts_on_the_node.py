"""The loop of language models: a gateway on the node, its traces, gates, and prompts by name.

Named to come late: it leaves the platform as the chapters before it left it, and where there is
none yet, brings it up. What answers is a script in a pod, for the node has no GPU.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.connections import Seen
from e2e.language import EXPERIMENTS, PROMPT, SERVICE, Assistant, assistant_on, said
from e2e.platform import Platform, eventually
from e2e.registry import Registry
from e2e.traffic import Traffic
from mlflow.entities import Trace

pytestmark = [
    pytest.mark.node,
    pytest.mark.usefixtures("unbroken"),
    pytest.mark.full,
]

CONTEXT = "A card costs 12 euros a year."
NAMED: dict[str, Any] = {
    "prompt": {"id": PROMPT, "variables": {"context": CONTEXT, "question": "What does it cost?"}}
}
"""A chat that names the prompt."""
PLAIN = {"messages": [{"role": "user", "content": f"Text: {CONTEXT} Question: What is it?"}]}
CARD = "4111 1111 1111 1111"
GOOD = "Answer from the text alone."
BETTER = "Answer from the text alone. Begin with 'Answer:'."
BAD = "Guess."


@pytest.fixture(scope="module")
def assistant(platform: Platform) -> Iterator[Assistant]:
    began = time.monotonic()
    with assistant_on(platform) as made:
        _tell(began, "platform, model and gateway are up")
        yield made


def test_a_chat_is_answered_on_the_node_and_its_trace_arrives_in_mlflow(
    assistant: Assistant,
) -> None:
    began = time.monotonic()
    question = f"Text: My card is {CARD}. Question: What is it?"
    asked = [{"role": "user", "content": question}]
    assistant.await_answer(messages=asked)
    assert said(assistant.asked(messages=asked)[1]) == "My card is <CREDIT_CARD>."
    status, answer = assistant.asked(**NAMED)
    assert (status, answer["error"]["code"]) == (404, "prompt_not_found"), "nothing is pinned yet"
    found = _traces(assistant)
    _tell(began, "the chat is a trace in MLflow")
    audited = assistant.platform.kubectl("logs", f"deployment/{SERVICE}", "-n", "demo")
    for kept in (json.dumps([trace.to_dict() for trace in found]), audited):
        assert "My card is <CREDIT_CARD>." in kept
        assert CARD not in kept
    assert {trace.info.tags["stanchion.consumer"] for trace in found} == {"web"}


def test_the_running_gateway_is_held_to_its_gates(assistant: Assistant) -> None:
    began = time.monotonic()
    passed = assistant.platform.stanchion("evaluate", SERVICE)
    _tell(began, "evaluated")
    run = re.search(r"write `evaluation: ([0-9a-f]{32})`", passed.stderr)
    assert run, passed.stderr
    kept = Registry(assistant.platform).ask("GET", f"runs/get?run_id={run[1]}")["run"]["data"]
    assert {"key": "stanchion.gates", "value": "passed"} in kept["tags"]
    figures = {metric["key"]: metric["value"] for metric in kept["metrics"]}
    assert figures["contains/mean"] == figures["groundedness/mean"] == 1.0


def test_prompts_that_pass_their_gates_are_rolled_out_with_no_failed_request(
    assistant: Assistant,
) -> None:
    first = assistant.register(GOOD)
    began = time.monotonic()
    with assistant.traffic(**PLAIN) as traffic:
        assistant.platform.stanchion("promote", PROMPT, first, "--prompt")
    _tell(began, f"prompt version {first} serves, after {traffic.answered} chats")
    assert traffic.failures == []
    assert traffic.answered > 50
    assert (assistant.pinned(), _champion(assistant)) == (first, first)
    assert said(assistant.asked(**NAMED)[1]) == CONTEXT

    second = assistant.register(BETTER)
    began = time.monotonic()
    with assistant.traffic(**NAMED) as traffic:
        assistant.platform.stanchion("promote", PROMPT, second, "--prompt")
        _tell(began, f"prompt version {second} serves")
        _until(traffic, "Answer:")
    _tell(began, f"{traffic.answered} chats")
    assert traffic.failures == []
    assert set(traffic.versions) == {"A", "Answer:"}
    assert (assistant.pinned(), _champion(assistant)) == (second, second)
    shown = assistant.platform.stanchion("status").stdout
    assert re.search(rf"{SERVICE}\s+demo\s+ollama\s+{PROMPT} {second}\s+\d/\d\s+-\s+http://", shown)


def test_a_trace_names_its_prompt_and_how_much_of_the_answer_was_given(
    assistant: Assistant,
) -> None:
    status, answer = assistant.asked(**NAMED)
    assert (status, said(answer)) == (200, f"Answer: {CONTEXT}")
    began = time.monotonic()
    trace = _traces(assistant, prompt=f"{PROMPT} version {assistant.pinned()}", scored=True)[0]
    _tell(began, "a trace with its prompt has its score")
    (score,) = trace.info.assessments
    assert (score.name, score.rationale) == ("groundedness", "not in what was given: answer")


def test_a_prompt_that_makes_answers_worse_is_refused_with_the_figures(
    assistant: Assistant,
) -> None:
    before = assistant.pinned()
    bad = assistant.register(BAD)
    began = time.monotonic()
    with assistant.traffic(**NAMED) as traffic:
        refused = assistant.platform.stanchion("promote", PROMPT, bad, "--prompt", check=False)
    _tell(began, f"prompt version {bad} is refused")
    assert refused.returncode == 1
    assert "contains 0 < 0.9" in refused.stderr
    assert f"contains 0 is 1 worse than version {before}'s 1, at most 0.02" in refused.stderr
    assert (traffic.failures, set(traffic.versions)) == ([], {"Answer:"})
    assert (assistant.pinned(), _champion(assistant)) == (before, before)
    kept = Registry(assistant.platform).version(bad, PROMPT)
    assert kept is not None
    told = {tag["key"]: tag["value"] for tag in kept["tags"]}
    assert told["stanchion.promotion"].startswith("refused: does not pass its gates")


def test_a_rollback_brings_the_prompt_before_with_no_failed_request(
    assistant: Assistant,
) -> None:
    left = assistant.pinned()
    began = time.monotonic()
    with assistant.traffic(**NAMED) as traffic:
        assistant.platform.stanchion("rollback", PROMPT, "--prompt", "--reason", "too wordy")
        _tell(began, "the prompt before serves again")
        _until(traffic, "A")
    _tell(began, f"{traffic.answered} chats")
    assert traffic.failures == []
    assert set(traffic.versions) == {"A", "Answer:"}
    assert assistant.pinned() != left
    assert _champion(assistant) == assistant.pinned()


def test_its_connections_are_those_that_the_network_policies_allow(assistant: Assistant) -> None:
    assistant.asked(**NAMED)
    seen = Seen.of(assistant.platform)
    asked = {
        each.destination.partition("-")[0]
        for each in seen.connections
        if each.source.startswith(f"demo/{SERVICE}-")
    }
    assert asked >= {"demo/ollama", "tracking/mlflow"}, "the check sees its traffic"
    assert seen.forbidden(rf"demo/({SERVICE}-|ollama)") == []


def test_without_its_file_nothing_of_it_is_left_on_the_node(assistant: Assistant) -> None:
    assert assistant.left() != []
    assert "0 created, 0 changed" in assistant.take_down(), "what is pinned of it does no harm"
    eventually(lambda: assistant.left() == [], seconds=120, what="that all of it is gone")


def test_up_says_which_secret_a_gateway_waits_for_and_goes_on_once_it_is_there(
    assistant: Assistant,
) -> None:
    began = time.monotonic()
    told = assistant.forgotten()
    _tell(began, "up with Secrets that came late")
    assert "Deployment demo/assistant" in told
    assert re.search('secret "assistant-(consumers|mlflow)" not found', told)
    assert said(assistant.asked(**NAMED)[1]) == CONTEXT


def _champion(assistant: Assistant) -> str:
    return Registry(assistant.platform).alias(PROMPT, "champion")


def _until(traffic: Traffic, answer: str) -> None:
    """Wait until an answer was given often: the old replica drains for ten seconds."""
    enough = traffic.versions[answer] + 50
    eventually(lambda: traffic.versions[answer] > enough, seconds=120, what=f"{answer} alone")


def _traces(assistant: Assistant, *, prompt: str = "", scored: bool = False) -> list[Trace]:
    """The latest traces of requests, all or those with a prompt and a score; once there is one."""
    found: list[Trace] = []

    def wanted(trace: Trace) -> bool:
        named = trace.info.tags.get("stanchion.prompt", "") == prompt or not prompt
        return named and (bool(trace.info.assessments) or not scored)

    with assistant.registry() as client:

        def there() -> bool:
            known = client.get_experiment_by_name(EXPERIMENTS[0])
            if known is not None:
                found.extend(filter(wanted, client.search_traces(locations=[known.experiment_id])))
            return bool(found)

        eventually(there, seconds=120, what="a trace")
    return found


def _tell(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:5.0f} s: {what}")
