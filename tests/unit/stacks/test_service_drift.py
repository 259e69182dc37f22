"""`drift` of a service file: which limits it may set."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_files import load_services
from stanchion import DriftLimits
from unit.stacks.bad_files import SERVICE
from validation import InvalidFileError


def written(folder: Path, lines: str) -> DriftLimits:
    """What the component gets of a service file."""
    (folder / "wine.yaml").write_text(f"{SERVICE}{lines}\n")
    (file,) = load_services(folder, "prod-aws")
    return file.drift.arguments()


def test_a_file_that_says_nothing_has_the_defaults(tmp_path: Path) -> None:
    assert written(tmp_path, "") == {
        "psi": 0.2, "problem_ratio": 0.05, "window_hours": 24, "min_rows": 1000,
        "every_minutes": 5,
    }  # fmt: skip


def test_what_a_file_says_is_what_the_component_gets(tmp_path: Path) -> None:
    lines = "drift: {psi: 0.1, problemRatio: 0.02, windowHours: 6, minRows: 400, everyMinutes: 1}"
    assert written(tmp_path, lines) == {
        "psi": 0.1, "problem_ratio": 0.02, "window_hours": 6, "min_rows": 400,
        "every_minutes": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("drift: {psi: 0}", "drift.psi"),
        ("drift: {problemRatio: 2}", "drift.problemRatio"),
        ("drift: {windowHours: 1000}", "drift.windowHours"),
        ("drift: {windowHours: 1.5}", "drift.windowHours"),
        ("drift: {minRows: 10}", "drift.minRows"),
        ("drift: {everyMinutes: 0}", "drift.everyMinutes"),
        ("drift: {threshold: 0.2}", "drift.threshold: unknown key"),
    ],
)
def test_what_no_alert_could_go_by_is_refused_by_its_path(
    tmp_path: Path, lines: str, path: str
) -> None:
    with pytest.raises(InvalidFileError) as raised:
        written(tmp_path, lines)
    (found,) = raised.value.problems
    assert found.startswith(f"wine.yaml: {path}")
