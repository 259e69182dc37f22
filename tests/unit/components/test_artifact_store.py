"""The artifact store as a bucket; test_foundation.py has the local volume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import botocore.session
import googleapiclient
import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion_cli.preview import typecheck
from unit.components.programs import OWNED
from unit.components.test_network import LOCATIONS, TAGS, of, one
from unit.components.world import Registered, World, deploy

S3 = "dev-artifacts-123456789012"
S3_LOGS = "dev-artifacts-access-123456789012"
GCS = "dev-artifacts-stanchion-dev"
GCS_BUCKET = "gcp:storage/bucket:Bucket"


def store(cloud: str, *, preview: bool = False, **changes: Any) -> World:
    """A store of the environment dev."""
    args = {
        "cloud": cloud,
        "namespace": "tracking",
        "owner": "team-a",
        "cost_center": "cc-1",
        "location": LOCATIONS[cloud],
        "environment": "dev",
        **changes,
    }

    def program() -> Any:
        made = stanchion.ArtifactStore("store", cast("stanchion.ArtifactStoreArgs", args))
        assert made.volume_claim_name is None
        told = {"destination": made.destination}
        return told if preview else {**told, "key": made.encryption_key}

    filled_in: dict[str, dict[str, Any]] = {
        "aws:kms/key:Key": {"arn": "arn:key", "keyId": "key"},
        GCS_BUCKET: {"projectNumber": 42},
    }
    return deploy(program, preview=preview, computed={} if preview else filled_in)


def bucket(world: World) -> Registered:
    """The bucket that holds the artifacts."""
    (found,) = [each for each in of(world, "Bucket") if each.name == "store-bucket"]
    return found


def setting(world: World, kind: str, of_bucket: str = S3) -> Mapping[str, Any]:
    """The inputs of a bucket's setting on AWS, which is a resource of its own."""
    (found,) = [each for each in of(world, kind) if each.inputs["bucket"] == of_bucket]
    return found.inputs


@pytest.fixture(scope="module")
def on_aws() -> World:
    return store("aws")


@pytest.fixture(scope="module")
def on_gcp() -> World:
    return store("gcp")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_input_is_one_the_providers_know(cloud: str) -> None:
    resources: list[dict[str, Any]] = [
        {"urn": each.urn, "type": each.type, "inputs": each.wire} for each in store(cloud).resources
    ]
    assert typecheck.check(resources) == []
    misspelt = [{**each, "inputs": {**each["inputs"], "buckte": "x"}} for each in resources]
    assert len(typecheck.check(misspelt)) >= len(resources) - 1


@pytest.mark.parametrize(("cloud", "uri"), [("aws", f"s3://{S3}"), ("gcp", f"gs://{GCS}")])
def test_the_destination_is_known_in_a_preview(cloud: str, uri: str) -> None:
    assert store(cloud).exports["destination"] == uri
    assert store(cloud, preview=True).exports["destination"] == uri


def test_the_key_is_told_to_those_who_give_rights(on_aws: World, on_gcp: World) -> None:
    assert on_aws.exports["key"] == "arn:key"
    assert on_gcp.exports["key"] == (
        "projects/stanchion-dev/locations/us-central1/keyRings/dev-artifacts/cryptoKeys/artifacts"
    )


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_kept_artifacts_and_their_key_are_protected(cloud: str, keep: bool) -> None:
    world = store(cloud, keep=keep)
    keys = of(world, "Key") if cloud == "aws" else [*of(world, "KeyRing"), *of(world, "CryptoKey")]
    held = [bucket(world), *keys]
    assert all(each.protect is keep and each.retain is keep for each in held)
    assert bucket(world).inputs["forceDestroy"] is False
    if cloud == "gcp":
        policy = "PREVENT" if keep else "DELETE"
        assert bucket(world).inputs["deletionPolicy"] == policy
        assert one(world, "CryptoKey")["deletionPolicy"] == policy


def test_cost_tags_are_on_everything_that_can_have_them(on_aws: World, on_gcp: World) -> None:
    for each in [*of(on_aws, "Bucket"), *of(on_aws, "Key")]:
        assert each.inputs["tags"] == TAGS
    for each in [*of(on_gcp, "Bucket"), *of(on_gcp, "CryptoKey")]:
        assert each.inputs["labels"] == TAGS


def test_every_bucket_is_closed_to_the_public(on_aws: World, on_gcp: World) -> None:
    blocks = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    for name in (S3, S3_LOGS):
        closed = setting(on_aws, "BucketPublicAccessBlock", name)
        assert all(closed[each] is True for each in blocks)
        assert setting(on_aws, "BucketOwnershipControls", name)["rule"] == {
            "objectOwnership": "BucketOwnerEnforced"
        }
    for each in of(on_gcp, "Bucket"):
        assert each.inputs["publicAccessPrevention"] == "enforced"
        assert each.inputs["uniformBucketLevelAccess"] is True


