"""Training over a bucket, with the credentials that a pod on EKS gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stanchion_models import artifact_digest

from .buckets import bucket
from .test_batch_bucket import s3_environment
from .test_training import environment

STOPPED = """\
import os, signal
from stanchion_training import training_run

with training_run() as run:
    earlier = run.resume()
    print("at", earlier.step if earlier else 0, len(run.data), flush=True)
    if earlier:
        assert (earlier.folder / "deep" / "state").read_text() == "five" * 100_000
    else:
        with run.checkpoint(5) as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "state").write_text("five" * 100_000)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_data_come_from_a_bucket_and_checkpoints_go_to_one(tmp_path: Path) -> None:
    with bucket("aws") as held:
        # A checkpoint's file is larger than S3 copies at once, its manifest is not.
        held.largest_copy = 300_000
        held.objects["wines/rows.csv"] = b"a,b\n1,2\n3,4\n"
        given = environment(
            tmp_path,
            tmp_path,
            DATA_URI="s3://artifacts/wines",
            CHECKPOINT_URI="s3://artifacts/checkpoints",
        )
        variables = {**os.environ, **given, **s3_environment(held, tmp_path)}

        def tried() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-c", STOPPED],
                env=variables,
                cwd=tmp_path,
                text=True,
                capture_output=True,
                timeout=300,
                check=False,
            )

        first = tried()
        assert "at 0 2" in first.stdout, first.stderr
        assert any(name.endswith("/step-0000000005.json") for name in held.objects)
        second = tried()
        assert second.returncode == 0, second.stderr
        assert "at 5 2" in second.stdout
        left = {name for name, content in held.objects.items() if content}
    assert left == {"wines/rows.csv"}


IN_PLACE = """\
import sys
from pathlib import Path
from stanchion_training import training_run

with training_run(in_place=True) as run:
    filesystem, paths = run.sources
    rows = [filesystem.open_input_file(each).readall().count(b"\\n") - 1 for each in paths]
    kept = [each for each in run._scratch.rglob("*") if each.is_file()]
    print(run.data_digest, *paths, *rows, len(kept), flush=True)
"""


def test_data_of_a_training_in_place_are_digested_where_they_are(tmp_path: Path) -> None:
    content = {"rows.csv": b"a,b\n1,2\n3,4\n", "deep/more.csv": b"a,b\n5,6\n", "_notes": b"none"}
    for name, written in content.items():
        path = tmp_path / "same" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written)
    with bucket("aws") as held:
        held.objects.update({f"wines/{name}": each for name, each in content.items()})
        given = environment(
            tmp_path,
            tmp_path,
            DATA_URI="s3://artifacts/wines",
            DATA_DIGEST=artifact_digest(tmp_path / "same"),
        )
        done = subprocess.run(
            [sys.executable, "-c", IN_PLACE],
            env={**os.environ, **given, **s3_environment(held, tmp_path)},
            cwd=tmp_path,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        artifact_digest(tmp_path / "same"),
        *("artifacts/wines/deep/more.csv", "artifacts/wines/rows.csv"),
        *("1", "2", "0"),
    ]
