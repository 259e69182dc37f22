"""The page of dashboards: what Prometheus answered, and nothing that a name could do to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from stanchion.monitoring.dashboards import DASHBOARDS, queries
from stanchion.monitoring.dashboards.model_service import MODEL_SERVICE
from stanchion.monitoring.dashboards.platform import PLATFORM
from stanchion_cli import commands
from stanchion_cli.deploy.prometheus import Prometheus, Series, reached_prometheus
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.report.charts import HEIGHT, WIDTH, chart, figure
from stanchion_cli.report.dashboards import MOST_LINES, Times, page
from typer.testing import CliRunner
from unit.deploy.prometheus_stand_in import answering

ROOT = Path(__file__).parents[3]
TIMES = Times(1000.0, 1000.0 + 3600)
READY = "sum by (namespace, service) (model_server_ready"


def stanchion(*arguments: str) -> Any:
    app = typer.Typer()
    commands.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_a_page_needs_nothing_else_and_shows_what_was_answered() -> None:
    with answering({READY: {"namespace=demo,service=wine": 2}, "count(up == 0)": {"": 3}}) as told:
        text = page("local", [PLATFORM], Prometheus(told.address), TIMES, {})
    assert "demo/wine" in text
    assert re.search(r"2 of \d+ panels have data", text)
    assert 'class="stat red">3' in text
    assert text.count("<polyline") == 1
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:src|href)=", text)


def test_every_query_of_every_dashboard_is_asked_as_prometheus_takes_it() -> None:
    with answering({}) as told:
        page("local", DASHBOARDS, Prometheus(told.address), TIMES, {})
        assert told.asked == [query for each in DASHBOARDS for query in queries(each)]


def test_what_is_chosen_is_asked_for_alone() -> None:
    with answering({}) as told:
        page("local", [MODEL_SERVICE], Prometheus(told.address), TIMES, {"service": "wine"})
        assert all('service=~"wine"' in query for query in told.asked if "service=~" in query)


def test_a_name_is_text_and_never_markup() -> None:
    with answering({READY: {"namespace=demo,service=<script>alert(1)</script>": 1}}) as told:
        text = page("<b>x</b>", [PLATFORM], Prometheus(told.address), TIMES, {})
    assert "<script" not in text
    assert "<b>x" not in text
    assert "&lt;script&gt;" in text


def test_of_many_series_the_largest_are_shown_and_the_rest_counted() -> None:
    many = {f"namespace=demo,service=s{at}": float(at) for at in range(MOST_LINES + 3)}
    with answering({READY: many}) as told:
        text = page("local", [PLATFORM], Prometheus(told.address), TIMES, {})
    assert "and 3 more" in text
    assert f"demo/s{MOST_LINES + 2}" in text
    assert "demo/s2<" not in text


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.1234, "percentunit", "12.3 %"), (-7.5e-13, "percentunit", "0 %"),
        (0.0042, "s", "4.2 ms"), (90, "s", "1.5 min"), (0, "s", "0 s"),
        (3 * 2**30, "bytes", "3 GiB"), (12, "bytes", "12 B"),
        (1234567, "short", "1.23M"), (2, "cps", "2/s"), (71.6, "celsius", "72 °C"),
        (1234.5, "currencyUSD", "$1,234.50"), (250, "watt", "250 W"),
    ],
)  # fmt: skip
def test_a_number_is_written_with_its_unit(value: float, unit: str, shown: str) -> None:
    assert figure(value, unit) == shown


def test_all_values_are_in_the_picture_and_a_gap_is_left_open() -> None:
    points = tuple((float(when), when / 10) for when in (0, 1, 2, 50, 51, 100))
    drawn = chart([Series({}, points)], 0, 100, limits=[5.0, 70.0])
    (pieces,) = drawn.lines
    assert len(pieces) == 3
    for across, down in re.findall(r"([\d.-]+),([\d.-]+)", " ".join(pieces)):
        assert 0 <= float(across) <= WIDTH + 2
        assert 0 <= float(down) <= HEIGHT
    assert drawn.marks == (HEIGHT / 2,), "a limit beyond the values would squeeze them"


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_a_constant_is_a_line_too(value: float) -> None:
    drawn = chart([Series({}, ((0.0, value), (1.0, value)))], 0, 1)
    assert drawn.low < drawn.high
    assert drawn.low <= value <= drawn.high


def test_what_is_no_number_is_left_out() -> None:
    with answering({"x": {"a=1": float("nan"), "a=2": 7}}) as told:
        assert [series.last for series in Prometheus(told.address).now("x")] == [7]


@pytest.mark.parametrize(
    ("query", "address", "told"),
    [
        ("refused(", "", "answers 400: 1:9: parse error"),
        ("up", "http://127.0.0.1:1", "cannot be asked"),
    ],
)
def test_a_prometheus_that_refuses_or_is_not_there_is_one_message(
    query: str, address: str, told: str
) -> None:
    with answering({}) as there, pytest.raises(StanchionError, match=told):
        Prometheus(address or there.address).now(query)


def test_an_address_that_is_none_is_bad_input() -> None:
    with (
        pytest.raises(InputError, match="write http://HOST:PORT"),
        reached_prometheus(ROOT, "local", address="ftp://example.com"),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--only", "platfrom"), "write one of platform, model-service"),
        (("--hours", "0"), "write 0.1 to 720"),
        (("--output", "no/such/page.html"), "make it first"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(
    arguments: tuple[str, ...], told: str
) -> None:
    done = stanchion("dashboards", "render", *arguments)
    assert isinstance(done.exception, InputError)
    assert told in str(done.exception)


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    with answering({READY: {"namespace=demo,service=wine": 2}}) as told:
        done = stanchion(
            "dashboards", "render", "local", "--prometheus", told.address, "-o", str(file),
            "--only", "platform", "--root", str(ROOT),
        )  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert "demo/wine" in file.read_text()


def test_a_grafana_of_ones_own_gets_a_file_for_each(tmp_path: Path) -> None:
    done = stanchion("dashboards", "export", str(tmp_path / "json"))
    assert done.exit_code == 0
    written = {path.name for path in (tmp_path / "json").iterdir()}
    assert written == {f"{each.uid}.json" for each in DASHBOARDS}


@pytest.mark.parametrize(
    "address", ["nonsense", "ftp://127.0.0.1:9", "http://", "http://[", "http://127.0.0.1:99999"]
)
def test_what_is_no_address_of_prometheus_is_refused(address: str, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="is no address; write http://HOST:PORT"),
        reached_prometheus(tmp_path, "local", address=address),
    ):
        pass


def test_a_login_in_the_address_of_prometheus_is_refused_and_not_shown(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="has a login in its address") as refused,
        reached_prometheus(tmp_path, "local", address="http://me:hunter2@127.0.0.1:9090"),
    ):
        pass
    assert "hunter2" not in str(refused.value)
