"""A Job that trains once: made again it trains nothing, and nothing that is to be done is left out.

Each process is a script of its own: as it ends it says that it ended well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from stanchion_training.errors import DONE, FAILED

from .test_training import environment, runs, table

pytestmark = pytest.mark.timeout(400)

JOB = "wine-once-1a2b3c"
FIRST, AGAIN = "5f1c-0", "9e2d-1"
"""UIDs of the Job, and of the one of its name that is made when it was deleted."""
SCRIPT = """\
import os, signal, sys
from stanchion_training import training_run

def train(seed):
    with training_run(environment={**os.environ, "SEED": seed}):
        print("trained", seed, flush=True)

"""
LOOP = "for seed in sys.argv[1:]: train(seed)\n"


def ran(
    root: Path, uid: str, *arguments: str, script: str = "train.py", body: str = LOOP, **told: str
) -> subprocess.CompletedProcess[str]:
    """A script in a pod of the Job."""
    (root / script).write_text(SCRIPT + body)
    changes = {"TRAINING_JOB": JOB, "TRAINING_JOB_UID": uid, **told}
    given = environment(root, table(root / "data"), **changes)
    return subprocess.run(
        [sys.executable, script, *arguments],
        env={**os.environ, **given},
        cwd=root,
        text=True,
        capture_output=True,
        timeout=200,
        check=False,
    )


def trained(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("trained ") for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("seeds", "rank"), [(["7"], "0"), (["7", "8", "8"], "1")], ids=["one-block", "several"]
)
def test_a_job_that_has_trained_trains_nothing_when_it_is_made_again(
    seeds: list[str], rank: str, tmp_path: Path
) -> None:
    first = ran(tmp_path, FIRST, *seeds)
    assert (first.returncode, trained(first)) == (DONE, seeds), first.stderr
    known = {run.info.run_id for run in runs(tmp_path)}
    again = ran(tmp_path, AGAIN, *seeds, RANK=rank)
    assert (again.returncode, trained(again)) == (DONE, []), again.stderr
    (told,) = again.stderr.splitlines()
    assert told.startswith(f"{JOB} trains once, and has ended well with run ")
    assert {run.info.run_id for run in runs(tmp_path)} == known
    (named,) = [run_id for run_id in known if run_id in told]
    MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/registry.db").delete_run(named)
    assert trained(ran(tmp_path, AGAIN, *seeds)) == seeds, "whoever deletes it trains all the same"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("raise ValueError", FAILED),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
    ids=["fails", "is-killed"],
)
def test_what_a_script_had_left_to_do_is_done_when_its_job_is_made_again(
    fault: str, status: int, tmp_path: Path
) -> None:
    cut = ran(tmp_path, FIRST, "7", "8", body=f"train('7')\n{fault}\ntrain('8')")
    assert (cut.returncode, trained(cut)) == (status, ["7"]), cut.stderr
    again = ran(tmp_path, AGAIN, "7", "8")
    assert (again.returncode, trained(again)) == (DONE, ["7", "8"]), again.stderr


def test_a_block_that_failed_is_not_done_though_its_script_went_on(tmp_path: Path) -> None:
    refused = "os.environ['DATA_URI'] = 'file:///nowhere'\n"
    body = f"data = os.environ['DATA_URI']\n{refused}try: train('6')\nexcept SystemExit: pass\n"
    went_on = ran(tmp_path, FIRST, "7", body=f"{body}os.environ['DATA_URI'] = data\n{LOOP}")
    assert (went_on.returncode, trained(went_on)) == (DONE, ["7"]), went_on.stderr
    assert trained(ran(tmp_path, AGAIN, "7")) == ["7"]


def test_another_try_another_job_and_another_script_train(tmp_path: Path) -> None:
    assert trained(ran(tmp_path, FIRST, "7")) == ["7"]
    assert trained(ran(tmp_path, FIRST, "7")) == ["7"], "there is none after one that ended well"
    assert trained(ran(tmp_path, AGAIN, "7", TRAINING_JOB="wine-once-4d5e6f")) == ["7"]
    assert trained(ran(tmp_path, AGAIN, "7", script="other.py")) == ["7"]


def test_an_mlflow_that_cannot_be_told_is_one_line_and_no_failure(tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.mkdir()
    for name in ("username", "password"):
        (login / name).write_text("demo")
    gone = "os.remove(os.path.join(os.environ['REGISTRY_CREDENTIALS_DIR'], 'password'))\n"
    done = ran(tmp_path, FIRST, "7", body=LOOP + gone, REGISTRY_CREDENTIALS_DIR=str(login))
    assert done.returncode == DONE
    assert done.stderr.splitlines()[-1].startswith(
        f"{JOB} has ended well, and will train again if it is made again, for MLflow could not be "
        f"told: registry credentials: {login}/password"
    )
