"""Schedules of CronJobs: what Kubernetes takes, and nothing else."""

from datetime import timedelta

import pytest
from stanchion.schedules import fewest_runs, is_schedule, longest_gap, runs_per_month, take_turns


@pytest.mark.parametrize(
    "text",
    ["17 2 * * *", "*/15 * * * *", "17 2-20/6 * * *", "0 3 * * MON-FRI", "5 4 1,15 jan,DEC ?",
     "@daily", "0 0 31 12 6"],
)  # fmt: skip
def test_what_a_cron_job_takes_is_a_schedule(text: str) -> None:
    assert is_schedule(text)


@pytest.mark.parametrize(
    "text",
    ["", "daily", "@noon", "0 3 * *", "0 3 * * * *", "60 3 * * *", "0 24 * * *", "0 3 0 * *",
     "0 3 32 * *", "0 3 * 13 *", "0 3 * * 7", "0 3 * * L", "0 3 * foo *", "*/0 * * * *",
     "30-10 * * * *", "1,,2 * * * *", "*-5 * * * *", "0  3 * * *", "17 2 * * *\n",
     "TZ=UTC 0 3 * * *"],
)  # fmt: skip
def test_what_a_cron_job_would_refuse_is_none(text: str) -> None:
    assert not is_schedule(text)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("30 7 * * MON-FRI", "0 10 * * MON-FRI"),
        ("0 22 * * mon-fri", "0 6 * * TUE-SAT"),
        ("0 0 * * MON", "0 0 * * SAT"),
        ("0 8 1 * *", "0 8 3 * *"),
        ("0 8,14 * * *", "0 10,16 * * *"),
        ("0 */6 * * *", "30 */6 * * *"),
        ("0 8 29 2 *", "0 9 29 2 *"),
    ],
)
def test_a_start_and_an_end_may_take_turns(start: str, end: str) -> None:
    assert take_turns(start, end)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("30 7 * * MON-FRI", "0 10 * * *"),
        ("0 8,12 * * *", "0 20 * * *"),
        ("0 8 * * *", "0 8 * * *"),
        ("0 8 * * MON,TUE", "0 8 * * WED,THU"),
        ("0 8 1 * MON", "0 10 1 * *"),
        ("0 8 31 2 *", "0 9 31 2 *"),
        ("0 8 * * *", "0 9 31 2 *"),
        ("* * * * *", "0 9 * * *"),
        ("0 8 */2 * MON", "0 9 */2 * TUE"),
    ],
)
def test_and_where_they_do_not_it_is_seen(start: str, end: str) -> None:
    assert not take_turns(start, end)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("0 2 * * *", 30.4), ("@daily", 30.4), ("@hourly", 730), ("0 * * * *", 730),
        ("@weekly", 4.3), ("0 0 1 * *", 1), ("@monthly", 1), ("0 0 1 1 *", 1 / 12),
    ],
)  # fmt: skip
def test_a_schedule_comes_so_often_in_a_month(text: str, runs: float) -> None:
    assert runs_per_month(text) == pytest.approx(runs, rel=0.02)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("17 3 * * *", 30),
        ("@hourly", 720),
        # Five Sundays are in some 30 days, four in all.
        ("@weekly", 4),
        ("0 0 */3 * *", 10),
        # From 1 January to 1 February are 31 days, in which it does not come.
        ("@monthly", 0),
        ("0 0 * 1 *", 0),
        ("0 0 29 2 *", 0),
        ("0 0 31 2 *", 0),
    ],
)
def test_a_schedule_comes_no_less_often_in_any_30_days(text: str, runs: int) -> None:
    assert fewest_runs(text, timedelta(days=30)) == runs


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("17 3 * * *", timedelta(days=1)),
        ("@daily", timedelta(days=1)),
        ("17 */6 * * *", timedelta(hours=6)),
        ("*/10 * * * *", timedelta(minutes=10)),
        ("*/25 * * * *", timedelta(minutes=25)),
        ("0 8,18 * * *", timedelta(hours=14)),
        ("0 6 * * MON-FRI", timedelta(days=3)),
        ("@weekly", timedelta(days=7)),
        ("0 0 1 * *", timedelta(days=31)),
        ("0 0 1,15 * MON", timedelta(days=7)),
        ("@yearly", timedelta(days=366)),
        ("0 0 29 2 *", timedelta(days=4 * 365 + 1)),
        # As from 22 February 2027 to 7 February 2028.
        ("0 0 * 2 MON", timedelta(days=350)),
    ],
)
def test_no_two_runs_are_further_apart_than_the_longest_gap(text: str, gap: timedelta) -> None:
    assert longest_gap(text) == gap


def test_a_schedule_that_never_comes_has_no_gap() -> None:
    assert longest_gap("0 0 31 2 *") is None
