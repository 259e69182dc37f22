"""Batch scoring over a bucket, with the credentials that a pod on EKS gets."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from .buckets import POD_TOKEN, bucket
from .buckets import Store as Bucket
from .conftest import Store
from .test_batch import command, process, rows


def s3_environment(store: Bucket, folder: Path) -> dict[str, str]:
    """What EKS's webhook gives a pod, leading to loopback."""
    token = folder / "token"
    token.write_text(POD_TOKEN)
    return {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{store.address}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        "AWS_ENDPOINT_URL": store.address,
        # Checksums behind a body need TLS, and loopback has none.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }


def test_a_bucket_is_read_and_written_with_the_pods_own_credentials(
    store: Store, tmp_path: Path
) -> None:
    places = {"input_uri": "s3://artifacts/wines/", "output_uri": "s3://artifacts/scores"}
    with bucket("aws") as held:
        frame = rows(900)
        for name, part in (("a", frame[:700]), ("b", frame[700:])):
            content = io.BytesIO()
            part.to_parquet(content, index=False)
            held.objects[f"wines/{name}.parquet"] = content.getvalue()
        environment = command(tmp_path, store, **places, shards=3)
        for _ in range(2):
            once = dict(held.objects)
            running = process({**environment, **s3_environment(held, tmp_path)})
            _, log = running.communicate(timeout=300)
            assert running.returncode == 0, log
        assert held.credentials
        assert held.objects == once, "the second run changed nothing"
        parts = sorted(name for name in held.objects if name.startswith("scores/part-"))
        assert len(parts) == 3
        found = pd.concat(pd.read_parquet(io.BytesIO(held.objects[name])) for name in parts)
    assert found["id"].tolist() == list(range(900))
    written = {name for name, content in held.objects.items() if content}
    assert written == {
        "wines/a.parquet",
        "wines/b.parquet",
        "scores/_complete.json",
        *parts,
        *(f"scores/_manifests/part-0000{shard}-of-00003.json" for shard in range(3)),
    }
