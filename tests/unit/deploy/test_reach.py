"""How the cluster of an environment that is up is found, and what is said where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from pulumi import automation
from stanchion_cli.deploy import engine
from stanchion_cli.deploy.reach import reached
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview import UNKNOWN, Preview

COMMAND = "sh"
"""Stands for a cloud's own command that gives credentials: it is there."""


def _kubeconfig(command: str = COMMAND) -> str:
    user = {"name": "dev", "user": {"exec": {"command": command}}}
    return json.dumps({"apiVersion": "v1", "kind": "Config", "users": [user]})


class Engine:
    """What the engine would answer about a stack."""

    def __init__(self) -> None:
        self.outputs: dict[str, Any] = {"cluster": {"kubeconfig": _kubeconfig()}}
        self.refusal: automation.CommandError | None = None
        self.asked: list[str] = []

    def select(self, name: str, **_: Any) -> Any:
        self.asked.append(name)
        if self.refusal:
            raise self.refusal
        found = {key: SimpleNamespace(value=value) for key, value in self.outputs.items()}
        return SimpleNamespace(outputs=lambda: found)


@pytest.fixture
def pulumi(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(automation, "select_stack", made.select)
    monkeypatch.setattr(engine, "available", lambda: True)
    return made


def _preview(exported: object, **inputs: object) -> Preview:
    """A stack of an environment whose program names, or does not know, its cluster."""
    provider = SimpleNamespace(type="pulumi:providers:kubernetes", inputs=inputs)
    found = SimpleNamespace(
        environment="dev-services",
        resources=[provider],
        outputs={"cluster": {"bundled": None, "kubeconfig": exported}},
    )
    return cast("Preview", found)


IN_A_CLOUD = _preview(UNKNOWN, kubeconfig=UNKNOWN)


def test_a_clouds_cluster_is_the_one_that_the_environments_stack_exports(
    pulumi: Engine, tmp_path: Path
) -> None:
    with reached(tmp_path, "dev", IN_A_CLOUD) as target:
        assert target.kubeconfig is not None
        assert target.kubeconfig.read_text("utf-8") == _kubeconfig()
        assert target.kubeconfig.stat().st_mode & 0o077 == 0
    assert not target.kubeconfig.exists(), "it is gone with the block"
    assert pulumi.asked == ["dev"], "the services' stack may not be up yet"


def test_a_cluster_that_the_program_names_is_used_without_the_engine(tmp_path: Path) -> None:
    named = _preview(None, kubeconfig="/etc/kubeconfig", context="kind-dev")
    with reached(tmp_path, "dev", named) as target:
        assert (target.kubeconfig, target.context) == (Path("/etc/kubeconfig"), "kind-dev")


def test_a_context_is_used_whatever_the_environment_says(
    pulumi: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _contexts(tmp_path, monkeypatch, "prod", "dev")
    with reached(tmp_path, "dev", IN_A_CLOUD, "dev") as target:
        assert (target.kubeconfig, target.context, target.bundled) == (None, "dev", None)
    assert pulumi.asked == []


def test_a_context_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _contexts(tmp_path, monkeypatch, "prod", "dev")
    refused = pytest.raises(InputError, match=r"--context staging: .*there are: prod, dev")
    with refused, reached(tmp_path, "dev", IN_A_CLOUD, "staging"):
        pass


def _contexts(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    file = folder / "kubeconfig"
    listed = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names]
    known = {"clusters": [{"name": "c", "cluster": {}}], "users": [{"name": "u", "user": {}}]}
    file.write_text(yaml.safe_dump({**known, "contexts": listed, "current-context": names[0]}))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))


def test_without_the_engine_the_ways_on_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "available", lambda: False)
    _refused(tmp_path, r"`pulumi` is not on PATH; install it .*--context")


def test_a_stack_that_is_not_up_is_told_with_the_command_that_brings_it_up(
    pulumi: Engine, tmp_path: Path
) -> None:
    pulumi.outputs = {}
    _refused(tmp_path, r"dev: its stack exports no cluster.*`stanchion up dev`.*--context")


def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "/none")
    refused = pytest.raises(InputError, match=r"--context dev: your kubeconfig cannot be used")
    with refused, reached(tmp_path, "dev", IN_A_CLOUD, "dev"):
        pass


def test_a_backend_that_cannot_be_opened_is_told_in_the_engines_words(
    pulumi: Engine, tmp_path: Path
) -> None:
    said = automation.CommandResult("", "error: PULUMI_ACCESS_TOKEN must be set", 255)
    pulumi.refusal = automation.CommandError(said)
    _refused(tmp_path, r"dev: .*PULUMI_ACCESS_TOKEN must be set; .*pulumi whoami")


def test_a_missing_command_for_credentials_is_named(pulumi: Engine, tmp_path: Path) -> None:
    pulumi.outputs = {"cluster": {"kubeconfig": _kubeconfig("a-clouds-own-command")}}
    _refused(tmp_path, r"asks `a-clouds-own-command` for credentials, which is not on PATH")


def _refused(root: Path, says: str) -> None:
    with pytest.raises(StanchionError, match=says), reached(root, "dev", IN_A_CLOUD):
        pass
