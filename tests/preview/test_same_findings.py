"""One set of policies, asked three ways: by a preview, directly, and over rendered manifests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from policies.own_environment import analyzed
from preview.conftest import make_project
from stanchion_cli.commands.check import check
from stanchion_cli.commands.render import render
from stanchion_cli.policies import Finding, PolicyPack
from stanchion_cli.preview import run as evaluate_once
from typer.testing import CliRunner

PACK = Path(__file__).parents[2] / "policies"
Said = set[tuple[str, str, bool]]

app = typer.Typer()
for each in (check, render):
    app.command()(each)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faulty program under every policy of the pack, all of them mandatory."""
    root = make_project(tmp_path_factory.mktemp("faulty"), "faulty", "config: {profile: own}")
    shutil.copytree(PACK, root / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    config(root).write_text('{"all": "mandatory"}')
    return root


def config(root: Path) -> Path:
    return root / "policies" / "environments" / "own.json"


def said(findings: list[Finding]) -> Said:
    return {(each.policy, each.message, each.undecided) for each in findings}


@pytest.fixture(scope="module")
def previewed(project: Path) -> Said:
    return said([*evaluate_once("dev", root=project).findings])


def test_the_pack_asked_directly_says_what_a_preview_says(project: Path, previewed: Said) -> None:
    planned = evaluate_once("dev", root=project, policies=False)
    resources = [analyzed(resource) for resource in planned.resources]
    with PolicyPack(
        project / "policies", config=config(project), project="small", stack="dev"
    ) as pack:
        found = pack.analyze_all(resources) + pack.analyze_stack(resources)
    assert len({policy for policy, _, _ in previewed}) > 30
    assert said(found) == previewed


def test_check_says_of_rendered_manifests_what_a_preview_says(
    project: Path, previewed: Said, tmp_path: Path
) -> None:
    runner, manifests = CliRunner(), str(tmp_path / "rendered")
    rendered = runner.invoke(app, ["render", "dev", "-o", manifests, "--root", str(project)])
    assert rendered.exit_code == 0, rendered.output
    options = ["--policy-config", str(config(project)), "--format", "json"]
    checked = runner.invoke(app, ["check", manifests, *options])
    assert checked.exit_code == 1, checked.output
    (environment,) = json.loads(checked.stdout)["environments"]
    found = {
        (each["policy"], each["message"], each["undecided"]) for each in environment["findings"]
    }
    assert found == previewed
