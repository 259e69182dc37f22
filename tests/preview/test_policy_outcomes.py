"""Exemptions, undecided checks and remedies of policies, from the configuration to the reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from preview.conftest import make_project, named
from stanchion_cli.errors import InputError
from stanchion_cli.preview import Preview
from stanchion_cli.preview import run as evaluate_once
from stanchion_cli.report.form import Format
from stanchion_cli.report.formats import written
from stanchion_cli.report.model import report_on

PACK = Path(__file__).parents[2] / "policies"
CONFIG = "config: {replicas: 1, image: 'nginx:latest', token: {secure: A}, profile: own}"
TITLE = "Deployment demo/web"
ENTRY = {
    "object": TITLE,
    "reason": "the demo is never served",
    "owner": "team-demo",
    "expires": "2999-12-31",
}
UNUSED = ENTRY | {"object": "Deployment demo/gone"}
REMEDIES = ("pod-no-privilege-escalation", "pod-drops-capabilities", "pod-seccomp")


def previewed(directory: Path, levels: Mapping[str, Any]) -> Preview:
    """A small program under the project's own policies, at these levels alone."""
    root = make_project(directory / "project", "service", CONFIG)
    (root / "policies" / "environments").mkdir(parents=True)
    for name in ("PulumiPolicy.yaml", "__main__.py", "stanchion_policies"):
        (root / "policies" / name).symlink_to(PACK / name)
    config = json.dumps({"all": "disabled", **levels})
    (root / "policies" / "environments" / "own.json").write_text(config)
    return evaluate_once("dev", root=root)


def exempting(*entries: Mapping[str, Any]) -> dict[str, Any]:
    return {"pod-seccomp": {"enforcementLevel": "mandatory", "exemptions": [*entries]}}


@pytest.fixture(scope="module")
def exempted(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return previewed(tmp_path_factory.mktemp("exempted"), exempting(ENTRY, UNUSED))


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return previewed(tmp_path_factory.mktemp("mended"), dict.fromkeys(REMEDIES, "remediate"))


def test_an_exempted_violation_fails_nothing_and_is_counted(exempted: Preview) -> None:
    report = report_on(exempted)
    assert len(report.exempted) == 1
    assert not report.failed
    assert not report.mandatory
    assert report.verdict == "1 exempted finding"


def test_without_its_exemption_it_fails(exempted: Preview) -> None:
    bare = tuple(replace(finding, exemption=None) for finding in exempted.findings)
    assert report_on(replace(exempted, findings=bare)).failed


def test_every_exemption_is_listed_and_one_that_covers_nothing_is_told(exempted: Preview) -> None:
    report = report_on(exempted)
    assert [(use.exemption.object, use.findings, use.effect) for use in report.exemptions] == [
        (TITLE, 1, "covers 1 finding"),
        (UNUSED["object"], 0, "covers nothing: remove it"),
    ]


@pytest.mark.parametrize("form", [form for form in Format if form is not Format.SARIF])
def test_every_format_lists_exemptions_with_reason_owner_and_day(
    form: Format, exempted: Preview
) -> None:
    text = written(form, [report_on(exempted)], [], files={}).replace("\\-", "-")
    for shown in (*ENTRY.values(), UNUSED["object"]):
        assert shown in text


def test_sarif_suppresses_an_exempted_result(exempted: Preview) -> None:
    (run,) = json.loads(written(Format.SARIF, [report_on(exempted)], [], files={}))["runs"]
    (result,) = run["results"]
    assert result["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "the demo is never served (team-demo, until 2999-12-31)",
        }
    ]


def test_an_exemption_past_its_day_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was exempt until 2020-01-31"):
        previewed(tmp_path, exempting(ENTRY | {"expires": "2020-01-31"}))


def test_what_prod_may_leave_to_the_deployment_does_not_fail_it(tmp_path: Path) -> None:
    undecided = previewed(tmp_path, {"no-credentials-in-clear": "mandatory"})
    assert [finding.undecided for finding in undecided.findings] == [True]
    prod = report_on(replace(undecided, profile="prod"))
    assert prod.failed
    assert [*prod.refused_undecided] == [*prod.undecided]
    assert "undecided, which prod refuses" in written(Format.TEXT, [prod], [], files={})
    waiting = tuple(replace(each, tags=("may-wait",)) for each in undecided.findings)
    report = report_on(replace(undecided, profile="prod", findings=waiting))
    assert not report.failed
    assert report.verdict == "1 undecided check"


def test_remedies_change_what_the_program_registers_before_it_is_judged(mended: Preview) -> None:
    assert not mended.findings
    spec = named(mended, "web-deployment").inputs["spec"]["template"]["spec"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_each_remedy_is_shown_as_what_it_changed(mended: Preview) -> None:
    shown = report_on(mended).mended
    assert [each.policy for each in shown if "Deployment" in each.urn] == [*REMEDIES]
    seccomp = next(each for each in shown if each.policy == "pod-seccomp")
    (change,) = seccomp.properties
    assert change.path == "spec.template.spec.securityContext.seccompProfile.type"
    assert (change.before, change.after) == (None, "RuntimeDefault")


@pytest.mark.parametrize("form", [form for form in Format if form is not Format.SARIF])
def test_every_format_shows_what_was_mended(form: Format, mended: Preview) -> None:
    text = written(form, [report_on(mended)], [], files={}).replace("\\-", "-")
    for policy in REMEDIES:
        assert policy in text
    assert "seccompProfile" in text


def test_an_exempted_object_is_not_mended(tmp_path: Path) -> None:
    levels = exempting(ENTRY)
    levels["pod-seccomp"]["enforcementLevel"] = "remediate"
    found = previewed(tmp_path, levels)
    assert not found.remedied
    assert [finding.exemption is not None for finding in found.findings] == [True]


def test_a_policy_without_a_remedy_cannot_have_that_level(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="image-pinned: it cannot mend what violates it"):
        previewed(tmp_path, {"image-pinned": "remediate"})
