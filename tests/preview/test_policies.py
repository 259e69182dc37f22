"""The project's own policy pack, run beside the program and reported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from preview.conftest import make_project
from stanchion_cli.commands.preview import preview
from stanchion_cli.preview import Preview
from stanchion_cli.preview import run as evaluate_once
from stanchion_cli.report.form import Format
from stanchion_cli.report.formats import written
from stanchion_cli.report.model import report_on
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
CONFIG = "config: {{replicas: 1, image: 'nginx:latest', token: {{secure: A}}, profile: {profile}}}"
app = typer.Typer()
app.command()(preview)


def with_policies(directory: Path, profile: str) -> Path:
    root = make_project(directory, "service", CONFIG.format(profile=profile))
    (root / "policies").symlink_to(ROOT / "policies")
    return root


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return evaluate_once("dev", root=with_policies(tmp_path_factory.mktemp("prod"), "prod"))


def test_resource_and_stack_policies_see_the_program(prod: Preview) -> None:
    found = {finding.policy for finding in prod.findings}
    assert {"workload-liveness-probe", "network-default-deny"} <= found
    assert prod.policies_run
    assert len(prod.policies) > 15


def test_the_profile_decides_the_levels(prod: Preview, tmp_path: Path) -> None:
    dev = evaluate_once("dev", root=with_policies(tmp_path / "project", "dev"))
    levels = {f.level for f in dev.findings if f.policy == "workload-replicas"}
    assert {f.level for f in prod.findings if f.policy == "workload-replicas"} == {"mandatory"}
    assert "mandatory" not in levels


def test_a_check_that_met_an_unknown_is_undecided_and_fails_prod_only(prod: Preview) -> None:
    undecided = tuple(finding for finding in prod.findings if finding.undecided)
    assert [finding.policy for finding in undecided] == ["no-credentials-in-clear"]
    only = {"findings": undecided, "problems": ()}
    assert report_on(_with(prod, **only)).failed
    assert not report_on(_with(prod, **only, profile="dev")).failed


def _with(evaluated: Preview, **changes: object) -> Preview:
    return replace(evaluated, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", Format)
def test_every_format_shows_every_finding(form: Format, prod: Preview) -> None:
    text = written(form, [report_on(prod)], [], files={}).replace("\\-", "-")
    for finding in prod.findings:
        assert finding.policy in text


def test_an_undecided_finding_is_open_in_sarif(prod: Preview) -> None:
    (run,) = json.loads(written(Format.SARIF, [report_on(prod)], [], files={}))["runs"]
    kinds = {result["ruleId"]: result.get("kind") for result in run["results"]}
    assert kinds["no-credentials-in-clear"] == "open"
    assert kinds["workload-liveness-probe"] is None


def test_a_mandatory_violation_ends_with_1(tmp_path: Path) -> None:
    root = with_policies(tmp_path / "project", "prod")
    result = CliRunner().invoke(app, ["dev", "--root", str(root)], catch_exceptions=False)
    assert result.exit_code == 1
    result = CliRunner().invoke(
        app, ["dev", "--no-policies", "--root", str(root)], catch_exceptions=False
    )
    assert result.exit_code == 0
