"""`stanchion check` holds plain manifests to the pack, whatever folder it is run in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stanchion_cli.check import judging
from stanchion_cli.check.files import Manifests
from stanchion_cli.check.judging import judge, policy_infos
from stanchion_cli.policies import read_config
from stanchion_policies.levels import environments

PRIVILEGED = """\
# a comment
apiVersion: v1
kind: Pod
metadata: {name: bad, namespace: team}
spec:
  containers:
  - name: c
    image: registry.example/c:1
    securityContext: {privileged: true}
    env: [{name: DB_PASSWORD, value: hunter2secret}]
"""
UNKNOWN_KIND = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: team}\n"
ONE_POLICY = {"all": "disabled", "pod-not-privileged": "mandatory"}


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in a folder that is no checkout."""
    command = [sys.executable, "-c", "from stanchion_cli.app import main; main()", "check"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a Pod that no profile permits, and a configuration that looks at that alone."""
    (tmp_path / "pod.yaml").write_text(PRIVILEGED)
    (tmp_path / "levels.json").write_text(json.dumps(ONE_POLICY))
    return tmp_path


def test_a_violation_is_told_with_file_and_line_and_fails(folder: Path) -> None:
    done = run(folder, "pod.yaml", "--policy-config", "levels.json")
    assert done.returncode == 1, done.stderr
    assert "pod.yaml:2: pod-not-privileged [critical] Pod team/bad: container 'c'" in done.stdout
    assert "1 object in 1 file" in done.stdout


def test_the_pods_of_a_job_set_are_judged_too(folder: Path) -> None:
    spec = PRIVILEGED.partition("spec:\n")[2].replace("\n  ", "\n            ")
    job_set = (
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\n"
        "metadata: {name: tune, namespace: team}\nspec:\n  replicatedJobs:\n  - name: node\n"
        f"    template:\n      spec:\n        template:\n          spec:\n          {spec}"
    )
    done = run(folder, "-", "--policy-config", "levels.json", stdin=job_set)
    assert done.returncode == 1, done.stderr
    assert "pod-not-privileged [critical] Job team/tune-node: container 'c'" in done.stdout


def test_the_levels_are_those_of_prod_unless_told_otherwise(folder: Path) -> None:
    default = run(folder, "pod.yaml")
    prod = run(folder, "pod.yaml", "--environment", "prod")
    dev = run(folder, "pod.yaml", "--environment", "dev")
    assert default.stdout == prod.stdout != dev.stdout
    assert {default.returncode, dev.returncode} == {1}
    assert "hunter2secret" not in default.stdout + default.stderr


def test_json_and_sarif_have_the_place(folder: Path) -> None:
    config = ("--policy-config", "levels.json")
    report = json.loads(run(folder, "pod.yaml", *config, "--format", "json").stdout)
    (finding,) = report["environments"][0]["findings"]
    assert (finding["policy"], finding["file"], finding["line"]) == (
        "pod-not-privileged", "pod.yaml", 2,
    )  # fmt: skip
    run(folder, "pod.yaml", *config, "--format", "sarif", "-o", "out.sarif")
    (result,) = json.loads((folder / "out.sarif").read_text())["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "pod.yaml"}, "region": {"startLine": 2}}


def test_standard_input_is_read(folder: Path) -> None:
    done = run(
        folder, "-", "--policy-config", "levels.json", stdin=f"{UNKNOWN_KIND}---\n{PRIVILEGED}"
    )
    assert done.returncode == 1
    assert "stdin:6: pod-not-privileged" in done.stdout


def test_kinds_that_nobody_knows_pass(folder: Path) -> None:
    done = run(folder, "-", stdin=UNKNOWN_KIND)
    assert (done.returncode, "clean" in done.stdout) == (0, True), done.stdout


def test_a_malformed_file_ends_with_2_and_the_others_are_judged(folder: Path) -> None:
    (folder / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: [\n")
    done = run(folder, ".", "--policy-config", "levels.json", "--format", "sarif", "-o", "o.sarif")
    assert done.returncode == 2
    assert "broken.yaml:6: document 2" in done.stderr
    results = json.loads((folder / "o.sarif").read_text())["runs"][0]["results"]
    lines = {
        each["ruleId"]: each["locations"][0]["physicalLocation"]["region"]["startLine"]
        for each in results
    }
    assert lines == {"pod-not-privileged": 2, "valid-input": 6}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["pod.yaml", "--policy-config", "nowhere.json"], "nowhere.json: cannot be read"),
        (["pod.yaml", "-o", "no/such/folder"], "cannot be written"),
        ([], "Missing argument"),
    ],
)
def test_bad_input_ends_with_2(folder: Path, arguments: Sequence[str], said: str) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_exemptions_cover_manifests_too(folder: Path) -> None:
    exemption = {
        "object": "Pod team/bad", "reason": "a driver", "owner": "team", "expires": "2999-01-01",
    }  # fmt: skip
    entry = {"enforcementLevel": "mandatory", "exemptions": [exemption]}
    (folder / "levels.json").write_text(json.dumps({**ONE_POLICY, "pod-not-privileged": entry}))
    done = run(folder, "pod.yaml", "--policy-config", "levels.json")
    assert done.returncode == 0, done.stdout
    assert "covers 1 finding" in done.stdout


def test_neither_engine_nor_its_packages_are_loaded(folder: Path) -> None:
    program = (
        "import sys; from stanchion_cli.app import main\n"
        "sys.argv = ['stanchion', 'check', 'pod.yaml']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pulumi', 'pulumi_policy', 'grpc', 'google.protobuf'} & {*sys.modules}\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_processes_share_the_work_without_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "many.yaml").write_text(
        "---\n".join(PRIVILEGED.replace("bad", f"bad-{number}") for number in range(40))
    )
    policies = read_config(environments() / "prod.json", policy_infos())

    def told() -> list[Any]:
        findings = judge(Manifests([str(tmp_path)]), policies)
        return [(each.urn, each.policy, each.message) for each in findings]

    alone = told()
    monkeypatch.setattr(judging, "_AT_ONCE", 7)
    assert told() == alone
    monkeypatch.setattr(judging, "_WORTH_A_FORK", 10)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert told() == alone
    assert len(alone) > 40
