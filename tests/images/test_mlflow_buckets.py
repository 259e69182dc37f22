"""MLflow's artifacts in a bucket: the locked clients, with credentials as pods get them.

python-dateutil is newer in the lock file than botocore says it takes, hence the times.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore
import pytest

from .buckets import MODIFIED, POD_TOKEN, Store, bucket

pytestmark = pytest.mark.servers
DOCKERFILE = Path(__file__).parents[2] / "serving-images" / "mlflow" / "Dockerfile"
LARGE = 9 * 1024 * 1024
"""Bytes above which both clients send a file in another way than a small one."""
ROUND_TRIP = """
import json, pathlib, sys
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
sent, fetched = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
store = get_artifact_repository(sys.argv[1])
store.log_artifacts(str(sent), "model")
store.log_artifact(str(sent / "MLmodel"))
listed = [[each.path, each.is_dir, each.file_size] for each in store.list_artifacts()]
inside = [[each.path, each.is_dir, each.file_size] for each in store.list_artifacts("model")]
store.download_artifacts("model", str(fetched))
store.delete_artifacts("model")
left = [each.path for each in store.list_artifacts()]
print(json.dumps({"listed": listed, "inside": inside, "left": left}))
"""
TIMES = """
import json, sys
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
client = get_artifact_repository(sys.argv[1])._get_s3_client()
listed = client.list_objects_v2(Bucket="artifacts")["Contents"][0]["LastModified"]
asked = client.head_object(Bucket="artifacts", Key="1/a")["LastModified"]
print(json.dumps([listed.isoformat(), asked.isoformat()]))
"""
URIS = {"aws": "s3://artifacts/1", "gcp": "gs://artifacts/1"}


def environment(cloud: str, store: Store, folder: Path) -> dict[str, str]:
    """What the clouds' webhooks and nodes give a pod, leading to loopback."""
    token = folder / "token"
    token.write_text(POD_TOKEN)
    host = store.address.removeprefix("http://")
    common = {"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    if cloud == "aws":
        return {
            **common,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{store.address}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
            "MLFLOW_S3_ENDPOINT_URL": store.address,
        }
    return {
        **common,
        "GCE_METADATA_HOST": host,
        "GCE_METADATA_IP": host,
        "API_ENDPOINT_OVERRIDE": store.address,
    }


def run(code: str, *words: str, env: dict[str, str]) -> Any:
    """The last line that `code` prints, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "sent"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "weights.bin").write_bytes(os.urandom(LARGE))
    (folder / "data" / "namé with space.txt").write_text("x")
    return folder


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_artifacts_go_to_a_bucket_and_come_back(cloud: str, model: Path, tmp_path: Path) -> None:
    with bucket(cloud) as store:
        fetched = tmp_path / "fetched"
        fetched.mkdir()
        told = run(
            ROUND_TRIP,
            URIS[cloud],
            str(model),
            str(fetched),
            env=environment(cloud, store, tmp_path),
        )
        assert told["listed"] == [["MLmodel", False, 12], ["model", True, None]]
        assert told["inside"] == [["model/MLmodel", False, 12], ["model/data", True, None]]
        files = [each for each in model.rglob("*") if each.is_file()]
        assert len(files) == 3
        for each in files:
            back = fetched / "model" / each.relative_to(model)
            assert back.read_bytes() == each.read_bytes()
        assert told["left"] == ["MLmodel"]
        assert store.objects == {"1/MLmodel": b"flavors: {}\n"}
        assert store.credentials


def test_times_of_s3_are_read_by_the_locked_dateutil(tmp_path: Path) -> None:
    with bucket("aws") as store:
        store.objects["1/a"] = b"1"
        told = run(TIMES, URIS["aws"], env=environment("aws", store, tmp_path))
    assert told == [MODIFIED.isoformat(), MODIFIED.isoformat()]


def test_credentials_about_to_expire_are_fetched_anew(tmp_path: Path) -> None:
    """The end of their life is a time that dateutil reads, and compares with now."""
    with bucket("aws") as store:
        store.objects["1/a"] = b"1"
        store.lifetimes = [timedelta(minutes=5), timedelta(hours=6)]
        run(TIMES, URIS["aws"], env=environment("aws", store, tmp_path))
        short = len(store.credentials)
        store.credentials.clear()
        store.lifetimes = [timedelta(hours=6)]
        run(TIMES, URIS["aws"], env=environment("aws", store, tmp_path))
        long = len(store.credentials)
    assert (short, long) == (2, 1)


def test_the_image_keeps_the_service_models_that_artifacts_need(
    model: Path, tmp_path: Path
) -> None:
    kept = set(re.findall(r"! -name ([\w-]+)", DOCKERFILE.read_text()))
    assert "s3" in kept
    whole = Path(botocore.__file__).parent

    def dropped(folder: str, names: list[str]) -> list[str]:
        at = Path(folder)
        if at != whole / "data":
            return []
        return [each for each in names if (at / each).is_dir() and each not in kept]

    shutil.copytree(whole, tmp_path / "packages" / "botocore", ignore=dropped)
    assert not (tmp_path / "packages" / "botocore" / "data" / "ec2").exists()
    (tmp_path / "fetched").mkdir()
    with bucket("aws") as store:
        env = environment("aws", store, tmp_path)
        told = run(
            ROUND_TRIP,
            URIS["aws"],
            str(model),
            str(tmp_path / "fetched"),
            env={**env, "PYTHONPATH": str(tmp_path / "packages")},
        )
    assert told["left"] == ["MLmodel"]