def test_every_setting_is_of_one_of_the_two_buckets(on_aws: World) -> None:
    named = {each.inputs["bucket"] for each in on_aws.resources if "bucket" in each.inputs}
    assert named == {S3, S3_LOGS}
    assert bucket(on_aws).inputs["bucket"] == S3


def test_objects_are_encrypted_with_the_stores_own_rotating_key(on_aws: World) -> None:
    (rule,) = setting(on_aws, "BucketServerSideEncryptionConfiguration")["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": "arn:key",
    }
    assert rule["bucketKeyEnabled"] is True
    key = one(on_aws, "Key")
    assert key["enableKeyRotation"] is True
    assert 90 <= key["rotationPeriodInDays"] <= 2560
    assert 7 <= key["deletionWindowInDays"] <= 30


def test_google_encrypts_with_a_key_that_storage_may_use_before_the_bucket_is_made(
    on_gcp: World,
) -> None:
    assert bucket(on_gcp).inputs["encryption"] == {"defaultKmsKeyName": "store-key-id"}
    assert one(on_gcp, "CryptoKey")["rotationPeriod"] == "7776000s"
    (right,) = of(on_gcp, "CryptoKeyIAMMember")
    assert right.inputs["role"] == "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    assert right.inputs["member"] == (
        "serviceAccount:service-42@gs-project-accounts.iam.gserviceaccount.com"
    )
    assert on_gcp.waits_for(bucket(on_gcp), right)


@pytest.mark.parametrize("name", [S3, S3_LOGS])
def test_nothing_is_read_or_written_without_tls(on_aws: World, name: str) -> None:
    statements = json.loads(setting(on_aws, "BucketPolicy", name)["policy"])["Statement"]
    refusals = [each for each in statements if each["Effect"] == "Deny"]
    for each in refusals:
        assert each["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        assert (each["Principal"], each["Action"]) == ("*", "s3:*")
    assert [each["Condition"] for each in refusals] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    ]


def test_old_versions_go_after_their_days_and_current_ones_never() -> None:
    aws, gcp = store("aws", retention_days=30), store("gcp", retention_days=30)
    assert one(aws, "BucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = setting(aws, "BucketLifecycleConfiguration")["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert rule["expiration"] == {"expiredObjectDeleteMarker": True}
    made = bucket(gcp).inputs
    assert made["versioning"] == {"enabled": True}
    deletes = [each for each in made["lifecycleRules"] if each["action"]["type"] == "Delete"]
    assert [each["condition"] for each in deletes] == [
        {"daysSinceNoncurrentTime": 30, "withState": "ARCHIVED"}
    ]
    assert made["softDeletePolicy"] == {"retentionDurationSeconds": 604800}


def test_access_is_logged_in_a_bucket_that_only_google_writes(on_gcp: World) -> None:
    (logs,) = [each for each in of(on_gcp, "Bucket") if each.name == "store-access-logs"]
    assert bucket(on_gcp).inputs["logging"]["logBucket"] == logs.inputs["name"]
    right = one(on_gcp, "BucketIAMMember")
    assert right["bucket"] == logs.inputs["name"]
    assert right["role"] == "roles/storage.objectCreator"


def test_access_is_logged_in_a_bucket_that_only_s3_writes_for_this_bucket(on_aws: World) -> None:
    logging = one(on_aws, "BucketLogging")
    assert (logging["bucket"], logging["targetBucket"]) == (S3, S3_LOGS)
    statements = json.loads(setting(on_aws, "BucketPolicy", S3_LOGS)["policy"])["Statement"]
    (allowed,) = [each for each in statements if each["Effect"] == "Allow"]
    assert allowed == {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{S3_LOGS}/{logging['targetPrefix']}*",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{S3}"},
            "StringEquals": {"aws:SourceAccount": "123456789012"},
        },
    }
    own = json.loads(setting(on_aws, "BucketPolicy")["policy"])["Statement"]
    assert {each["Effect"] for each in own} == {"Deny"}


def test_logs_are_switched_on_once_s3_may_write_them_and_never_of_the_logs(on_aws: World) -> None:
    (logging,) = of(on_aws, "BucketLogging")
    assert logging.inputs["bucket"] != S3_LOGS
    for kind in ("BucketPolicy", "BucketServerSideEncryptionConfiguration"):
        (ready,) = [each for each in of(on_aws, kind) if each.inputs["bucket"] == S3_LOGS]
        assert on_aws.waits_for(logging, ready)


