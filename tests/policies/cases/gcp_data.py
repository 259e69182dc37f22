"""Cases of the policies about databases, buckets, images and keys on Google Cloud."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import altered, cloud
from policies.manifests import DROP, UNKNOWN
from stanchion_cli.policies import AnalyzedResource

DATABASE: dict[str, Any] = {
    "databaseVersion": "POSTGRES_17",
    "deletionProtection": True,
    "settings": {
        "tier": "db-custom-2-8192",
        "availabilityType": "REGIONAL",
        "deletionProtectionEnabled": True,
        "backupConfiguration": {"enabled": True, "pointInTimeRecoveryEnabled": True},
        "ipConfiguration": {"ipv4Enabled": False, "sslMode": "ENCRYPTED_ONLY"},
    },
}
BUCKET: dict[str, Any] = {
    "name": "models",
    "location": "EU",
    "uniformBucketLevelAccess": True,
    "publicAccessPrevention": "enforced",
    "versioning": {"enabled": True},
    "lifecycleRules": [
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 90}},
    ],
}


def database(**change: Any) -> AnalyzedResource:
    return cloud("gcp:sql/databaseInstance:DatabaseInstance", "main", **altered(DATABASE, change))


def backed(**change: Any) -> AnalyzedResource:
    """A database with changes to its backups."""
    return database(settings={"backupConfiguration": change})


def reached(**change: Any) -> AnalyzedResource:
    """A database with changes to how it is reached."""
    return database(settings={"ipConfiguration": change})


def open_to(*ranges: Any) -> AnalyzedResource:
    return reached(ipv4Enabled=True, authorizedNetworks=[{"value": each} for each in ranges])


def bucket(**change: Any) -> AnalyzedResource:
    changed = altered(BUCKET, change)
    return cloud("gcp:storage/bucket:Bucket", str(changed.get("name", "unnamed")), **changed)


def repository(**props: Any) -> AnalyzedResource:
    base = {"repositoryId": "images", "format": "DOCKER"}
    return cloud("gcp:artifactregistry/repository:Repository", **altered(base, props))


def key(**props: Any) -> AnalyzedResource:
    return cloud("gcp:kms/cryptoKey:CryptoKey", **{"keyRing": "ring", **props})


LOGS = bucket(name="logs", versioning=DROP)

DATABASES = [
    passes("gcp-sql-private", "private", database()),
    passes("gcp-sql-private", "replica", database(masterInstanceName="main")),
    passes("gcp-sql-private", "a bucket", bucket()),
    fails("gcp-sql-private", "public", reached(ipv4Enabled=True)),
    fails("gcp-sql-private", "not said, public by default", reached(ipv4Enabled=DROP)),
    fails("gcp-sql-private", "nothing said", database(settings=DROP)),
    passes("gcp-sql-not-open", "nobody", database()),
    passes("gcp-sql-not-open", "a range", open_to("203.0.113.0/24")),
    passes("gcp-sql-not-open", "one address", open_to("203.0.113.7")),
    undecided("gcp-sql-not-open", "not known", open_to(UNKNOWN)),
    fails("gcp-sql-not-open", "everybody", open_to("0.0.0.0/0")),
    fails("gcp-sql-not-open", "everybody, IPv6", open_to("203.0.113.0/24", "::/0")),
    fails("gcp-sql-not-open", "halves", open_to("0.0.0.0/1", "128.0.0.0/1")),
    passes("gcp-sql-backups", "both", database()),
    passes(
        "gcp-sql-backups",
        "MySQL",
        database(
            databaseVersion="MYSQL_8_4",
            settings={"backupConfiguration": {"enabled": True, "binaryLogEnabled": True}},
        ),
    ),
    passes("gcp-sql-backups", "replica", database(masterInstanceName=UNKNOWN, settings=DROP)),
    fails("gcp-sql-backups", "nothing said", database(settings={"backupConfiguration": DROP})),
    fails("gcp-sql-backups", "no recovery", backed(pointInTimeRecoveryEnabled=DROP)),
    fails("gcp-sql-backups", "MySQL, no log", database(databaseVersion="MYSQL_8_4")),
    fails("gcp-sql-backups", "three", backed(backupRetentionSettings={"retainedBackups": 3})),
    fails("gcp-sql-backups", "below a setting", database(), backups=30),
    passes("gcp-sql-tls", "encrypted", database()),
    passes("gcp-sql-tls", "certificates", reached(sslMode="TRUSTED_CLIENT_CERTIFICATE_REQUIRED")),
    passes("gcp-sql-tls", "a bucket", bucket()),
    undecided("gcp-sql-tls", "not known", reached(sslMode=UNKNOWN)),
    fails("gcp-sql-tls", "either", reached(sslMode="ALLOW_UNENCRYPTED_AND_ENCRYPTED")),
    fails("gcp-sql-tls", "not said", reached(sslMode=DROP)),
    fails("gcp-sql-tls", "nothing said", database(settings=DROP)),
    passes("gcp-sql-deletion-protection", "both", database()),
    passes("gcp-sql-deletion-protection", "Pulumi's by default", database(deletionProtection=DROP)),
    passes("gcp-sql-deletion-protection", "a bucket", bucket()),
    fails("gcp-sql-deletion-protection", "Pulumi's off", database(deletionProtection=False)),
    fails(
        "gcp-sql-deletion-protection",
        "Google's off",
        database(settings={"deletionProtectionEnabled": False}),
    ),
    fails(
        "gcp-sql-deletion-protection",
        "Google's not said",
        database(settings={"deletionProtectionEnabled": DROP}),
    ),
    passes("gcp-sql-regional", "regional", database()),
    passes(
        "gcp-sql-regional",
        "a replica in one zone",
        database(masterInstanceName="main", settings={"availabilityType": "ZONAL"}),
    ),
    passes("gcp-sql-regional", "a bucket", bucket()),
    fails("gcp-sql-regional", "one zone", database(settings={"availabilityType": "ZONAL"})),
    fails("gcp-sql-regional", "not said", database(settings={"availabilityType": DROP})),
    fails("gcp-sql-regional", "nothing said", database(settings=DROP)),
]

BUCKETS = [
    passes("gcp-storage-uniform-access", "uniform", bucket()),
    passes("gcp-storage-uniform-access", "one without a name", bucket(name=DROP)),
    passes("gcp-storage-uniform-access", "a database", database()),
    undecided("gcp-storage-uniform-access", "not known", bucket(uniformBucketLevelAccess=UNKNOWN)),
    fails("gcp-storage-uniform-access", "lists", bucket(uniformBucketLevelAccess=False)),
    fails("gcp-storage-uniform-access", "not said", bucket(uniformBucketLevelAccess=DROP)),
    fails("gcp-storage-uniform-access", "null", bucket(uniformBucketLevelAccess=None)),
    passes("gcp-storage-public-access-prevented", "enforced", bucket()),
    passes("gcp-storage-public-access-prevented", "one without a name", bucket(name=DROP)),
    passes("gcp-storage-public-access-prevented", "a database", database()),
    fails(
        "gcp-storage-public-access-prevented",
        "inherited",
        bucket(publicAccessPrevention="inherited"),
    ),
    fails("gcp-storage-public-access-prevented", "not said", bucket(publicAccessPrevention=DROP)),
    fails("gcp-storage-public-access-prevented", "empty", bucket(publicAccessPrevention="")),
    passes("gcp-storage-versioned", "versions", bucket()),
    passes(
        "gcp-storage-versioned",
        "retention",
        bucket(versioning=DROP, retentionPolicy={"retentionPeriod": "3600"}),
    ),
    passes("gcp-storage-versioned", "only takes logs", LOGS, bucket(logging={"logBucket": "logs"})),
    passes(
        "gcp-storage-versioned",
        "only takes logs, its name not known yet",
        bucket(name=DROP, versioning=DROP),
        cloud(
            "gcp:storage/bucket:Bucket",
            "models",
            derived={"logging": bucket(name=DROP)},
            **{**BUCKET, "logging": {"logBucket": UNKNOWN}},
        ),
    ),
    fails("gcp-storage-versioned", "off", bucket(versioning={"enabled": False})),
    fails("gcp-storage-versioned", "not said", bucket(versioning=DROP)),
    fails(
        "gcp-storage-versioned", "logs go elsewhere", LOGS, bucket(logging={"logBucket": "others"})
    ),
    passes("gcp-storage-lifecycle", "a rule", bucket()),
    passes("gcp-storage-lifecycle", "not known yet", bucket(lifecycleRules=[UNKNOWN])),
    passes("gcp-storage-lifecycle", "a database", database()),
    fails("gcp-storage-lifecycle", "not said", bucket(lifecycleRules=DROP)),
    fails("gcp-storage-lifecycle", "empty", bucket(lifecycleRules=[])),
    fails(
        "gcp-storage-lifecycle", "none for logs either", bucket(name="logs", lifecycleRules=DROP)
    ),
]

REGISTRIES = [
    passes("gcp-registry-immutable", "immutable", repository(dockerConfig={"immutableTags": True})),
    passes("gcp-registry-immutable", "no images", repository(format="PYTHON")),
    passes("gcp-registry-immutable", "of another registry", repository(mode="REMOTE_REPOSITORY")),
    undecided(
        "gcp-registry-immutable", "not known", repository(dockerConfig={"immutableTags": UNKNOWN})
    ),
    fails("gcp-registry-immutable", "not said", repository()),
    fails("gcp-registry-immutable", "mutable", repository(dockerConfig={"immutableTags": False})),
    fails("gcp-registry-immutable", "in small letters", repository(format="docker")),
    passes("gcp-registry-scan", "by default", repository()),
    passes(
        "gcp-registry-scan",
        "as the project",
        repository(vulnerabilityScanningConfig={"enablementConfig": "INHERITED"}),
    ),
    passes("gcp-registry-scan", "packages, as the project", repository(format="PYTHON")),
    fails(
        "gcp-registry-scan",
        "not",
        repository(vulnerabilityScanningConfig={"enablementConfig": "DISABLED"}),
    ),
    fails(
        "gcp-registry-scan",
        "not, of another registry",
        repository(
            mode="REMOTE_REPOSITORY", vulnerabilityScanningConfig={"enablementConfig": "DISABLED"}
        ),
    ),
    fails(
        "gcp-registry-scan",
        "not, though immutable",
        repository(
            dockerConfig={"immutableTags": True},
            vulnerabilityScanningConfig={"enablementConfig": "DISABLED"},
        ),
    ),
    passes("gcp-kms-rotation", "90 days", key(rotationPeriod="7776000s")),
    passes("gcp-kms-rotation", "a year by setting", key(rotationPeriod="31536000s"), days=365),
    passes("gcp-kms-rotation", "asymmetric", key(purpose="ASYMMETRIC_SIGN")),
    undecided("gcp-kms-rotation", "not known", key(rotationPeriod=UNKNOWN)),
    fails("gcp-kms-rotation", "never", key()),
    fails("gcp-kms-rotation", "a year", key(rotationPeriod="31536000s")),
    fails("gcp-kms-rotation", "no duration", key(rotationPeriod="quarterly")),
]

CASES: list[Case] = [*DATABASES, *BUCKETS, *REGISTRIES]
