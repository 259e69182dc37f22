import os
from pathlib import Path

import pytest
from stanchion_models import (
    DIGEST_TAG,
    Credentials,
    Registry,
    RegistryError,
    RegistryUnavailableError,
    artifact_digest,
    register,
)

from .conftest import Store


def test_registration_records_the_digest_that_readers_compute(store: Store, tmp_path: Path) -> None:
    registry = Registry(store.uri)
    found = registry.resolve("classifier", "1")
    folder = registry.download("classifier", "1", tmp_path)
    assert found.digest == store.model.digest == artifact_digest(folder)
    assert (folder / "MLmodel").is_file()


def test_an_alias_resolves_to_its_version(store: Store) -> None:
    registry = Registry(store.uri)
    registry.client().set_registered_model_alias("classifier", "champion", "1")
    assert registry.resolve("classifier", "@champion").version == "1"


@pytest.mark.parametrize(("name", "version"), [("classifier", "99"), ("nobody", "1")])
def test_what_is_not_there_may_still_come(store: Store, name: str, version: str) -> None:
    with pytest.raises(RegistryUnavailableError, match=f"{name} version {version}"):
        Registry(store.uri).resolve(name, version)


def test_a_registry_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(RegistryUnavailableError, match="classifier version 1"):
        Registry("http://127.0.0.1:9").resolve("classifier", "1")


def test_the_digest_tag_cannot_be_given(store: Store) -> None:
    with pytest.raises(RegistryError, match="computed, not given"):
        register("models:/m-1", "x", client=Registry(store.uri).client(), tags={DIGEST_TAG: "x"})


def test_what_is_no_logged_model_is_refused_with_the_way_out(store: Store) -> None:
    with pytest.raises(RegistryError, match="give what log_model returned"):
        register("/some/folder", "x", client=Registry(store.uri).client())


def test_credentials_are_read_again_for_each_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(key, "before")
    registry = Registry("http://127.0.0.1:9", Credentials(tmp_path))
    with pytest.raises(RegistryUnavailableError, match="username"):
        registry.client()
    (tmp_path / "username").write_text("reader\n")
    (tmp_path / "password").write_text("first\n")
    registry.client()
    (tmp_path / "password").write_text("second\n")
    registry.client()
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "reader"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "second"


def test_an_empty_credential_is_not_a_password(tmp_path: Path) -> None:
    (tmp_path / "username").write_text("reader")
    (tmp_path / "password").write_text("\n")
    with pytest.raises(RegistryUnavailableError, match="password is empty"):
        Registry("http://127.0.0.1:9", Credentials(tmp_path)).client()
