from importlib.metadata import version
from pathlib import Path

import pytest
from stanchion_model_server.requirements import missing_requirements

SKLEARN = version("scikit-learn")


def of(folder: Path, *lines: str) -> list[str]:
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n")
    return missing_requirements(folder)


def test_what_is_installed_as_asked_is_not_missing(tmp_path: Path) -> None:
    assert of(tmp_path, f"scikit-learn=={SKLEARN}", "numpy>=1", "PyYAML", "", "# why") == []


def test_another_version_is_missing_and_both_are_named(tmp_path: Path) -> None:
    assert of(tmp_path, "scikit-learn==0.1.0") == [f"scikit-learn==0.1.0 (here: {SKLEARN})"]


def test_every_missing_requirement_is_listed(tmp_path: Path) -> None:
    found = of(tmp_path, "no-such-package==1", "numpy", "another-missing>2")
    assert found == ["no-such-package==1 (not installed)", "another-missing>2 (not installed)"]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("mlflow==3.0.0", False),
        ("mlflow==2.9.2", True),
        ("mlflow==3.999.0", True),
        ("mlflow>=3", False),
        ("mlflow-skinny>=3", False),
    ],
)
def test_mlflow_reads_what_an_older_release_of_its_major_wrote(
    tmp_path: Path, line: str, *, missing: bool
) -> None:
    assert bool(of(tmp_path, line)) is missing


def test_options_comments_and_foreign_markers_are_passed_over(tmp_path: Path) -> None:
    lines = ("-c constraints.txt", "pywin32==1; sys_platform == 'win32'", "numpy  # arrays")
    assert of(tmp_path, *lines) == []


def test_what_cannot_be_vouched_for_is_listed(tmp_path: Path) -> None:
    found = of(tmp_path, "mine @ https://example.org/mine.whl", "./local/package")
    assert [line.partition(" (")[2] for line in found] == [
        "installed from an address)",
        "not a package and version)",
    ]


def test_a_model_without_requirements_needs_nothing(tmp_path: Path) -> None:
    assert missing_requirements(tmp_path) == []
