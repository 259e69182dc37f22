from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from environment import Profile, from_pulumi_config
from service import check_services
from service_files import load_services
from service_lock import load_pins
from unit.stacks.bad_files import ENVIRONMENT, ENVIRONMENTS, SERVICE, SERVICES, Bad
from validation import InvalidFileError


def _as_engine(config: dict[str, Any]) -> dict[str, str]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}


def _config(text: str) -> dict[str, str]:
    return _as_engine((yaml.safe_load(text) or {}).get("config", {}))


@pytest.mark.parametrize(
    "bad", [b for b in ENVIRONMENTS if b.path.startswith("stanchion:")], ids=lambda b: b.rule
)
def test_a_bad_environment_is_refused_with_its_path_and_the_fix(bad: Bad) -> None:
    with pytest.raises(InvalidFileError) as caught:
        from_pulumi_config(_config(bad.text))
    problem = next(p for p in caught.value.problems if p.startswith(bad.path))
    assert bad.says in problem
    assert "; " in problem, "a message says how to fix it"


@pytest.mark.parametrize("bad", SERVICES, ids=lambda b: b.rule)
def test_a_bad_service_is_refused_with_its_path_and_the_fix(bad: Bad, tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(bad.text)
    with pytest.raises(InvalidFileError) as caught:
        services = load_services(tmp_path, "local")
        check_services(services, environment="local", tenants=["demo"], min_replicas=1)
    problem = next(p for p in caught.value.problems if bad.path in p)
    assert bad.says in problem
    assert "; " in problem, "a message says how to fix it"


def test_the_local_environment_is_valid_and_takes_its_defaults_from_the_profile() -> None:
    environment = from_pulumi_config(_config(ENVIRONMENT))
    assert environment.profile is Profile.DEV
    assert environment.tracking_replicas == 1
    assert environment.min_replicas == 1


def test_a_tenant_may_have_more_cores_than_any_container() -> None:
    text = ENVIRONMENT.replace("      access:", "      quota: {cpu: '5000'}\n      access:")
    assert from_pulumi_config(_config(text)).tenants[0].quota.cpu == "5000"


def test_keys_of_other_namespaces_are_left_to_their_providers() -> None:
    config = {**_config(ENVIRONMENT), "kubernetes:context": "kind", "aws:region": "eu-west-1"}
    assert from_pulumi_config(config) == from_pulumi_config(_config(ENVIRONMENT))


def test_text_that_looks_like_a_number_stays_text() -> None:
    config = {**_config(ENVIRONMENT), "stanchion:costCenter": "4711"}
    assert from_pulumi_config(config).cost_center == "4711"


def test_all_problems_are_reported_at_once() -> None:
    config = {**_config(ENVIRONMENT), "stanchion:profile": "x", "stanchion:provider": "{}"}
    with pytest.raises(InvalidFileError) as caught:
        from_pulumi_config(config)
    assert len(caught.value.problems) == 2


def test_two_files_cannot_declare_one_service(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "b.yaml").write_text(SERVICE)
    with pytest.raises(InvalidFileError, match=r"also in a\.yaml"):
        load_services(tmp_path, "local")


def test_a_service_applies_only_to_the_environments_it_lists(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(f"{SERVICE}environments: [prod-aws]\n")
    assert load_services(tmp_path, "local") == ()
    assert [s.name for s in load_services(tmp_path, "prod-aws")] == ["wine"]


@pytest.mark.parametrize(
    ("field", "value"), [("version", "latest"), ("digest", "sha256:abc"), ("version", "0")]
)
def test_a_pin_is_a_number_and_a_whole_digest(tmp_path: Path, field: str, value: str) -> None:
    pin = {"model": "m", "version": "1", "digest": f"sha256:{'0' * 64}", field: value}
    (tmp_path / "local.lock.yaml").write_text(yaml.safe_dump({"services": {"wine": pin}}))
    with pytest.raises(InvalidFileError, match=f"services.wine.{field}"):
        load_pins(tmp_path, "local")


def test_no_setting_is_encrypted_and_what_other_providers_have_is_theirs() -> None:
    config = {**_config(ENVIRONMENT), "stanchion:owner": "hunter2", "other:token": "hunter2"}
    with pytest.raises(InvalidFileError) as caught:
        from_pulumi_config(config, ["stanchion:owner", "other:token"])
    assert caught.value.problems == (
        "stanchion:owner: is `secure`, and settings name secrets and never hold one; keep the "
        "value in a secret and name that",
    )
