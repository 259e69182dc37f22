"""`promote` and `status` of an environment in a cloud, its services in a stack of their own."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stanchion_cli.commands.promote import promote
from stanchion_cli.commands.rollback import rollback
from stanchion_cli.commands.status import status
from stanchion_cli.deploy import engine, reach
from stanchion_cli.deploy.api import Ref
from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import StanchionError
from stanchion_cli.llm import adapter_release, prompt_release
from stanchion_cli.models import lockfile, promotion
from stanchion_cli.models import rollback as rollbacks

ASSISTANT = {
    "tenant": "demo",
    "namespace": "demo",
    "model": None,
    "revision": None,
    "external": ["ollama"],
    "prompts": ["faq", "tone"],
}
SERVICE = {
    "name": "wine",
    "tenant": "demo",
    "namespace": "demo",
    "port": 80,
    "model": "wine-cultivar",
    "strategy": "canary",
    "releaseSeconds": 60,
}


class World:
    """A checkout whose environment `prod` has its services in the stack `prod-services`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.context = ""
        self.rolled_out: list[str] = []
        self.requests: list[promotion.Request] = []
        self.rolled_back: list[rollbacks.Request] = []
        self.prompts: list[prompt_release.Request] = []
        self.destinations: list[Any] = []
        self.replicas: dict[str, Any] | None = {"spec": {"replicas": 2}, "status": {}}
        self.rollout: dict[str, Any] | None = None
        self.adapter_served: str | None = "2"

    def preview_with(self, _root: Path, name: str, layer: str) -> tuple[str, Any]:
        assert layer == "services"
        assert name in {"prod", "prod-services"}
        adapter = {"base": "a@b", "rank": 16, "version": self.adapter_served}
        return "prod", SimpleNamespace(
            environment="prod-services",
            outputs={
                "services": {"wine": SERVICE},
                "llmServices": {
                    "assistant": {**ASSISTANT, "adapters": {"assistant-lora": adapter}}
                },
                "tracking": {},
            },
        )

    @contextmanager
    def reached(self, _root: Path, _name: str, _preview: Any, context: str) -> Iterator[Target]:
        self.context = context
        yield Target("prod", bundled=None, kubeconfig=None, context=context)

    def promote(
        self, request: Any, _preview: Any, target: Target, *, roll_out: Any, destination: Any
    ) -> None:
        assert target.context == self.context
        self.requests.append(request)
        self.destinations.append(destination)
        if roll_out is not None:
            roll_out()

    def promote_adapter(
        self, release: adapter_release.Release, *, roll_out: Any, destination: Any
    ) -> None:
        assert list(release.services) == ["assistant"]
        self.requests.append(release.request)
        self.destinations.append(destination)
        if roll_out is not None:
            roll_out()

    def roll_back_adapter(
        self, release: adapter_release.Release, *, reason: str, roll_out: Any
    ) -> lockfile.AdapterPin:
        self.requests.append(release.request)
        roll_out()
        return lockfile.AdapterPin("2", reason, "a@b", 16)

    def roll_back(self, request: Any, _preview: Any, target: Target, *, roll_out: Any) -> Any:
        assert target.context == self.context
        self.rolled_back.append(request)
        if roll_out is not None:
            roll_out()
        return lockfile.Pin("wine-cultivar", "1", f"sha256:{'a' * 64}")

    def promote_prompt(
        self, request: Any, _outputs: Any, _target: Any, *, roll_out: Any, destination: Any
    ) -> None:
        self.prompts.append(request)
        self.destinations.append(destination)
        if roll_out is not None:
            roll_out()

    def roll_back_prompt(
        self, request: Any, outputs: Any, target: Any, *, reason: str, roll_out: Any
    ) -> lockfile.PromptPin:
        self.promote_prompt(request, outputs, target, roll_out=roll_out, destination=None)
        assert reason == "by hand"
        return lockfile.PromptPin("2", f"sha256:{'a' * 64}", ())

    def list(self, *_: str, **__: str) -> Iterator[dict[str, Any]]:
        return iter(())

    def get(self, ref: Ref) -> dict[str, Any] | None:
        if ref.kind == "Rollout":
            return self.rollout
        assert ref in {Ref("apps/v1", "Deployment", "demo", name) for name in ("wine", "assistant")}
        return self.replicas


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "Pulumi.yaml").write_text("name: stanchion\nruntime: python\n")
    (tmp_path / "stacks" / "services").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    made = World(tmp_path)
    monkeypatch.setattr(engine, "available", lambda: True)
    monkeypatch.setattr(reach, "preview_with", made.preview_with)
    monkeypatch.setattr(reach, "reached", made.reached)
    monkeypatch.setattr(promotion, "promote_version", made.promote)
    monkeypatch.setattr(adapter_release, "promote", made.promote_adapter)
    monkeypatch.setattr(adapter_release, "roll_back", made.roll_back_adapter)
    monkeypatch.setattr(rollbacks, "roll_back", made.roll_back)
    monkeypatch.setattr(prompt_release, "promote", made.promote_prompt)
    monkeypatch.setattr(prompt_release, "roll_back", made.roll_back_prompt)
    # The package's attribute of this name is the command itself.
    up = importlib.import_module("stanchion_cli.commands.up")
    monkeypatch.setattr(up, "roll_out", lambda _root, stack: made.rolled_out.append(stack))
    monkeypatch.setattr(Target, "api", lambda _: made)
    monkeypatch.setattr(Target, "kubectl", lambda _: ["kubectl", "--context=eks-prod"])
    return made


