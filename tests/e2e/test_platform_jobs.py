"""A tenant's training and batch scoring as Jobs on the node: killed, gone on with, made again.

Named to come after the chapters that bring the platform up.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.platform import Platform, eventually
from e2e.registry import Registry
from e2e.team import CREDENTIALS, Team

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("unbroken")]

TRAINED = "wine-classifier"
STEPS = 1000
ROWS, SHARDS = 100_000, 6
NUMBER = re.compile(r"/(?:step|part)-(\d+)")
WRITE_BOTTLES = f"""
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from sklearn.datasets import load_wine
frame = load_wine(as_frame=True).data.rename(columns=lambda name: name.replace("/", "_"))
frame = frame.sample({ROWS}, replace=True, random_state=0).assign(bottle=np.arange({ROWS}))
pq.write_table(
    pa.Table.from_pandas(frame, preserve_index=False),
    "/data/bottles/wines.parquet", row_group_size={ROWS // SHARDS // 2},
)
"""
READ_SCORES = """
import json, sys, pyarrow.parquet as pq
table = pq.ParquetDataset(sys.argv[1]).read()
bottles = table["bottle"].to_pylist()
counts = table["prediction"].value_counts().to_pylist()
print(json.dumps({"rows": len(bottles), "distinct": len(set(bottles)), "last": max(bottles),
    "answers": {each["values"]: each["counts"] for each in counts}}))
"""


@pytest.fixture(scope="module")
def team(platform: Platform) -> Iterator[Team]:
    """The tenant, with a volume and an MLflow user."""
    with Team(platform) as working:
        yield working


@pytest.mark.full
def test_a_training_killed_at_half_ends_as_one_that_was_not(platform: Platform, team: Team) -> None:
    _declare_code(platform)
    team.run("mkdir", "-p", "/data/training", "/data/checkpoints")
    training = platform.root / "stacks" / "services" / "wine-training"
    team.write("/data/train.py", (training / "train.py").read_bytes())
    team.python(
        "import sys; sys.path.insert(0, '/data'); import train; from pathlib import Path; "
        "train.write_data(Path('/data/training'))"
    )
    team.declare("wine-training", _training())
    platform.stanchion("up", "local")
    _kill_at_half(team, "wine-training", "/data/checkpoints/*/step-*.json", STEPS // 2)
    team.finished("wine-training")
    told = _told(team, "wine-training")
    assert told["resumed_at"] >= STEPS // 2
    assert team.run("find", "/data/checkpoints", "-type", "f") == ""

    team.declare("wine-training", None)
    team.declare("wine-training-again", _training())
    platform.stanchion("up", "local")
    team.finished("wine-training-again")
    again = _told(team, "wine-training-again")
    assert again["resumed_at"] == 0
    same = ("weights", "accuracy", "log_loss")
    assert {key: told[key] for key in same} == {key: again[key] for key in same}
    print(f"resumed at {told['resumed_at']} of {STEPS}: { ({key: told[key] for key in same}) }")


@pytest.mark.full
def test_a_training_that_kubernetes_has_deleted_is_not_trained_again(
    platform: Platform, team: Team
) -> None:
    (job,) = [each["metadata"]["name"] for each in team.jobs("wine-training-again")]
    team.kubectl("delete", "job", job)
    platform.stanchion("up", "local")
    team.finished("wine-training-again")
    assert f"{job} trains once, and has ended well with run " in team.printed("wine-training-again")
    team.declare("wine-training-again", None)


@pytest.mark.full
def test_the_versions_name_the_data_and_the_code_they_are_of(platform: Platform) -> None:
    answer = Registry(platform).ask("GET", f"model-versions/search?filter=name%3D%27{TRAINED}%27")
    found = [
        {tag["key"]: tag["value"] for tag in version["tags"]}
        for version in answer["model_versions"]
    ]
    assert len(found) == 2
    for key in ("stanchion.data.digest", "stanchion.code.version", "stanchion.digest"):
        assert all(tags[key] for tags in found), key
    assert found[0]["stanchion.data.digest"] == found[1]["stanchion.data.digest"]
    assert found[0]["stanchion.code.version"] == found[1]["stanchion.code.version"]


def test_scoring_killed_in_the_middle_loses_and_doubles_no_row(
    platform: Platform, team: Team
) -> None:
    team.run("mkdir", "-p", "/data/bottles")
    team.python(WRITE_BOTTLES)
    team.declare("scores", _scoring("scores"))
    platform.stanchion("up", "local")
    team.finished("scores")
    first = team.digests("/data/scores")
    counted = json.loads(team.python(READ_SCORES, "/data/scores"))
    assert (counted["rows"], counted["distinct"], counted["last"]) == (ROWS, ROWS, ROWS - 1)
    assert len(counted["answers"]) == 3

    team.declare("scores", None)
    team.declare("scores-killed", _scoring("scores-killed"))
    platform.stanchion("up", "local")
    manifests = "/data/scores-killed/_manifests/part-*.json"
    _kill_at_half(team, "scores-killed", manifests, SHARDS // 2)
    assert "_complete.json" not in team.digests("/data/scores-killed")
    team.finished("scores-killed")
    assert team.digests("/data/scores-killed") == first
    team.declare("scores-killed", None)
    platform.stanchion("up", "local")
    assert team.jobs("scores-killed") == []


def _declare_code(platform: Platform) -> None:
    source = platform.root / "examples" / "training" / "wine-training"
    shutil.copytree(source, platform.root / "stacks" / "services" / "wine-training")


def _training() -> dict[str, Any]:
    return {
        "kind": "TrainingJob",
        "model": TRAINED,
        "code": "wine-training",
        "command": ["python", "train.py", "--steps", str(STEPS), "--every", "50"],
        "data": {"location": "file:///data/training", "version": "2026-11"},
        "checkpoints": "file:///data/checkpoints",
        "credentials": CREDENTIALS,
        "seed": 1,
    }


def _scoring(output: str) -> dict[str, Any]:
    return {
        "kind": "BatchInference",
        "model": "wine-cultivar",
        "input": "file:///data/bottles",
        "output": f"file:///data/{output}",
        "shards": SHARDS,
        "keepColumns": ["bottle"],
    }


def _kill_at_half(team: Team, job: str, written: str, half: int) -> None:
    """Kill the running pods of a job once it has written a file of at least that number."""

    def number() -> int:
        names = team.run("sh", "-c", f"ls {written} 2>/dev/null || true").split()
        return max((int(NUMBER.findall(name)[0]) for name in names), default=-1)

    eventually(lambda: number() >= half, seconds=300, what=f"{half} of {job}")
    team.kill(job)


def _told(team: Team, name: str) -> dict[str, Any]:
    """What the example prints at its end."""
    lines = [line for line in team.printed(name).splitlines() if line.startswith('{"version"')]
    told: dict[str, Any] = json.loads(lines[-1])
    return told
