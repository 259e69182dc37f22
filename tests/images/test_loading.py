"""A pod serves the model it pins, or says why not."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from stanchion_model_server import loading
from stanchion_model_server.check import check
from stanchion_model_server.errors import ModelRefusedError
from stanchion_model_server.loading import load, load_folder, load_with_retries, synthetic_row
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.service import Phase, Service
from stanchion_model_server.signature import Batchable, InputSignature
from stanchion_models import (
    DIGEST_TAG,
    ModelVersion,
    Registry,
    RegistryUnavailableError,
    artifact_digest,
)

from .conftest import DIGEST, Store, save_classifier, settings, training_data


@pytest.fixture
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if the model's bytes come anywhere near an unpickler."""

    def loaded(*_args: Any) -> Any:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(loading, "load_model", loaded)


def test_the_pinned_version_is_loaded_and_predicts(store: Store) -> None:
    served = load(store.settings())
    frame, target = training_data()
    assert served.digest == store.model.digest
    assert (served.model.predict(frame) == target).mean() > 0.9


@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_pin_that_differs_from_the_recorded_digest_is_refused(store: Store) -> None:
    with pytest.raises(ModelRefusedError, match=f"recorded {store.model.digest}.*pins {DIGEST}"):
        load(store.settings(MODEL_DIGEST=DIGEST))


@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_version_without_a_recorded_digest_is_refused(store: Store) -> None:
    client = Registry(store.uri).client()
    source = str(client.get_model_version("classifier", "1").source)
    client.create_registered_model("unregistered-properly")
    client.create_model_version("unregistered-properly", source)
    with pytest.raises(ModelRefusedError, match="has no tag stanchion"):
        load(store.settings(MODEL_NAME="unregistered-properly"))


@pytest.mark.usefixtures("nothing_is_loaded")
def test_artifacts_that_changed_after_registration_are_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Registry.download

    def tampered(self: Registry, name: str, version: str, destination: Path) -> Path:
        folder = real(self, name, version, destination)
        with (folder / "model.pkl").open("ab") as stream:
            stream.write(b"\0")
        return folder

    monkeypatch.setattr(Registry, "download", tampered)
    with pytest.raises(ModelRefusedError, match="changed after registration and are not loaded"):
        load(store.settings())


@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_tag_that_was_forged_to_match_changed_artifacts_does_not_match_the_pin(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = "sha256:" + "f" * 64

    def resolve(self: Registry, name: str, version: str) -> ModelVersion:
        return ModelVersion(name, version, forged, {DIGEST_TAG: forged})

    monkeypatch.setattr(Registry, "resolve", resolve)
    with pytest.raises(ModelRefusedError, match="promote the version again"):
        load(store.settings())


@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_model_whose_requirements_the_image_lacks_is_refused_with_the_list(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_classifier(tmp_path / "model")
    (folder / "requirements.txt").write_text("lightgbm==1.0\nxgboost==2.0\n")
    pin = artifact_digest(folder)
    monkeypatch.setattr(Registry, "resolve", lambda _s, n, v: ModelVersion(n, v, pin))
    monkeypatch.setattr(Registry, "download", lambda *_: folder)
    with pytest.raises(ModelRefusedError) as caught:
        load(store.settings(MODEL_DIGEST=pin))
    assert "lightgbm==1.0 (not installed), xgboost==2.0 (not installed)" in str(caught.value)
    assert "docs/model-server.md" in str(caught.value)


def test_a_model_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model")
    (folder / "model.pkl").write_bytes(b"no pickle")
    with pytest.raises(ModelRefusedError, match="failed to load"):
        load_folder(folder, DIGEST)


def test_a_model_that_fails_on_its_own_example_is_refused(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model")
    example = {"dataframe_split": {"columns": ["f0"], "data": [[1.0]]}}
    (folder / "serving_input_example.json").write_text(json.dumps(example))
    with pytest.raises(ModelRefusedError, match="its own input example"):
        load_folder(folder, DIGEST)


def test_every_failed_try_is_one_log_line_with_reason_and_wait(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, tries = threading.Event(), []
    monkeypatch.setattr(loading, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(loading, "_LONGEST_WAIT", 0.02)

    def counted(reason: str) -> None:
        tries.append(reason)
        if len(tries) == 3:
            stop.set()

    with caplog.at_level(logging.INFO):
        assert load_with_retries(settings(), stop=stop, on_retry=counted) is None
    lines = [r for r in caplog.records if r.name == "stanchion_model_server"]
    assert [vars(line)["fields"]["attempt"] for line in lines] == [1, 2, 3]
    assert [vars(line)["fields"]["retry_in_seconds"] for line in lines] == [0.01, 0.02, 0.02]
    assert all("classifier version 1" in vars(line)["fields"]["reason"] for line in lines)


async def test_a_registry_that_comes_back_makes_the_pod_ready(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Registry.resolve, []

    def flaky(self: Registry, name: str, version: str) -> ModelVersion:
        calls.append(name)
        if len(calls) < 3:
            raise RegistryUnavailableError("not yet")
        return real(self, name, version)

    monkeypatch.setattr(Registry, "resolve", flaky)
    monkeypatch.setattr(loading, "_FIRST_WAIT", 0.01)
    configured = store.settings()
    service = Service(configured, Metrics(configured))
    await service.start()
    service.close()
    assert service.ready
    assert b"model_server_load_retries_total" in service.metrics.exposition()
    assert len(calls) == 3


async def test_a_refused_pin_leaves_the_pod_alive_and_unready_for_good(store: Store) -> None:
    configured = store.settings(MODEL_DIGEST=DIGEST)
    service = Service(configured, Metrics(configured))
    await service.start()
    assert (service.phase, service.served, service.ready) == (Phase.REFUSED, None, False)
    assert DIGEST in service.reason
    service.drain()
    assert DIGEST in service.reason


def test_the_smoke_test_reports_what_a_gate_needs(store: Store) -> None:
    report = check(store.settings())
    assert report["ok"] is True
    assert (report["model"], report["version"]) == ("classifier", "1")
    assert report["digest"] == store.model.digest
    assert [column["name"] for column in report["signature"]["inputs"]] == ["f0", "f1", "f2", "f3"]
    assert report["latency_ms"] > 0
    assert report["rss_mb"] > 10
    assert json.loads(report["prediction"])["predictions"]


def test_the_smoke_test_fails_with_the_reason(store: Store) -> None:
    refused = check(store.settings(MODEL_DIGEST=DIGEST))
    absent = check(settings(), tries=2, wait=0)
    assert (refused["ok"], absent["ok"]) == (False, False)
    assert DIGEST in refused["reason"]
    assert "classifier version 1" in absent["reason"]


def test_the_smoke_test_wants_a_signature_and_an_example(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_classifier(tmp_path / "model", example=False)
    served = load_folder(folder, DIGEST)
    monkeypatch.setattr("stanchion_model_server.check.load", lambda _settings: served)
    report = check(store.settings())
    assert report["ok"] is False
    assert "without an input example" in report["reason"]


def test_a_made_up_row_fits_the_signature(tmp_path: Path) -> None:
    served = load_folder(save_classifier(tmp_path / "m"), DIGEST)
    row = synthetic_row(served.signature)
    assert isinstance(row, Batchable)
    assert len(served.predictor.rows(row.rows)) == 1
    assert synthetic_row(InputSignature(None)) is None


def test_rows_reach_a_plain_estimator_without_a_data_frame(tmp_path: Path) -> None:
    assert load_folder(save_classifier(tmp_path / "m"), DIGEST).predictor.native
