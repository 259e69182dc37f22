"""An adapter of the registry reaches vLLM's folder whole and as pinned, or the pod says why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from stanchion_model_server.adapter import AdapterSettings, place
from stanchion_model_server.errors import ModelRefusedError
from stanchion_models import InvalidAdapterError, ModelVersion, read_adapter
from unit.models.adapters import BASE, FILES, NAME, REVISION, adapter, registered

from .conftest import DIGEST, Store
from .gateway.tracking import TrackingServer


def environment(uri: str, version: ModelVersion, target: Path, **changes: str) -> dict[str, str]:
    return {
        "MODEL_NAME": version.name,
        "MODEL_VERSION": version.version,
        "MODEL_DIGEST": str(version.digest),
        "MLFLOW_TRACKING_URI": uri,
        "ADAPTER_FOLDER": str(target),
        "ADAPTER_BASE": BASE,
        "ADAPTER_RANK": "16",
        **changes,
    }


@pytest.fixture(scope="module")
def uri(store: Store) -> str:
    """A real registry over SQLite, whose artifacts are files."""
    MlflowClient(store.uri).create_experiment(
        "assistant-lora", artifact_location=str(store.artifacts / "lora")
    )
    return store.uri


def asked(uri: str, version: ModelVersion, target: Path, **changes: str) -> AdapterSettings:
    return AdapterSettings.model_validate(environment(uri, version, target, **changes))


def test_what_vllm_reads_is_put_there_and_nothing_else(uri: str, tmp_path: Path) -> None:
    source, target = adapter(tmp_path / "made"), tmp_path / "adapters" / "support"
    version = registered(MlflowClient(uri), source)
    target.mkdir(parents=True)
    (target / "left-over.bin").write_bytes(b"of a former version")
    place(asked(uri, version, target))
    assert sorted(path.name for path in target.iterdir()) == FILES
    for name in FILES:
        assert (target / name).read_bytes() == (source / name).read_bytes()


@pytest.mark.parametrize(
    ("made", "wanted", "told"),
    [
        ({"r": 32}, {}, "has rank 32, and there is room for 16"),
        (
            {"base_model_name_or_path": "Qwen/Qwen3-14B"},
            {},
            f"was trained on Qwen/Qwen3-14B@{REVISION}, and {BASE} is served",
        ),
        ({"revision": "c" * 40}, {}, f"was trained on {NAME}@{'c' * 40}, and {BASE} is served"),
        ({"revision": None}, {}, f"does not say at which revision of its base, {NAME}, it was"),
        ({"use_dora": True}, {}, "is DoRA, which vLLM does not serve"),
        ({"modules_to_save": ["lm_head"]}, {}, "has whole layers, modules_to_save, which vLLM"),
        ({"bias": "all"}, {}, "has biases, which vLLM does not serve"),
        ({"peft_type": "IA3"}, {}, "is IA3, and LORA alone is served"),
        ({}, {"MODEL_DIGEST": DIGEST}, f"the deployment pins {DIGEST}; promote the version again"),
    ],
)
def test_one_that_is_not_to_be_served_is_refused_and_leaves_nothing_there(
    uri: str, tmp_path: Path, made: dict[str, Any], wanted: dict[str, str], told: str
) -> None:
    version, target = (
        registered(MlflowClient(uri), adapter(tmp_path / "made", **made)),
        tmp_path / "t",
    )
    with pytest.raises(ModelRefusedError) as error:
        place(asked(uri, version, target, **wanted))
    assert told in str(error.value)
    assert not target.exists()


def test_a_model_that_is_no_adapter_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InvalidAdapterError, match="it is no adapter of PEFT's"):
        read_adapter(tmp_path)
    (tmp_path / FILES[0]).write_text('{"r": 8}', "utf-8")
    with pytest.raises(InvalidAdapterError, match="cannot be read"):
        read_adapter(tmp_path)


@pytest.mark.servers
@pytest.mark.timeout(500)
def test_the_program_waits_for_mlflow_and_fetches_through_it_with_its_login(tmp_path: Path) -> None:
    """As the init container runs it: a file for the login, no cloud's identity, no store's path."""
    server = TrackingServer(tmp_path)
    server.start()
    try:
        os.environ |= server.environment
        version = registered(server.client, adapter(tmp_path / "made"))
        server.admit_gateways()
    finally:
        server.stop()
        for name in server.environment:
            os.environ.pop(name, None)
    target = tmp_path / "adapters" / "support"
    told = environment(
        server.url, version, target, REGISTRY_CREDENTIALS_DIR=str(server.credentials)
    )
    command = [sys.executable, "-m", "stanchion_model_server", "adapter"]

    def begun(**changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env={**os.environ, **told, **changes},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    process = begun()
    time.sleep(15)
    assert process.poll() is None, "without MLflow it waits, and does not fail the pod"
    assert not target.exists()
    server.start()
    try:
        out, logged = process.communicate(timeout=300)
        assert process.returncode == 0, logged
        assert json.loads(out) == {"adapter": "assistant-lora", "version": "1", "rank": 16}
        assert "model not available, trying again" in logged
        assert sorted(path.name for path in target.iterdir()) == FILES
        refused = begun(ADAPTER_RANK="8")
        _, logged = refused.communicate(timeout=300)
        assert refused.returncode == 3
        assert logged.splitlines()[-1] == (
            "assistant-lora version 1 has rank 16, and there is room for 8"
        )
        wrong = begun(ADAPTER_BASE="Qwen")
        assert wrong.communicate(timeout=300)[1].startswith("ADAPTER_BASE: ")
        assert wrong.returncode == 2
    finally:
        process.kill()
        server.stop()
