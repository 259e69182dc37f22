"""`slo` of a service file: what it may promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from service import check_services
from service_files import load_services
from unit.stacks.bad_files import SERVICE
from validation import InvalidFileError


def problems(folder: Path, lines: str) -> tuple[str, ...]:
    """What is wrong with a service file."""
    (folder / "wine.yaml").write_text(f"{SERVICE}{lines}\n")
    try:
        check_services(
            load_services(folder, "prod-aws"),
            environment="prod-aws",
            tenants=["demo"],
            min_replicas=2,
        )
    except InvalidFileError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "slo: {}",
        "slo: {availability: 99.95, windowDays: 30, minFailures: 1}",
        "slo: {latency: {milliseconds: 0.5, percent: 95}}",
        "slo: {latency: {milliseconds: 2500, percent: 99.9}}",
    ],
)
def test_sound_promises_have_no_problem(tmp_path: Path, lines: str) -> None:
    assert problems(tmp_path, lines) == ()


def test_what_a_file_says_is_what_the_component_gets(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(
        f"{SERVICE}slo: {{availability: 99, latency: {{milliseconds: 250, percent: 98}}, "
        "windowDays: 14, minFailures: 3}\n"
    )
    (file,) = load_services(tmp_path, "prod-aws")
    assert file.slo.arguments() == {
        "availability": 99.0,
        "latency": {"milliseconds": 250.0, "percent": 98.0},
        "window_days": 14,
        "min_failures": 3,
    }


def test_a_file_that_says_nothing_promises_the_default(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(SERVICE)
    (file,) = load_services(tmp_path, "prod-aws")
    assert file.slo.arguments() == {"availability": 99.5, "window_days": 28, "min_failures": 10}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("slo: {availability: 100}", "wine.yaml: slo.availability: "),
        ("slo: {availability: 90}", "wine.yaml: slo.availability: "),
        ("slo: {windowDays: 90}", "wine.yaml: slo.windowDays: "),
        ("slo: {minFailures: 0}", "wine.yaml: slo.minFailures: "),
        ("slo: {latency: {milliseconds: 250}}", "wine.yaml: slo.latency.percent: is required"),
        ("slo: {objective: 99}", "wine.yaml: slo.objective: unknown key"),
        (
            "slo: {latency: {milliseconds: 300, percent: 99}}",
            "services/wine: slo.latency.milliseconds: 300 is no bound of the histogram by which "
            "the server measures; write 250 or 500",
        ),
        (
            "slo: {latency: {milliseconds: 1000, percent: 99}}\nrequestTimeoutSeconds: 1",
            "services/wine: slo.latency.milliseconds: 1000 is not below requestTimeoutSeconds: 1",
        ),
    ],
)
def test_what_cannot_be_kept_watch_over_is_refused_by_its_path(
    tmp_path: Path, lines: str, told: str
) -> None:
    (found,) = problems(tmp_path, lines)
    assert found.startswith(told)