def test_logs_are_encrypted_as_s3_can_write_them_and_go_after_their_days(on_aws: World) -> None:
    (rule,) = setting(on_aws, "BucketServerSideEncryptionConfiguration", S3_LOGS)["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    (old,) = setting(on_aws, "BucketLifecycleConfiguration", S3_LOGS)["rules"]
    assert (old["status"], old["expiration"]) == ("Enabled", {"days": 90})


def test_aws_enumerations_are_botocores(on_aws: World) -> None:
    model = botocore.session.get_session().get_service_model("s3")
    (encryption,) = setting(on_aws, "BucketServerSideEncryptionConfiguration")["rules"]
    (rule,) = setting(on_aws, "BucketLifecycleConfiguration")["rules"]
    used = {
        "ServerSideEncryption": encryption["applyServerSideEncryptionByDefault"]["sseAlgorithm"],
        "ObjectOwnership": setting(on_aws, "BucketOwnershipControls")["rule"]["objectOwnership"],
        "BucketVersioningStatus": one(on_aws, "BucketVersioning")["versioningConfiguration"][
            "status"
        ],
        "ExpirationStatus": rule["status"],
        "PartitionDateSource": one(on_aws, "BucketLogging")["targetObjectKeyFormat"][
            "partitionedPrefix"
        ]["partitionDateSource"],
    }
    for shape, value in used.items():
        assert value in model.shape_for(shape).enum, shape


def test_google_enumerations_are_the_discovery_documents(on_gcp: World) -> None:
    purposes = _schema("cloudkms.v1", "CryptoKey")["purpose"]["enum"]
    assert one(on_gcp, "CryptoKey")["purpose"] in purposes
    rule = _schema("storage.v1", "Bucket")["lifecycle"]["properties"]["rule"]["items"]["properties"]
    told = rule["action"]["properties"]["type"]["description"]
    for each in bucket(on_gcp).inputs["lifecycleRules"]:
        assert each["action"]["type"] in told


def _schema(document: str, name: str) -> Mapping[str, Any]:
    folder = Path(googleapiclient.__path__[0]) / "discovery_cache" / "documents"
    schemas = json.loads((folder / f"{document}.json").read_text("utf-8"))["schemas"]
    return cast("Mapping[str, Any]", schemas[name]["properties"])


@pytest.mark.parametrize(
    ("cloud", "wrong", "told"),
    [
        ("aws", {"location": None}, "location: is missing, and cloud: aws needs it; add it"),
        ("gcp", {"environment": None}, "environment: is missing, and cloud: gcp needs it"),
        (
            "aws",
            {"location": LOCATIONS["gcp"]},
            "cloud: is aws, but location.cloud is gcp; write the same in both",
        ),
        ("aws", {"retention_days": 0}, "retention_days: 0 is out of range; write 1 to 3650"),
        ("gcp", {"environment": "Dev"}, "environment: 'Dev' is no name"),
        (
            "gcp",
            {
                "environment": "a" * 40,
                "location": {**LOCATIONS["gcp"], "account": "a-rather-long-project"},
            },
            "longer than 63 characters; shorten it",
        ),
        ("aws", {"environment": "a" * 40}, "-artifacts-access-123456789012' longer than 63"),
        (
            "aws",
            {"location": {**LOCATIONS["aws"], "zones": ["us-east-1a"]}},
            "location.zones: has 1 zones; name 3 of the region",
        ),
        ("aws", {"retention": 3}, "retention: is no argument; write retention_days"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(
    cloud: str, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentsError) as error:
        store(cloud, **wrong)
    assert told in str(error.value)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_stores_of_two_purposes_share_no_name_in_the_cloud(cloud: str) -> None:
    def names(world: World) -> set[str]:
        given = [each.inputs.get("bucket") or each.inputs.get("name") for each in world.resources]
        return {name for name in given if isinstance(name, str) and name.startswith(("dev", "al"))}

    ours, others = names(store(cloud, purpose="backups")), names(store(cloud))
    assert len(ours) >= 2
    assert not ours & others


def test_a_volume_is_of_its_purpose_by_name_and_folder() -> None:
    args = {**OWNED, "cloud": "local", "namespace": "tracking", "purpose": "backups"}

    def program() -> Any:
        made = stanchion.ArtifactStore("store", cast("stanchion.ArtifactStoreArgs", args))
        return {"destination": made.destination, "claim": made.volume_claim_name}

    exports = deploy(program).exports
    assert exports == {"destination": "file:///var/lib/mlflow/backups", "claim": "backups"}
