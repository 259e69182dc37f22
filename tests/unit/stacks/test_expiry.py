"""Until when an environment is wanted."""

from __future__ import annotations

import datetime
import json

import pytest
import yaml
from environment import Environment, Profile, from_pulumi_config
from unit.stacks.bad_files import ENVIRONMENT
from validation import InvalidFileError


def _environment(expires: str, profile: str = "dev") -> Environment:
    config = yaml.safe_load(ENVIRONMENT)["config"]
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    return from_pulumi_config({**texts, "stanchion:expires": expires, "stanchion:profile": profile})


@pytest.mark.parametrize("written", ["2026-12-31", "2026-12-31 00:00:00 +0000 UTC"])
def test_a_day_is_read_as_it_is_written_and_as_the_engine_writes_it(written: str) -> None:
    assert _environment(written).expires == datetime.date(2026, 12, 31)


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "2026-02-30",
        "20261231",
        "2026-12-31T12:00:00Z",
        "12",
        '"2026-12-31 "',
        "[]",
    ],
)
def test_what_is_no_day_is_refused_with_the_fix(written: str) -> None:
    with pytest.raises(InvalidFileError, match=r"^stanchion:expires: .*; write a day, as 2026"):
        _environment(written)


@pytest.mark.parametrize("profile", [Profile.STAGING, Profile.PROD])
def test_only_dev_expires(profile: Profile) -> None:
    with pytest.raises(InvalidFileError, match=r"^stanchion:expires: .*; remove it"):
        _environment("2026-12-31", profile)
