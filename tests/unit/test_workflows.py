"""What the workflows of GitHub may do, and what they must not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(path.name for path in FOLDER.glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
Workflow = Mapping[Any, Any]


def read(name: str) -> Workflow:
    found: Workflow = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return found


def triggers(workflow: Workflow) -> set[str]:
    """YAML reads the key `on` as true."""
    return set(workflow[True])


def jobs() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in FILES:
        for job, content in read(name)["jobs"].items():
            yield f"{name}: {job}", content


def steps(name: str) -> Iterator[Mapping[str, Any]]:
    for job in read(name)["jobs"].values():
        yield from job.get("steps", [])


def step_of(name: str, uses: str) -> Mapping[str, Any]:
    (found,) = [step for step in steps(name) if step.get("uses", "").startswith(f"{uses}@")]
    return found


def test_every_workflow_is_there() -> None:
    assert FILES == [
        "check.yml",
        "comment.yml",
        "engine.yml",
        "expire.yml",
        "preview.yml",
        "up.yml",
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(name: str) -> None:
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    used = [line.split("uses:", 1)[1].strip() for line in lines if re.search(r"\buses:", line)]
    assert used
    for reference in used:
        local = reference.removeprefix("./.github/workflows/")
        assert PINNED.fullmatch(reference) or local in FILES, reference


def test_one_action_is_pinned_to_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for name in FILES:
        for step in steps(name):
            action, _, commit = step.get("uses", "").partition("@")
            pins.setdefault(action, set()).add(commit)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", FILES)
def test_no_workflow_has_rights_but_those_that_a_job_names(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


def test_the_rights_of_each_job_are_these() -> None:
    granted = {job: content["permissions"] for job, content in jobs()}
    read_only = {"contents": "read"}
    signed_in = {"contents": "read", "id-token": "write"}
    assert granted == {
        "check.yml: tests": read_only,
        "check.yml: workflows": read_only,
        "check.yml: preview": read_only,
        "check.yml: code-scanning": {**read_only, "security-events": "write"},
        "comment.yml: comment": {"actions": "read", "pull-requests": "write"},
        "engine.yml: engine": signed_in,
        "expire.yml: find": read_only,
        "expire.yml: down": signed_in,
        "preview.yml: preview": signed_in,
        "up.yml: up": signed_in,
    }


@pytest.mark.parametrize("name", FILES)
def test_no_code_of_a_pull_request_meets_rights_of_the_repository(name: str) -> None:
    workflow = read(name)
    assert "pull_request_target" not in triggers(workflow)
    checkouts = [s for s in steps(name) if s.get("uses", "").startswith("actions/checkout@")]
    for checkout in checkouts:
        assert "ref" not in checkout["with"]
        assert checkout["with"]["persist-credentials"] is False
    if "workflow_run" in triggers(workflow):
        assert not checkouts


def test_what_may_write_runs_no_code_of_the_change() -> None:
    writing = [
        (job, content)
        for job, content in jobs()
        if {"security-events", "pull-requests"} & set(content["permissions"])
    ]
    assert len(writing) == 2
    for job, content in writing:
        assert not [step for step in content["steps"] if "run" in step], job


def test_forks_get_no_token_for_a_cloud() -> None:
    trusted = read("preview.yml")["jobs"]["preview"]["if"]
    assert "head.repo.full_name == github.repository" in trusted
    assert triggers(read("up.yml")) == {"push", "workflow_dispatch"}
    assert triggers(read("engine.yml")) == {"workflow_call"}
    assert read("engine.yml")["jobs"]["engine"]["environment"] == "${{ inputs.github-environment }}"


@pytest.mark.parametrize("name", FILES)
def test_no_text_that_others_choose_becomes_part_of_a_command(name: str) -> None:
    for step in steps(name):
        assert "${{" not in step.get("run", ""), step
        assert "${{" not in step.get("with", {}).get("script", ""), step


@pytest.mark.parametrize("name", FILES)
def test_no_secret_is_stored(name: str) -> None:
    assert "secrets." not in (FOLDER / name).read_text("utf-8")
    assert "secrets: inherit" not in (FOLDER / name).read_text("utf-8")


def test_caches_are_written_by_main_alone_and_never_read_with_rights() -> None:
    caches = {
        (name, step["with"]["enable-cache"], str(step["with"].get("save-cache")))
        for name in FILES
        for step in steps(name)
        if step.get("uses", "").startswith("astral-sh/setup-uv@")
    }
    assert caches == {
        ("check.yml", True, "${{ github.event_name == 'push' }}"),
        ("check.yml", True, "False"),
        ("engine.yml", False, "None"),
        ("expire.yml", False, "None"),
    }


def test_an_update_is_never_cut_off_by_the_next() -> None:
    concurrency = read("up.yml")["jobs"]["up"]["concurrency"]
    assert concurrency["cancel-in-progress"] is False
    assert "matrix.environment" in concurrency["group"]


def test_what_expires_is_taken_down_by_itself_and_never_beside_an_update() -> None:
    workflow = read("expire.yml")
    assert triggers(workflow) == {"schedule", "workflow_dispatch"}
    group = read("up.yml")["jobs"]["up"]["concurrency"]
    assert workflow["jobs"]["down"]["concurrency"] == group
    commands = {step.get("name"): step for step in steps("engine.yml")}
    assert "--expired" in commands["stanchion down"]["run"]
    engine = step_of("engine.yml", "pulumi/actions")
    unless = "inputs.command != 'up' || steps.expired.outputs.environment == ''"
    assert engine["if"] == f"${{{{ {unless} }}}}", "a merge does not bring it up again"
    assert commands["stanchion down"]["if"] == "${{ inputs.command == 'expire' }}"


@pytest.mark.parametrize(
    ("names", "found"),
    [("", "[]"), ("dev-aws\nlocal\n", '["dev-aws"]')],
    ids=["none", "one of ours and one that is not"],
)
def test_only_environments_that_the_repository_runs_are_taken_down(
    tmp_path: Path, names: str, found: str
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    (command,) = [step["run"] for step in steps("expire.yml") if step.get("id") == "expired"]
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\nprintf '{names}'\n")
    uv.chmod(0o755)
    written = tmp_path / "output"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "OURS": '["dev-aws", "prod-aws"]',
            "GITHUB_OUTPUT": str(written),
        },
        check=True,
    )
    assert written.read_text("utf-8") == f"environments={found}\n"


def test_versions_are_those_of_the_repository() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    locked = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    (engine,) = [package["version"] for package in locked if package["name"] == "pulumi"]
    for name in FILES:
        for step in steps(name):
            if step.get("uses", "").startswith("astral-sh/setup-uv@"):
                assert f"UV_VERSION := {step['with']['version']}\n" in makefile
    assert step_of("engine.yml", "pulumi/actions")["with"]["pulumi-version"] == engine


def test_every_target_of_make_test_is_a_job() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = " ".join(re.findall(r"^(?:CHECKS|SUITES|SLOW) := ([\w -]+)$", makefile, re.MULTILINE))
    assert read("check.yml")["jobs"]["tests"]["strategy"]["matrix"]["target"] == targets.split()


def test_the_comment_follows_the_check() -> None:
    assert read("comment.yml")[True]["workflow_run"]["workflows"] == [read("check.yml")["name"]]
    uploaded = step_of("check.yml", "actions/upload-artifact")["with"]
    assert step_of("comment.yml", "actions/download-artifact")["with"]["name"] == uploaded["name"]


ENVIRONMENTS = sorted(
    path.name.removeprefix("Pulumi.").removesuffix(".yaml")
    for path in (ROOT / "stacks").glob("Pulumi.*.yaml")
)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_levels_of_policies_are_those_of_the_profile(environment: str, tmp_path: Path) -> None:
    (command,) = [step["run"] for step in steps("engine.yml") if step.get("id") == "policies"]
    written = tmp_path / "output"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "ENVIRONMENT": environment, "GITHUB_OUTPUT": str(written)},
        check=True,
    )
    file = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text("utf-8"))
    levels = f"policies/environments/{file['config']['stanchion:profile']}.json"
    assert written.read_text("utf-8") == f"levels={levels}\n"
    assert (ROOT / levels).exists()


SHA = "c0ffee0000000000000000000000000000000000"
RUN = {
    "head_sha": SHA,
    "head_branch": "idea",
    "head_repository": {"id": 7, "owner": {"login": "someone"}},
    "conclusion": "failure",
    "html_url": "https://github.com/acme/platform/actions/runs/1",
}
PULL = {"number": 12, "head": {"sha": SHA, "repo": {"id": 7}}}
HARNESS = """
const given = JSON.parse(process.env.GIVEN)
const calls = []
const record = (name) => async (args) => { calls.push([name, args]); return { data: {} } }
const lists = { pulls: given.pulls, comments: given.comments }
const github = {
  rest: {
    pulls: { list: 'pulls' },
    issues: {
      listComments: 'comments', createComment: record('create'), updateComment: record('update'),
    },
  },
  paginate: async (endpoint, args) => { calls.push([endpoint, args]); return lists[endpoint] },
}
const context = { repo: { owner: 'acme', repo: 'platform' }, payload: { workflow_run: given.run } }
const core = { info: () => {} }
const AsyncFunction = (async () => {}).constructor
new AsyncFunction('github', 'context', 'core', 'require', given.script)(
  github, context, core, require,
).then(() => console.log(JSON.stringify(calls)))
"""


def comment(report: Path, **changes: Any) -> dict[str, Any]:
    """The calls that the script of comment.yml makes, by name."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = step_of("comment.yml", "actions/github-script")["with"]["script"]
    given = {"script": script, "run": RUN, "pulls": [PULL], "comments": [], **changes}
    done = subprocess.run(
        [node, "-e", HARNESS],
        env={**os.environ, "GIVEN": json.dumps(given), "REPORT": str(report)},
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.md"
    path.write_text("## prod-aws\n\nclean, said @someone of image@sha256:0f\n", "utf-8")
    return path


def test_the_report_goes_to_the_pull_request_whose_head_was_checked(report: Path) -> None:
    calls = comment(report)
    assert calls["pulls"]["head"] == "someone:idea"
    assert calls["create"]["issue_number"] == 12
    body = calls["create"]["body"]
    assert "Offline preview of c0ffee0: [failure](https://github.com/acme/" in body
    assert "## prod-aws" in body
    assert "update" not in calls


@pytest.mark.parametrize(
    "changes",
    [
        {"pulls": []},
        {"pulls": [{**PULL, "head": {"sha": "0" * 40, "repo": {"id": 7}}}]},
        {"pulls": [{**PULL, "head": {"sha": SHA, "repo": {"id": 8}}}]},
        {"pulls": [{**PULL, "head": {"sha": SHA, "repo": None}}]},
        {"pulls": [PULL, {**PULL, "number": 13}]},
        {"run": {**RUN, "head_repository": None}},
    ],
    ids=["none", "newer commit", "other repository", "gone", "two", "fork gone"],
)
def test_a_report_that_belongs_nowhere_for_sure_is_not_posted(
    report: Path, changes: dict[str, Any]
) -> None:
    assert not {"create", "update"} & set(comment(report, **changes))


def test_a_second_report_replaces_the_first_of_ours_and_no_one_elses(report: Path) -> None:
    marker = "<!-- stanchion-preview -->"
    ours = {"id": 2, "user": {"login": "github-actions[bot]"}, "body": f"{marker}\nold"}
    forged = {"id": 1, "user": {"login": "someone"}, "body": f"{marker}\nforged"}
    calls = comment(report, comments=[forged, ours])
    assert calls["update"]["comment_id"] == 2
    assert "create" not in calls
    assert "create" in comment(report, comments=[forged])


def test_a_report_calls_no_one_by_name(report: Path) -> None:
    body = comment(report)["create"]["body"]
    assert "@someone" not in body
    assert "image@sha256:0f" in body


def test_a_long_report_is_cut_to_what_a_comment_holds(report: Path) -> None:
    report.write_text("```diff\n" + "+ añadido\n" * 20_000, "utf-8")
    body = comment(report)["create"]["body"]
    assert len(body) < 65_536
    assert body.count("```") == 2
    assert "an artifact of the check" in body


def test_what_is_no_report_is_not_read(report: Path, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_text("the runner's own")
    report.unlink()
    report.symlink_to(private)
    for path in (report, tmp_path / "missing.md", tmp_path):
        assert "ended before there was a report" in comment(path)["create"]["body"]
