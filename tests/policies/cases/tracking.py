"""Cases of the policies about MLflow among what surrounds it."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import cloud
from policies.manifests import UNKNOWN, Manifest, ingress, service, workload
from stanchion_cli.policies import AnalyzedResource

BUCKET = "s3://artifacts"


def mlflow(*words: str, tag: str = "v3.17.0", **change: Any) -> Manifest:
    """An MLflow server with options."""
    server = {"image": f"ghcr.io/mlflow/mlflow:{tag}", "command": ["mlflow", "server", *words]}
    return workload(server=server, **change)


def ours(destination: Any) -> Manifest:
    """The platform's own server."""
    env = [{"name": "ARTIFACTS_DESTINATION", "value": destination}]
    return workload(server={"command": ["stanchion-mlflow", "serve"], "env": env})


def on_volume(destination: str) -> Manifest:
    """A server with a volume at /data."""
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    command = ["mlflow", "server", f"--artifacts-destination={destination}"]
    mounts = [{"name": "data", "mountPath": "/data"}]
    return workload(server={"command": command, "volumeMounts": mounts}, pod={"volumes": [claim]})


def job(*command: str, kind: str = "Job", name: str = "job") -> Manifest:
    return workload(kind, name, server={"command": list(command)})


def versioning(status: str, bucket: AnalyzedResource) -> AnalyzedResource:
    return cloud(
        "aws:s3/bucketVersioning:BucketVersioning",
        derived={"bucket": bucket},
        versioningConfiguration={"status": status},
    )


S3 = cloud("aws:s3/bucket:Bucket", "artifacts", bucket="artifacts")
GCS = cloud(
    "gcp:storage/bucket:Bucket", "artifacts", name="artifacts", versioning={"enabled": True}
)
BARE_GCS = cloud("gcp:storage/bucket:Bucket", "artifacts", name="artifacts")
RDS = cloud("aws:rds/instance:Instance", backupRetentionPeriod=7)
BARE_RDS = cloud("aws:rds/instance:Instance", backupRetentionPeriod=0)
CLOUD_SQL = cloud(
    "gcp:sql/databaseInstance:DatabaseInstance",
    settings={"backupConfiguration": {"enabled": True}},
)
PUBLIC = {"spec": {"type": "LoadBalancer"}}
INSIDE = {"annotations": {"networking.gke.io/load-balancer-type": "Internal"}}

CASES: list[Case] = [
    passes("mlflow-version", "current", mlflow()),
    passes("mlflow-version", "a hash", mlflow(tag="4f9c1d2e")),
    passes(
        "mlflow-version", "another image", workload(server={"image": "registry.example/app:v1.0.0"})
    ),
    passes("mlflow-version", "by setting", mlflow(tag="3.12.1"), minor=10),
    undecided("mlflow-version", "unknown", workload(server={"image": UNKNOWN})),
    fails("mlflow-version", "old", mlflow(tag="v3.14.2")),
    fails("mlflow-version", "very old", mlflow(tag="2.22.0-full")),
    fails("mlflow-version", "with digest", mlflow(tag="v3.1.0@sha256:" + "a1" * 32)),
    passes(
        "mlflow-artifacts-kept",
        "S3",
        mlflow("--artifacts-destination", BUCKET),
        S3,
        versioning("Enabled", S3),
    ),
    passes("mlflow-artifacts-kept", "GCS", ours("gs://artifacts/mlflow"), GCS),
    passes("mlflow-artifacts-kept", "bucket of another stack", ours(BUCKET)),
    passes("mlflow-artifacts-kept", "no MLflow", workload()),
    passes(
        "mlflow-artifacts-kept",
        "a volume by setting",
        on_volume("file:///data/artifacts"),
        volumes=True,
    ),
    fails("mlflow-artifacts-kept", "a volume", on_volume("/data/artifacts")),
    fails(
        "mlflow-artifacts-kept",
        "beside the volume",
        on_volume("file:///data2/artifacts"),
        volumes=True,
    ),
    undecided("mlflow-artifacts-kept", "unknown", ours(UNKNOWN), S3),
    fails("mlflow-artifacts-kept", "a folder", mlflow("--artifacts-destination=/mlruns")),
    fails("mlflow-artifacts-kept", "nothing said", mlflow()),
    fails("mlflow-artifacts-kept", "no versioning", ours("gs://artifacts"), BARE_GCS),
    fails(
        "mlflow-artifacts-kept",
        "versioning of another bucket",
        ours(BUCKET),
        S3,
        versioning("Enabled", cloud("aws:s3/bucket:Bucket", "other")),
    ),
    fails("mlflow-artifacts-kept", "suspended", ours(BUCKET), S3, versioning("Suspended", S3)),
    passes("mlflow-backed-up", "RDS", mlflow(), RDS),
    passes("mlflow-backed-up", "Cloud SQL", mlflow(), CLOUD_SQL),
    passes("mlflow-backed-up", "a job", mlflow(), job("pg_dump", "mlflow", kind="CronJob")),
    passes("mlflow-backed-up", "no MLflow", workload()),
    fails("mlflow-backed-up", "nothing", mlflow()),
    fails("mlflow-backed-up", "RDS without", ours(BUCKET), BARE_RDS),
    fails("mlflow-backed-up", "another job", mlflow(), job("clean", kind="CronJob", name="clean")),
    passes("mlflow-migrated-first", "job", mlflow(), job("mlflow", "db", "upgrade", "$(URI)")),
    passes("mlflow-migrated-first", "ours", ours(BUCKET), job("stanchion-mlflow", "migrate")),
    passes(
        "mlflow-migrated-first",
        "init container",
        mlflow(init={"command": ["sh", "-c", "mlflow db upgrade $URI"]}),
    ),
    passes("mlflow-migrated-first", "no MLflow", workload()),
    fails("mlflow-migrated-first", "nothing", mlflow()),
    fails("mlflow-migrated-first", "another job", ours(BUCKET), job("stanchion-mlflow", "backup")),
    fails(
        "mlflow-migrated-first",
        "only later",
        mlflow(),
        job("mlflow", "db", "upgrade", kind="CronJob"),
    ),
    passes("mlflow-private", "inside", mlflow(), service()),
    passes("mlflow-private", "internal balancer", mlflow(), service(metadata=INSIDE, **PUBLIC)),
    passes("mlflow-private", "something else", workload(), service(**PUBLIC), ingress()),
    passes(
        "mlflow-private",
        "internal ingress",
        mlflow(),
        service(),
        ingress(spec={"ingressClassName": "nginx-internal"}),
    ),
    undecided("mlflow-private", "unknown", mlflow(), service(spec={"type": UNKNOWN})),
    fails("mlflow-private", "public balancer", mlflow(), service(**PUBLIC)),
    fails("mlflow-private", "public ingress", ours(BUCKET), service(), ingress()),
    fails(
        "mlflow-private",
        "open to all addresses",
        mlflow(),
        service(spec={"type": "LoadBalancer", "loadBalancerSourceRanges": ["0.0.0.0/0"]}),
    ),
]
