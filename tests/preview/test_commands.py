"""`stanchion quota` and `stanchion diff`, over real programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import typer
import yaml
from preview.conftest import Project
from stanchion_cli.commands.diff import diff
from stanchion_cli.commands.preview import preview
from stanchion_cli.commands.quota import quota
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.estimate import live_aws
from stanchion_cli.estimate._catalogue import QuotaNeed
from stanchion_cli.estimate.live import Granted
from typer.testing import CliRunner, Result
from unit.estimate.samples import AWS

app = typer.Typer()
for each in (quota, diff, preview):
    app.command()(each)


def run(root: Path, command: str, *options: str) -> Result:
    return CliRunner().invoke(app, [command, "--root", str(root), *options], catch_exceptions=False)


def config(**values: object) -> str:
    return yaml.safe_dump({"config": dict(values)})


@pytest.fixture
def priced(project: Project) -> Path:
    """Two environments: `dev` declares capacity, `local` none."""
    root = project("capacity", config(capacity=AWS))
    (root / "Pulumi.local.yaml").write_text("")
    return root


def granting(limit: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let AWS grant so much of everything."""

    def ask(_: str, region: str, needs: Sequence[QuotaNeed]) -> Mapping[QuotaNeed, Granted]:
        assert region == "us-east-1"
        return {need: Granted(limit, 3) for need in needs}

    monkeypatch.setattr(live_aws, "ask", ask)


def test_quota_lists_what_every_environment_needs_and_asks_nobody(priced: Path) -> None:
    result = run(priced, "quota")
    assert result.exit_code == 0
    assert "local: needs no quota" in result.stdout
    assert "dev: aws us-east-1" in result.stdout
    assert "L-1216C47A" in result.stdout
    assert "granted" not in result.stdout


def test_enough_quota_ends_with_0(priced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    granting(64, monkeypatch)
    result = run(priced, "quota", "dev", "--live")
    assert result.exit_code == 0
    assert "enough" in result.stdout


def test_too_little_quota_ends_with_1_and_says_by_how_much(
    priced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    granting(31, monkeypatch)
    result = run(priced, "quota", "dev", "--live")
    assert result.exit_code == 1
    assert "short by 1 vCPU" in result.stdout


def test_quota_that_could_not_be_asked_is_not_enough(
    priced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    granting(None, monkeypatch)
    result = run(priced, "quota", "dev", "--live", "--format", "json")
    assert result.exit_code == 1
    assert {each["granted"] for each in json.loads(result.stdout)[0]["quotas"]} == {None}


def test_tools_get_the_same_figures(priced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    granting(16, monkeypatch)
    result = run(priced, "quota", "--live", "--format", "json")
    first, second = json.loads(result.stdout)
    assert (first["environment"], second["quotas"]) == ("dev", [])
    by_code = {each["code"]: (each["needed"], each["short"]) for each in first["quotas"]}
    assert by_code == {
        "L-1216C47A": (12, False),
        "L-DB2E81BA": (32, True),
        "L-3819A6DF": (32, True),
    }


def test_a_cloud_that_refuses_is_one_message(priced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Mapping[QuotaNeed, Granted]:
        raise StanchionError("AWS refused", fix="log in")

    monkeypatch.setattr(live_aws, "ask", refuse)
    with pytest.raises(StanchionError, match="AWS refused; log in"):
        run(priced, "quota", "dev", "--live")


def test_a_preview_shows_the_cost_of_a_real_program(priced: Path) -> None:
    result = run(priced, "preview", "--all", "--format", "json")
    dev, local = json.loads(result.stdout)["environments"]
    assert dev["cost"]["total"]["floorHourly"] > 0
    assert local["cost"] is None


MODEL = """
import json

class InvalidFileError(Exception):
    pass

class Api:
    def __init__(self, profile):
        self._profile = profile

    def model_dump(self, **_):
        return {"mode": "private" if self._profile == "prod" else "public"}

class Model:
    def __init__(self, config):
        self._config = config

    @property
    def replicas(self):
        return 2 if self._config["small:profile"] == "prod" else 1

    @property
    def api(self):
        return Api(self._config["small:profile"])

    @property
    def machine(self):
        raise TypeError("none here")

    def model_dump(self, *, mode, by_alias):
        assert mode == "json" and by_alias
        given = {key.partition(":")[2]: value for key, value in self._config.items()
                 if key.startswith("small:")}
        return {"profile": given["profile"], "zones": 3, "token": given.get("token")}

def from_pulumi_config(config):
    if config.get("small:profile") == "bad":
        raise InvalidFileError("small:profile: is wrong; write prod\\nsmall:x: as well")
    return Model(config)
"""


@pytest.fixture
def modelled(project: Project) -> Path:
    """Environments of a project with a model of its own."""
    root = project("options", config(profile="dev", **{"aws:region": "us-east-1"}))
    (root / "program/environment.py").write_text(MODEL)
    (root / "Pulumi.prod.yaml").write_text(config(profile="prod", **{"aws:region": "eu-west-1"}))
    (root / "Pulumi.bad.yaml").write_text(config(profile="bad"))
    return root


def test_diff_shows_settings_what_the_profile_derives_and_those_of_providers(
    modelled: Path,
) -> None:
    result = run(modelled, "diff", "dev", "prod", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "left": "dev",
        "right": "prod",
        "differences": [
            {"path": "profile", "left": "dev", "right": "prod"},
            {"path": "byProfile.api.mode", "left": "public", "right": "private"},
            {"path": "byProfile.replicas", "left": 1, "right": 2},
            {"path": '["aws:region"]', "left": "us-east-1", "right": "eu-west-1"},
        ],
    }


def test_diff_of_one_with_itself_is_nothing(modelled: Path) -> None:
    assert "have the same settings" in run(modelled, "diff", "dev", "dev").stdout


def test_an_encrypted_value_is_shown_as_that(modelled: Path) -> None:
    secured = config(profile="dev", token={"secure": "AAAA"})
    (modelled / "Pulumi.other.yaml").write_text(secured)
    result = run(modelled, "diff", "dev", "other")
    assert "[secret]" in result.stdout
    assert "AAAA" not in result.stdout


def test_a_file_that_its_model_refuses_is_bad_input_with_every_problem(modelled: Path) -> None:
    with pytest.raises(InputError) as error:
        run(modelled, "diff", "dev", "bad")
    assert "small:profile: is wrong; write prod" in str(error.value)
    assert "small:x: as well" in str(error.value)


def test_an_environment_that_is_not_there_is_bad_input(modelled: Path) -> None:
    with pytest.raises(InputError, match="there is no environment 'nowhere'"):
        run(modelled, "diff", "dev", "nowhere")


def test_a_project_without_a_model_is_told_so(project: Project) -> None:
    root = project("options", config(profile="dev"))
    with pytest.raises(StanchionError, match="has no model of environments"):
        run(root, "diff", "dev", "dev")
