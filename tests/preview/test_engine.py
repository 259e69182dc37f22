"""The offline preview and the real engine's are the same: `pulumi preview`, with no cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from stanchion_cli import preview
from stanchion_cli.preview.model import UNKNOWN, Resource, Secret

ROOT = Path(__file__).parents[2]
PARTS = ("Pulumi.yaml", "pyproject.toml", "uv.lock", "stacks", "components", "policies", "cli")
PIN = f"services: {{wine: {{model: wine-cultivar, version: '1', digest: 'sha256:{'0' * 64}'}}}}\n"
ENGINE_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH"),
]

State = Mapping[str, Any]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because the engine writes into environment files; its service is pinned."""
    copy = tmp_path_factory.mktemp("checkout")
    for part in (*PARTS, "serving-images"):
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("venv", "__pycache__", "*.lock.yaml")
            shutil.copytree(ROOT / part, copy / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, copy)
    (copy / "stacks" / "services" / "local.lock.yaml").write_text(PIN)
    return copy


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program looks for its node, and finds none."""
    return tmp_path_factory.mktemp("clusters")


@pytest.fixture(scope="module")
def engine(
    checkout: Path, clusters: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, State]:
    """What the engine would create, by URN."""
    state = tmp_path_factory.mktemp("state")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "VIRTUAL_"))}
    environment = {
        **inherited,
        "PULUMI_HOME": str(state / "home"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "STANCHION_STATE_DIR": str(clusters),
        "UV_OFFLINE": "1",
    }

    def pulumi(*arguments: str) -> str:
        answer = subprocess.run(
            ["pulumi", *arguments],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, (answer.stdout + answer.stderr)[-3000:]
        return answer.stdout

    pulumi("stack", "init", "local")
    steps = json.loads(pulumi("preview", "--stack", "local", "--json"))["steps"]
    return {step["urn"]: step["newState"] for step in steps}


@pytest.fixture(scope="module")
def offline(checkout: Path, clusters: Path) -> dict[str, Resource]:
    """What the offline preview shows, by URN."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STANCHION_STATE_DIR", str(clusters))
        evaluated = preview.run("local", root=checkout, policies=False)
    return {resource.urn: resource for resource in evaluated.resources}


def _as_the_engine_prints(value: Any) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if value is UNKNOWN:
        return ENGINE_UNKNOWN
    if isinstance(value, Mapping):
        return {key: _as_the_engine_prints(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_the_engine_prints(item) for item in value]
    return value


def _comparable(value: Any) -> Any:
    """Without what the Kubernetes provider's check leaves out: empty values, given or not."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        cleaned = {key: _comparable(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item not in ("", {}, [])}
    return value


def test_both_have_the_same_resources(
    engine: dict[str, State], offline: dict[str, Resource]
) -> None:
    created = {urn for urn, state in engine.items() if "::pulumi:providers:random::" not in urn}
    assert created == set(offline)


def test_both_give_every_resource_the_same_inputs(
    engine: dict[str, State], offline: dict[str, Resource]
) -> None:
    for urn, resource in offline.items():
        inputs = dict(engine[urn].get("inputs", {}))
        if resource.type.startswith("pulumi:providers:"):
            inputs.pop("version", None)  # of the plugin that was found
            inputs.pop("__internal", None)
        assert _comparable(inputs) == _comparable(_as_the_engine_prints(resource.inputs)), urn


def test_both_keep_the_same_parents_providers_and_dependencies(
    engine: dict[str, State], offline: dict[str, Resource]
) -> None:
    for urn, resource in offline.items():
        state = engine[urn]
        assert state.get("parent") == resource.parent, urn
        assert state.get("provider", "").rpartition("::")[0] == (resource.provider or ""), urn
        assert sorted(state.get("dependencies", [])) == sorted(resource.dependencies), urn
        assert {k: sorted(v) for k, v in state.get("propertyDependencies", {}).items() if v} == {
            k: sorted(v) for k, v in resource.property_dependencies.items() if v
        }, urn


def test_both_read_the_same_options(engine: dict[str, State], offline: dict[str, Resource]) -> None:
    for urn, resource in offline.items():
        state, options = engine[urn], resource.options
        assert state.get("protect", False) == options.protect, urn
        assert state.get("retainOnDelete", False) == options.retain_on_delete, urn
        assert tuple(state.get("ignoreChanges", ())) == options.ignore_changes, urn
        assert tuple(state.get("replaceOnChanges", ())) == options.replace_on_changes, urn
        assert set(state.get("additionalSecretOutputs", ())) == set(
            options.additional_secret_outputs
        ), urn
        assert state.get("customTimeouts", {}) == dict(options.custom_timeouts), urn
