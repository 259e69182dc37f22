"""Schedules of CronJobs: what Kubernetes takes, and nothing else."""

import pytest
from stanchion.schedules import is_schedule


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