@pytest.mark.parametrize("named", ["prod", "prod-services"])
def test_the_environments_lock_file_is_written_and_its_services_stack_rolled_out(
    world: World, named: str
) -> None:
    promote("wine-cultivar", "2", named)
    assert [request.environment for request in world.requests] == ["prod"]
    assert world.rolled_out == ["prod-services"]


def test_an_adapter_that_a_service_declares_is_promoted_by_the_same_command(world: World) -> None:
    promote("assistant-lora", "3", environment="prod")
    (request,) = world.requests
    assert (request.model, request.version) == ("assistant-lora", "3")
    assert world.rolled_out == ["prod-services"]
    rollback("assistant-lora", to="2", environment="prod", reason="rude")
    assert world.requests[-1].version == "2"
    assert world.rolled_back == []


@pytest.mark.parametrize(
    ("name", "prompt", "branch"),
    [
        ("wine-cultivar", False, "promote/prod/models/wine-cultivar/2"),
        ("assistant-lora", False, "promote/prod/adapters/assistant-lora/2"),
        ("faq", True, "promote/prod/prompts/faq/2"),
    ],
)
def test_a_proposal_takes_no_engine_and_rolls_nothing_out(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    prompt: bool,
    branch: str,
) -> None:
    monkeypatch.setattr(engine, "available", lambda: False)
    subprocess.run(["git", "init", "--quiet"], cwd=world.root, check=True)
    promote(name, "2", "prod", propose=True, prompt=prompt)
    (destination,) = world.destinations
    assert destination.branch == branch
    assert world.rolled_out == []
    said = capsys.readouterr().err
    assert "this command again without --propose moves the alias" in said
    again = f"stanchion promote {name} 2{' --prompt' if prompt else ''} --env prod"
    assert destination.command == again


def test_without_the_engine_nothing_is_begun_and_the_way_on_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "available", lambda: False)
    with pytest.raises(StanchionError, match=r"needs the Pulumi engine.*--no-wait"):
        promote("wine-cultivar", "2", "prod")
    assert world.requests == []


def test_without_the_engine_a_version_is_pinned_through_a_context(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "available", lambda: False)
    promote("wine-cultivar", "2", "prod", wait=False, context="eks-prod")
    assert (world.context, world.rolled_out) == ("eks-prod", [])
    said = capsys.readouterr().err
    assert "commit stacks/services/prod.lock.yaml; the next `up` of prod-services" in said


