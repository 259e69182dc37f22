"""Environment files of the clouds, judged before anything is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from costs import capacity_summary, check_budget
from environment import from_pulumi_config
from foundation_args import checked_foundation
from unit.stacks.bad_clouds import AWS, CLOUDS, GCP
from unit.stacks.bad_files import ROOT, Bad
from validation import InvalidFileError

PROFILES = ("dev", "staging", "prod")


def _config(text: str) -> dict[str, str]:
    config: dict[str, Any] = yaml.safe_load(text)["config"]
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}


@pytest.mark.parametrize("bad", CLOUDS, ids=lambda b: b.rule)
def test_a_bad_environment_is_refused_with_its_path_and_the_fix(bad: Bad) -> None:
    with pytest.raises(InvalidFileError) as caught:
        environment = from_pulumi_config(_config(bad.text))
        check_budget(environment, checked_foundation(environment, "prod-aws"))
    told = [p for p in caught.value.problems if p.startswith(f"{bad.path}: ")]
    assert told, caught.value.problems
    assert bad.says in told[0]
    assert "; " in told[0], "a message says how to fix it"


def test_there_are_forty_of_them() -> None:
    assert len({bad.rule for bad in CLOUDS}) == len(CLOUDS) >= 40


def test_all_problems_of_the_foundation_are_told_at_once() -> None:
    text = AWS.replace("10.40.0.0/16", "10.40.0.0/24").replace("nvidia-l4", "nvidia-l5")
    with pytest.raises(InvalidFileError) as caught:
        checked_foundation(from_pulumi_config(_config(text)), "prod-aws")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("profile", PROFILES)
def test_the_clouds_files_of_a_profile_differ_in_the_provider_block_alone(profile: str) -> None:
    files = [Path(ROOT / "stacks" / f"Pulumi.{profile}-{cloud}.yaml") for cloud in ("aws", "gcp")]
    one, other = (yaml.safe_load(file.read_text("utf-8"))["config"] for file in files)
    assert one.pop("stanchion:provider") != other.pop("stanchion:provider")
    assert one == other


def test_a_pool_is_of_one_machine_where_the_cloud_mixes_none() -> None:
    def machines(text: str) -> list[int]:
        pools = checked_foundation(from_pulumi_config(_config(text)), "prod")
        return [len(each.pool.machines) for each in pools]

    assert machines(GCP) == [1, 1, 1, 1]
    assert machines(AWS) == [1, 1, 5, 1]


def test_the_summary_of_capacity_is_what_the_file_says() -> None:
    environment = from_pulumi_config(_config(AWS))
    summary: Any = capacity_summary(environment, checked_foundation(environment, "prod-aws"))
    assert [pool["name"] for pool in summary["pools"]] == ["system", "general", "l4", "train"]
    assert summary["pools"][3]["capacity"] == ["spot", "on_demand"]
    assert {item["item"]: item["count"] for item in summary["fixed"]} == {
        "control_plane": 1, "nat_gateway": 3, "db.m7g.large": 2,
    }  # fmt: skip
    assert summary["budgetMonthlyUsd"] == 40000
