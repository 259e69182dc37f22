"""The measure of agreement with other tools: how their cases are read, judged and counted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from policies.manifests import workload

sys.path.append(str(Path(__file__).parents[2]))  # the benchmarks are no installed package

from benchmarks.policies.agreement import (
    kube_linter,
    kube_score,
    kubescape,
    kyverno,
    polaris,
    trivy,
)
from benchmarks.policies.agreement.__main__ import Judgement, rates
from benchmarks.policies.agreement.labels import Label, ask, found

GOOD = workload()
BAD = workload(name="bad", pod={"hostPID": True})


def write(path: Path, *documents: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(documents))


def verdicts(labels: Any) -> list[tuple[str, bool]]:
    return [(label.check, label.violated) for label in labels]


def test_a_policy_is_asked_about_the_object_that_is_meant() -> None:
    asked = ask("pod-no-host-pid")
    one = Label("x", "both", (GOOD, BAD), violated=True)
    assert len(found(one, asked)) == 1
    other = Label("x", "good", (GOOD, BAD), violated=False, subject=("Deployment", "churn"))
    assert not found(other, asked)


def test_a_setting_reaches_the_policies_that_have_it() -> None:
    label = Label("x", "one replica", (workload(spec={"replicas": 1}),), violated=True)
    asked = {
        minimum: ask("workload-replicas", "pod-no-host-pid", minimum=minimum) for minimum in (1, 2)
    }
    assert not found(label, asked[1])
    assert found(label, asked[2])


def test_recall_and_false_positives_are_shares_of_what_they_are_about() -> None:
    said = [(True, ["x"]), (True, []), (False, []), (False, []), (False, []), (False, ["x"])]
    judged = [
        Judgement("polaris", Label("c", "t", (), violated), messages) for violated, messages in said
    ]
    assert rates(judged) == (0.5, 0.25)


def test_polaris_tells_the_outcome_by_the_file_s_name(tmp_path: Path) -> None:
    for name in ("failure", "failure.other", "success-more", "mutated", "check"):
        write(tmp_path / f"test/checks/hostPIDSet/{name}.yaml", BAD)
    assert verdicts(polaris.labels(tmp_path)) == [("hostPIDSet", True)] * 2 + [
        ("hostPIDSet", False)
    ]


def test_kube_linter_is_read_by_its_script_and_the_objects_names(tmp_path: Path) -> None:
    write(tmp_path / "tests/checks/a.yml", {**GOOD, "metadata": {"name": "dont-fire"}}, BAD)
    script = tmp_path / "e2etests/bats-tests.sh"
    script.parent.mkdir()
    script.write_text(
        '@test "host-pid" {\n  tmp="tests/checks/a.yml"\n'
        '  [[ "${message1}" == "Deployment: shares the PID namespace" ]]\n}\n'
    )
    assert verdicts(kube_linter.labels(tmp_path)) == [("host-pid", False), ("host-pid", True)]


def test_kube_score_s_grades_are_read_but_where_an_option_changes_the_check(tmp_path: Path) -> None:
    write(tmp_path / "score/testdata/a.yaml", GOOD)
    call = 'testExpectedScore(t, "a.yaml", "Service Type", scorecard.Grade{})\n'
    changed = call.replace('"a.yaml"', '"a.yaml", IgnoreThis: true')
    source = call.format("AllOK") + call.format("Critical") + changed.format("Critical")
    (tmp_path / "score/a_test.go").write_text(source)
    expected = [("Service Type", False), ("Service Type", True)]
    assert verdicts(kube_score.labels(tmp_path)) == expected


def test_kubescape_expects_no_alert_of_a_clean_case(tmp_path: Path) -> None:
    for name, alerts in (("a", []), ("b", [{"alertMessage": "x"}])):
        case = tmp_path / "rules" / "host-pid-privileges" / "test" / name
        write(case / "input" / "pod.yaml", GOOD)
        (case / "expected.json").write_text(json.dumps(alerts))
    expected = [("host-pid-privileges", False), ("host-pid-privileges", True)]
    assert verdicts(kubescape.labels(tmp_path)) == expected


def test_an_object_fails_kyverno_s_policy_where_one_of_its_rules_fails(tmp_path: Path) -> None:
    folder = tmp_path / "other/x/.kyverno-test"
    write(folder / "resource.yaml", GOOD, BAD)
    both = {"policy": "disallow-host-namespaces", "kind": "Deployment"}
    results = [
        {**both, "rule": "a", "resources": ["churn", "bad"], "result": "pass"},
        {**both, "rule": "b", "resources": ["bad"], "result": "fail"},
        {**both, "rule": "c", "resources": ["churn"], "result": "skip"},
    ]
    write(folder / "kyverno-test.yaml", {"resources": ["resource.yaml"], "results": results})
    check = "disallow-host-namespaces"
    assert verdicts(kyverno.labels(tmp_path)) == [(check, False), (check, True)]


@pytest.mark.parametrize(("count", "violated"), [("== 0", False), ("== 1", True), ("> 0", True)])
def test_trivy_s_input_is_read_out_of_its_tests(tmp_path: Path, count: str, violated: bool) -> None:
    path = tmp_path / "checks/kubernetes/host_pid_test.rego"
    path.parent.mkdir(parents=True)
    path.write_text(
        "test_a if {\n\tr := deny with input as {\n"
        '\t\t"kind": "Pod",\n\t\t"spec": {"hostPID": true},\n\t}\n\n'
        f"\tcount(r) {count}\n}}\n"
    )
    (label,) = trivy.labels(tmp_path)
    assert (label.check, label.violated) == ("host_pid", violated)
    assert label.objects[0]["spec"] == {"hostPID": True}
