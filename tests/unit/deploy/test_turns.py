"""Of two that bring an environment up at once, the second one waits, and nothing has failed."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import automation
from stanchion_cli.deploy import engine, turns
from stanchion_cli.deploy.turns import BusyError, alone
from unit.deploy.clock import Clock

LOCKED = automation.CommandResult("", "error: the stack is currently locked by 1 lock(s)", 255)
IN_PROGRESS = automation.CommandResult(
    "", "error: [409] Conflict: Another update is currently in progress.", 255
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    return clock


class Stack:
    """A stack that another run holds for so many tries."""

    def __init__(self, held: float, said: automation.CommandResult) -> None:
        self.tries = 0
        self._held, self._said = held, said

    def up(self, **_: Any) -> None:
        self.tries += 1
        if self.tries <= self._held:
            raise automation.ConcurrentUpdateError(self._said)


def _up(root: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str = "dev-aws") -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/uv")
    monkeypatch.setattr(engine, "prepare", lambda _: None)
    monkeypatch.setattr(engine, "_refuse_applyset", lambda *_: None)
    monkeypatch.setattr(engine, "_stack", lambda *_: stack)
    preview: Any = SimpleNamespace(environment=name, profile="dev")
    engine.up(root, preview)


@pytest.mark.parametrize("said", [LOCKED, IN_PROGRESS], ids=["folder or bucket", "service"])
def test_the_engine_waits_for_another_run_says_so_once_and_goes_on(
    said: automation.CommandResult,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = Stack(3, said)
    _up(tmp_path, stack, monkeypatch)
    assert stack.tries == 4
    told = capsys.readouterr().err
    assert told.count("dev-aws: waiting, since another run of the engine is changing it") == 1
    assert 0 < clock.now < 60


@pytest.mark.parametrize(("name", "cancels"), [("dev-aws", True), ("local", False)])
def test_another_run_without_an_end_is_told_as_that_and_not_as_a_failure(
    name: str, cancels: bool, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    with pytest.raises(BusyError) as caught:
        _up(tmp_path, Stack(float("inf"), LOCKED), monkeypatch, name)
    assert "another run of the engine is changing it; wait until that has ended" in str(
        caught.value
    )
    assert (f"pulumi cancel -s {name}" in str(caught.value)) == cancels
    assert 600 <= clock.now < 660


def test_without_the_engine_the_second_up_of_a_checkout_waits_for_the_first(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stacks").mkdir()
    up: Any = importlib.import_module("stanchion_cli.commands.up")
    said: list[str] = []
    monkeypatch.setattr(up, "_roll_out", lambda _, name, **__: said.append(f"{name} is rolled out"))
    with ExitStack() as first:
        first.enter_context(alone(tmp_path, "local"))
        first.callback(said.append, "the first one ends")
        clock.meanwhile.append(first.close)
        up.roll_out(tmp_path, "local", engine=False)
    assert said == ["the first one ends", "local is rolled out"]


def test_without_the_engine_an_up_without_an_end_is_told_and_one_that_has_ended_holds_nobody(
    clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "stacks").mkdir()
    with (
        alone(tmp_path, "local"),
        pytest.raises(BusyError, match="another `up` of this checkout is running"),
        alone(tmp_path, "local"),
    ):
        pass
    assert 600 <= clock.now < 660
    with alone(tmp_path, "local"):
        pass
    assert list((tmp_path / "stacks").iterdir()) == []