def test_nothing_is_begun_while_another_adapter_would_have_its_rollout_refused(
    world: World,
) -> None:
    pin = lockfile.AdapterPin("2", f"sha256:{'a' * 64}", "a@former", 16)
    lockfile.write_adapter(world.root, "prod", "assistant-lora", {"assistant": pin})
    world.adapter_served = None
    told = r"adapter assistant-lora version 2: is pinned for assistant.*trained on a@b.*--no-wait"
    with pytest.raises(StanchionError, match=told):
        promote("wine-cultivar", "2", "prod")
    with pytest.raises(StanchionError, match=told):
        rollback("wine", environment="prod")
    assert (world.requests, world.rolled_back) == ([], [])
    promote("wine-cultivar", "2", "prod", wait=False)
    promote("assistant-lora", "3", "prod")
    assert [request.model for request in world.requests] == ["wine-cultivar", "assistant-lora"]


def test_a_rollback_goes_to_the_services_stack_with_its_reason(world: World) -> None:
    rollback("wine", environment="prod", reason="drift", context="eks-prod")
    (request,) = world.rolled_back
    assert (request.environment, request.service, request.version) == ("prod", "wine", None)
    assert (request.reason, world.rolled_out) == ("drift", ["prod-services"])


def test_a_rollback_that_does_not_wait_tells_how_to_go_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    rollback("wine", to="1", environment="prod", wait=False)
    assert world.rolled_out == []
    said = capsys.readouterr().err
    assert "the next `up` of prod-services rolls it out" in said
    assert "--to 1" in said


def test_a_prompt_is_promoted_and_rolled_back_as_a_model_is(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    promote("faq", "3", "prod", prompt=True)
    rollback("faq", environment="prod", prompt=True)
    assert [request.version for request in world.prompts] == ["3", ""]
    assert world.rolled_out == ["prod-services"] * 2
    rollback("faq", environment="prod", prompt=True, wait=False)
    assert len(world.rolled_out) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "prompt faq version 3 serves in prod",
        "prompt faq version 2 serves in prod",
    ]
    assert said[2] == (
        "commit stacks/services/prod.lock.yaml; the next `up` of prod-services rolls it out, and "
        "this command again without --no-wait, with --to 2, moves the alias"
    )


def test_status_tells_pins_replicas_and_the_way_to_a_service(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = lockfile.Pin("wine-cultivar", "7", f"sha256:{'a' * 64}")
    lockfile.write(world.root, "prod", {"wine": pin})
    status("prod", context="eks-prod")
    said = capsys.readouterr().out
    assert " ".join(said.splitlines()[1].split()) == (
        "wine demo wine-cultivar 7 0/2 - http://127.0.0.1:8080"
    )
    forward = "kubectl --context=eks-prod port-forward --namespace=demo service/wine 8080:80"
    assert f"reach it with: {forward}" in said


def test_status_tells_which_adapters_and_prompts_of_a_language_model_are_served(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = lockfile.PromptPin("3", f"sha256:{'a' * 64}", ())
    lockfile.write_prompt(world.root, "prod", "faq", {"assistant": pin})
    status("prod", context="eks-prod")
    said = capsys.readouterr().out
    assert " ".join(said.splitlines()[2].split()) == (
        "assistant demo ollama assistant-lora 2, faq 3, tone not pinned 0/2 - http://127.0.0.1:8080"
    )
    assert "port-forward --namespace=demo service/assistant 8080:80" in said


def test_status_tells_why_a_release_was_taken_back(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rollout = {
        "kind": "Rollout",
        "metadata": {"name": "wine", "namespace": "demo", "uid": "1"},
        "spec": {"replicas": 2, "strategy": {"canary": {}}},
        "status": {
            "phase": "Degraded",
            "abort": True,
            "stableRS": "a",
            "currentPodHash": "b",
            "message": "RolloutAborted: too many errors",
            "readyReplicas": 2,
        },
    }
    status("prod")
    said = capsys.readouterr().out
    assert "2/2 taken back" in " ".join(said.split())
    assert "wine was taken back: RolloutAborted: too many errors" in said


def test_status_of_what_is_not_deployed_shows_no_way_to_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.replicas = None
    status("prod")
    said = capsys.readouterr().out
    assert "not pinned" in said
    assert "not deployed" in said
    assert "reach it with" not in said
