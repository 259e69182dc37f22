"""Reports in every format: complete, masked, escaped; exit statuses; comparison with a commit."""

from __future__ import annotations

import html as entities
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from preview.conftest import Evaluate, Project
from stanchion_cli.commands.preview import preview
from stanchion_cli.errors import InputError
from stanchion_cli.report.form import Format
from stanchion_cli.report.formats import written
from stanchion_cli.report.model import report_on
from typer.testing import CliRunner, Result

CONFIG = "config: {replicas: 2, image: 'i:1', token: plain-t0ken}"
SECRETS = ("hunter2-literal", "s3cret-from-elsewhere")
app = typer.Typer()
app.command()(preview)


def run(root: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["--root", str(root), *options], catch_exceptions=False)


def document(evaluate: Evaluate, form: Format, program: str, config: str = "") -> str:
    outputs = {"web-password": {"result": "s3cret-from-elsewhere"}}
    report = report_on(evaluate(program, config, outputs=outputs))
    return written(form, [report], [], files={"dev": "Pulumi.dev.yaml"})


@pytest.mark.parametrize("form", Format)
def test_no_format_shows_a_secret(form: Format, evaluate: Evaluate) -> None:
    text = document(evaluate, form, "service", CONFIG)
    assert not [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("form", [form for form in Format if form is not Format.SARIF])
def test_every_resource_is_in_the_report(form: Format, evaluate: Evaluate) -> None:
    text = document(evaluate, form, "service", CONFIG).replace("\\", "")
    for shown in ("web-password", "Deployment", "settings", "ServiceMonitor", "Release"):
        assert shown in text


class _Page(HTMLParser):
    """Collects the tags and attributes of a page as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_names_and_values_cannot_break_out_of_the_page(evaluate: Evaluate) -> None:
    page = _Page()
    page.feed(document(evaluate, Format.HTML, "hostile"))
    assert not {"script", "img", "iframe", "link", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in "".join(page.text)


def test_the_page_needs_nothing_else(evaluate: Evaluate) -> None:
    page = _Page()
    page.feed(document(evaluate, Format.HTML, "service", CONFIG))
    assert not [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert "url(" not in "".join(page.text)
    assert "@import" not in "".join(page.text)


def test_names_cannot_break_out_of_a_comment(evaluate: Evaluate) -> None:
    text = document(evaluate, Format.MARKDOWN, "hostile")
    body = re.sub(r"</?(details|summary)( open)?>", "", text)
    assert not re.search(r"(?<!\\)<", body)
    assert not re.search(r"@(?!\u200b)", body)
    assert not re.search(r"(?<!\\)\]\(", body)


def test_a_comment_tells_what_the_program_warns_of(evaluate: Evaluate) -> None:
    text = document(evaluate, Format.MARKDOWN, "configured")
    assert "**Warnings**\n\n- warned by the program\n" in text
    assert "printed by the program" not in text


def test_names_cannot_start_terminal_codes(evaluate: Evaluate) -> None:
    assert "\x1b" not in document(evaluate, Format.TEXT, "hostile")


def test_a_type_problem_is_a_sarif_error_at_the_environments_file(evaluate: Evaluate) -> None:
    report = json.loads(document(evaluate, Format.SARIF, "mistyped"))
    assert report["version"] == "2.1.0"
    (one,) = report["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert rules == ["provider-types"]
    assert len(one["results"]) == 12
    for result in one["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] == "error"
        assert result["message"]["text"]
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "Pulumi.dev.yaml"
        assert place["logicalLocations"][0]["fullyQualifiedName"].startswith("urn:pulumi:dev")


def test_a_clean_environment_ends_with_0_and_says_that_no_policies_ran(project: Project) -> None:
    result = run(project("options"))
    assert result.exit_code == 0
    assert "clean; no policies were run" in result.stdout
    assert "evaluating" not in result.stdout


def test_inputs_of_the_wrong_type_end_with_1(project: Project) -> None:
    assert run(project("mistyped"), "dev").exit_code == 1


def test_one_bad_environment_of_several_ends_with_2_and_the_others_are_shown(
    project: Project,
) -> None:
    root = project("options")
    (root / "Pulumi.bad.yaml").write_text("config: [")
    result = run(root, "--all", "--format", "json")
    assert result.exit_code == 2
    data = json.loads(result.stdout)
    assert [each["environment"] for each in data["environments"]] == ["dev"]
    assert data["failures"][0]["environment"] == "bad"


def test_several_environments_and_no_name_is_bad_input(project: Project) -> None:
    root = project("options")
    (root / "Pulumi.prod.yaml").write_text("")
    with pytest.raises(InputError, match="name one or use --all; there are: dev, prod"):
        run(root)


def committed(root: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath="]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run(["git", *identity, *command], cwd=root, check=True)


def test_changes_against_a_commit_are_shown_property_by_property(project: Project) -> None:
    root = project("service", CONFIG)
    committed(root)
    (root / "Pulumi.dev.yaml").write_text(CONFIG.replace("i:1", "i:2").replace("plain", "other"))
    program = root / "program/__main__.py"
    text = program.read_text()
    program.write_text(text[: text.index("k8s.helm")] + 'k8s.core.v1.Namespace("more")\n')
    data = json.loads(run(root, "dev", "--pr", "HEAD", "--format", "json").stdout)
    changes = data["environments"][0]["changes"]
    assert [(change["action"], change["title"]) for change in changes] == [
        ("change", "web-deployment"),
        ("add", "more"),
        ("remove", "chart"),
    ]
    assert changes[0]["properties"] == [
        {"path": "spec.template.spec.containers[0].image", "before": "i:1", "after": "i:2"}
    ]
    left = subprocess.run(
        ["git", "worktree", "list"], cwd=root, capture_output=True, text=True, check=True
    )
    assert len(left.stdout.splitlines()) == 1


def test_a_changed_secret_is_listed_and_not_shown(project: Project) -> None:
    root = project("configured", "config: {token: before}")
    program = root / "program/__main__.py"
    body = "import pulumi\npulumi.CustomResource('t:i:T', 'x', {'v': pulumi.Output.secret('%s')})\n"
    program.write_text(body % "first-value")
    committed(root)
    program.write_text(body % "second-value")
    result = run(root, "dev", "--pr", "HEAD", "--format", "json")
    (change,) = json.loads(result.stdout)["environments"][0]["changes"]
    assert change["properties"] == [{"path": "v", "before": "[secret]", "after": "[secret]"}]
    assert "value" not in entities.unescape(result.stdout).replace("values", "").split('"v"')[1]


def test_the_base_is_previewed_with_its_own_packages(project: Project) -> None:
    root = project("options")
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["library"]\n')
    (root / "library/greeting").mkdir(parents=True)
    (root / "library/greeting/__init__.py").write_text("WORD = 'before'\n")
    (root / "program/__main__.py").write_text(
        "import greeting, pulumi\npulumi.CustomResource('t:i:T', 'x', {'word': greeting.WORD})\n"
    )
    committed(root)
    (root / "library/greeting/__init__.py").write_text("WORD = 'after'\n")
    result = run(root, "dev", "--pr", "HEAD", "--format", "json")
    (change,) = json.loads(result.stdout)["environments"][0]["changes"]
    assert change["properties"] == [{"path": "word", "before": "before", "after": "after"}]


def test_an_environment_that_is_new_is_all_added(project: Project) -> None:
    root = project("options")
    committed(root)
    (root / "Pulumi.new.yaml").write_text("")
    data = json.loads(run(root, "new", "--pr", "HEAD", "--format", "json").stdout)
    actions = {change["action"] for change in data["environments"][0]["changes"]}
    assert actions == {"add"}


def test_a_base_that_cannot_be_evaluated_is_said_and_not_compared(project: Project) -> None:
    root = project("wrong", "config: {how: bug}")
    committed(root)
    (root / "Pulumi.dev.yaml").write_text("config: {how: fine}")
    data = json.loads(run(root, "dev", "--pr", "HEAD", "--format", "json").stdout)
    assert data["environments"][0]["changes"] is None
    assert "the program has a bug" in data["environments"][0]["baseNote"]


def test_a_base_that_is_no_commit_is_bad_input(project: Project) -> None:
    root = project("options")
    committed(root)
    with pytest.raises(InputError, match="'nowhere' names no commit"):
        run(root, "dev", "--pr", "nowhere")
    with pytest.raises(InputError, match="names no commit"):
        run(root, "dev", "--pr", "--upload-pack=id")


def test_a_report_goes_to_a_file(project: Project, tmp_path: Path) -> None:
    result = run(project("options"), "dev", "--format", "html", "-o", str(tmp_path / "report.html"))
    assert result.stdout == ""
    assert (tmp_path / "report.html").read_text().lstrip().startswith("<!doctype html>")
