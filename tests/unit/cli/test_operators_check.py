"""`stanchion operators check`: what is wrong with a lock file of charts, and with what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from stanchion.operators.lock import LockError, Range, charts, findings, parse
from stanchion_cli.commands.operators import app
from stanchion_cli.errors import InputError
from typer.testing import CliRunner

DIGEST = "sha256:" + "a" * 64
GOOD = f"""
charts:
  - name: things
    repository: https://charts.example.com
    version: 1.2.3
    app_version: v1.2.3
    digest: {DIGEST}
    digest_of: archive
    kubernetes: {{from: "1.30", to: "1.35"}}
    crds: none
    source: https://example.com
    date: 2026-11-21
"""


def check(*arguments: str) -> tuple[int, str]:
    """Exit status and output; bad input as the message that the command ends with."""
    result = CliRunner().invoke(app, ["check", *arguments])
    if isinstance(result.exception, InputError):
        return int(result.exception.exit), str(result.exception)
    assert result.exception is None or isinstance(result.exception, (SystemExit, typer.Exit))
    return result.exit_code, result.output


def checked(folder: Path, text: str, *arguments: str) -> tuple[int, str]:
    file = folder / "charts.lock.yaml"
    file.write_text(text, encoding="utf-8")
    return check("--lock", str(file), *arguments)


def test_the_lock_file_of_the_package_has_no_error() -> None:
    status, output = check()
    assert status == 0
    assert f"{len(charts())} charts: 0 errors" in output
    assert all(name in output for name in charts())


@pytest.mark.parametrize("kubernetes", ["1.34", "1.35", "1.36"])
def test_the_pinned_charts_go_with_every_version_that_eks_supports(kubernetes: str) -> None:
    status, output = check("--kubernetes", kubernetes)
    assert status == 0
    assert f"for Kubernetes {kubernetes}: 0 errors" in output


def test_what_is_known_of_a_chart_is_complete() -> None:
    for chart in charts().values():
        assert chart.source.startswith("https://"), chart.name
        assert re.fullmatch(r"2026-\d\d-\d\d", chart.date), chart.name
        assert (chart.digest is None) == (chart.digest_reason is not None), chart.name
        assert (chart.digest is None) == (chart.digest_source is None), chart.name


def test_a_good_file_ends_with_zero(tmp_path: Path) -> None:
    assert checked(tmp_path, GOOD)[0] == 0
    assert checked(tmp_path, GOOD, "--kubernetes", "1.35")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1.2.3", "version: 1.2", "version '1.2' is not exact"),
        ("version: 1.2.3", "version: ^1.2.3", "version '^1.2.3' is not exact"),
        ("version: 1.2.3", "version: 1.2.x", "version '1.2.x' is not exact"),
        (DIGEST, "sha256:abc", "is no SHA-256"),
        (DIGEST, "sha512:" + "a" * 64, "is no SHA-256"),
        (DIGEST, "sha256:" + "A" * 64, "is no SHA-256"),
        (DIGEST, "null", "digest is null without digest_reason"),
        ("digest_of: archive", "digest_of: image", "digest_of is 'image'"),
        ("https://charts", "http://charts", "is neither https nor oci"),
        ("crds: none", "crds: chart", "crds and crd_chart disagree"),
        ("crds: none", "crds: chart\n    crd_chart: more", "'more' is not in the file"),
        ("crds: none", "crds: none\n    deprecated: true", "is deprecated by its makers"),
    ],
)
def test_a_wrong_chart_ends_with_one_and_says_what_to_write(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    status, output = checked(tmp_path, GOOD.replace(old, new, 1))
    assert status == 1
    assert f"error: things: {expected}" in output or expected in output
    assert re.search(r"error: things: .+; .+", output)


def test_a_chart_that_is_there_twice_is_told_once(tmp_path: Path) -> None:
    twice = GOOD + GOOD.partition("charts:\n")[2]
    status, output = checked(tmp_path, twice)
    assert status == 1
    assert output.count("things: is there twice") == 1


@pytest.mark.parametrize(
    ("kubernetes", "status"), [("1.29", 1), ("1.30", 0), ("1.35", 0), ("1.36", 1), ("1.4", 1)]
)
def test_both_ends_of_the_range_belong_to_it(tmp_path: Path, kubernetes: str, status: int) -> None:
    found, output = checked(tmp_path, GOOD, "--kubernetes", kubernetes)
    assert found == status
    assert ("is for Kubernetes 1.30 to 1.35" in output) == bool(status)


def test_versions_are_compared_as_numbers() -> None:
    assert "1.9" not in Range("1.10")
    assert "1.10" in Range("1.9", "1.35")
    assert "2.0" in Range("1.35")


def test_an_untested_version_is_a_note_and_no_error(tmp_path: Path) -> None:
    text = GOOD.replace(', to: "1.35"', "").replace(
        "    crds:", '    tested: {from: "1.33", to: "1.34"}\n    crds:'
    )
    status, output = checked(tmp_path, text, "--kubernetes", "1.35")
    assert status == 0
    assert "note: things: 1.2.3 is tested by its makers on Kubernetes 1.33 to 1.34" in output
    assert "0 errors, 1 notes" in output


def test_a_missing_digest_with_its_reason_is_a_note(tmp_path: Path) -> None:
    text = GOOD.replace(f"{DIGEST}\n    digest_of: archive", "null\n    digest_reason: not told")
    status, output = checked(tmp_path, text)
    assert status == 0
    assert "note: things: has no digest: not told" in output


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("charts:", "chart:", "has no list named charts"),
        ("charts:", "charts: [", "is no YAML"),
        ("    crds: none\n", "", "charts[0].crds: is missing"),
        ("    date: 2026-11-21\n", "", "charts[0].date: is missing"),
        ("crds: none", "crds: some", "charts[0].crds: 'some' is none of chart"),
        ("crds: none", "crds: none\n    pinned: true", "charts[0].pinned: is no field"),
        ('from: "1.30"', "from: 1.30", "'1.3' is no minor version in quotes"),
        ('from: "1.30"', 'after: "1.30"', "charts[0].kubernetes: is not a mapping"),
    ],
)
def test_a_file_that_is_no_lock_file_is_bad_input(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    status, output = checked(tmp_path, GOOD.replace(old, new, 1))
    assert (status, expected in output) == (2, True), output
    assert "charts.lock.yaml: " in output


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    status, output = check("--lock", str(tmp_path / "none.yaml"))
    assert status == 2
    assert "cannot be read" in output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kubernetes", "latest"], "'latest' is no minor version"),
        (["--kubernetes", "1.35.2"], "'1.35.2' is no minor version"),
        (["prod-aws", "--kubernetes", "1.35"], "exclude each other"),
    ],
)
def test_bad_arguments_are_bad_input(arguments: list[str], expected: str) -> None:
    status, output = check(*arguments)
    assert (status, expected in output) == (2, True)


@pytest.mark.parametrize(
    ("settings", "status", "expected"),
    [
        ({"provider": {"cloud": "aws"}, "cluster": {"version": "1.35"}}, 0, "Kubernetes 1.35: 0"),
        ({"provider": {"cloud": "gcp"}, "cluster": {"version": "1.37"}}, 1, "not 1.37"),
        ({"provider": {"cloud": "local"}, "cluster": {"version": "1.35"}}, 2, "has no charts"),
        ({}, 2, "environment some: has no charts"),
    ],
)
def test_an_environment_is_held_to_its_own_kubernetes(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], status: int, expected: str
) -> None:
    monkeypatch.setattr("stanchion_cli.comparison.settings_of", lambda *_, **__: settings)
    found, output = check("some")
    assert (found, expected in output) == (status, True), output


def test_findings_without_a_version_say_nothing_of_kubernetes() -> None:
    assert [each for each in findings(list(charts().values())) if "Kubernetes" in each.reason] == []


def test_an_entry_that_is_no_mapping_is_told_with_its_place() -> None:
    with pytest.raises(LockError, match=r"charts\[0\]: is no mapping"):
        parse("charts: [karpenter]")
