"""Databases, buckets, images and keys on Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator

from stanchion_policies.addresses import is_everywhere
from stanchion_policies.reading import entries, get, items, known, number, plain, present, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_gcp,
    cis_gke,
    integer,
    resource_policy,
    stack_policy,
)
from stanchion_policies.stack import CloudResource, Stack

DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
BUCKET = "gcp:storage/bucket:Bucket"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
KEY = "gcp:kms/cryptoKey:CryptoKey"


@resource_policy(
    "gcp-sql-private",
    kinds=(DATABASE,),
    severity=Severity.HIGH,
    fix="Set settings.ipConfiguration.ipv4Enabled: false and a privateNetwork.",
    framework=cis_gcp("6.6"),
)
def database_private(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database has no public address."""
    if get(item.props, "settings", "ipConfiguration", "ipv4Enabled", default=True) is not False:
        yield "settings.ipConfiguration.ipv4Enabled is not false, so it has a public address"


@resource_policy(
    "gcp-sql-not-open",
    kinds=(DATABASE,),
    severity=Severity.CRITICAL,
    fix="Name the ranges in settings.ipConfiguration.authorizedNetworks, or none.",
    framework=cis_gcp("6.5"),
)
def database_not_open(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database does not let the internet in."""
    networks = items(item.props, "settings", "ipConfiguration", "authorizedNetworks")
    for place, network in enumerate(networks):
        if is_everywhere(get(network, "value")):
            yield (
                f"settings.ipConfiguration.authorizedNetworks[{place}] is "
                f"{text(network, 'value')}, which is everybody"
            )


@resource_policy(
    "gcp-sql-backups",
    kinds=(DATABASE,),
    severity=Severity.HIGH,
    fix="Set settings.backupConfiguration.enabled and pointInTimeRecoveryEnabled (on MySQL "
    "binaryLogEnabled) to true, and keep a week of backups.",
    framework=cis_gcp("6.7"),
    settings={"backups": integer("The fewest backups that are kept.", 7, minimum=1)},
)
def database_backups(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A database is backed up every day, and can go back to any moment."""
    if _is_replica(item):
        return
    backup = entries(item.props, "settings", "backupConfiguration")
    if get(backup, "enabled") is not True:
        yield "settings.backupConfiguration.enabled is not true"
        return
    mysql = text(item.props, "databaseVersion").startswith("MYSQL")
    recovery = "binaryLogEnabled" if mysql else "pointInTimeRecoveryEnabled"
    if get(backup, recovery) is not True:
        yield f"settings.backupConfiguration.{recovery} is not true"
    # Seven are kept where nothing else is said.
    kept = number(backup, "backupRetentionSettings", "retainedBackups", default=7)
    fewest = settings.integer("backups")
    if kept < fewest:
        place = "settings.backupConfiguration.backupRetentionSettings.retainedBackups"
        yield f"{place} is {plain(kept)}, below {fewest}"


@resource_policy(
    "gcp-sql-tls",
    kinds=(DATABASE,),
    severity=Severity.HIGH,
    fix="Set settings.ipConfiguration.sslMode: ENCRYPTED_ONLY.",
    framework=cis_gcp("6.4"),
)
def database_tls(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database refuses connections without TLS."""
    mode = text(item.props, "settings", "ipConfiguration", "sslMode")
    if mode not in {"ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"}:
        yield "settings.ipConfiguration.sslMode is not ENCRYPTED_ONLY"


@resource_policy(
    "gcp-sql-deletion-protection",
    kinds=(DATABASE,),
    severity=Severity.HIGH,
    fix="Set deletionProtection and settings.deletionProtectionEnabled to true: the first stops "
    "Pulumi, the second everybody.",
)
def database_deletion_protection(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database cannot be deleted by mistake."""
    if get(item.props, "deletionProtection", default=True) is not True:
        yield "deletionProtection is false"
    if get(item.props, "settings", "deletionProtectionEnabled") is not True:
        yield "settings.deletionProtectionEnabled is not true"


@resource_policy(
    "gcp-sql-regional",
    kinds=(DATABASE,),
    severity=Severity.MEDIUM,
    fix="Set settings.availabilityType: REGIONAL.",
)
def database_regional(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database outlives the loss of a zone."""
    if text(item.props, "settings", "availabilityType") != "REGIONAL" and not _is_replica(item):
        yield "settings.availabilityType is not REGIONAL"


def _is_replica(item: CloudResource) -> bool:
    return present(item.props, "masterInstanceName")


@resource_policy(
    "gcp-storage-uniform-access",
    kinds=(BUCKET,),
    severity=Severity.MEDIUM,
    fix="Set uniformBucketLevelAccess: true.",
    framework=cis_gcp("5.2"),
)
def uniform_access(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Rights to a bucket come from IAM alone, not from lists on its objects."""
    if get(item.props, "uniformBucketLevelAccess") is not True:
        yield "uniformBucketLevelAccess is not true"


@resource_policy(
    "gcp-storage-public-access-prevented",
    kinds=(BUCKET,),
    severity=Severity.HIGH,
    fix="Set publicAccessPrevention: enforced.",
    framework=cis_gcp("5.1"),
)
def public_access_prevented(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A bucket cannot be made public."""
    if text(item.props, "publicAccessPrevention") != "enforced":
        yield "publicAccessPrevention is not enforced"


@stack_policy(
    "gcp-storage-versioned",
    kinds=(BUCKET,),
    severity=Severity.MEDIUM,
    fix="Set versioning.enabled: true, or a retentionPolicy.",
)
def bucket_versioned(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A bucket keeps what is overwritten or deleted; one that only takes access logs need not."""
    if get(item.props, "versioning", "enabled") is True or present(item.props, "retentionPolicy"):
        return
    if not _takes_logs(stack, item):
        yield "versioning.enabled is not true"


def _takes_logs(stack: Stack, bucket: CloudResource) -> bool:
    """Whether access logs of other buckets go to it."""
    name = known(bucket.props, "name")
    return any(
        bucket.urn in [source.urn for source in stack.sources(other, "logging")]
        or (name is not None and known(other.props, "logging", "logBucket") == name)
        for other in stack.of(BUCKET)
    )


@resource_policy(
    "gcp-storage-lifecycle",
    kinds=(BUCKET,),
    severity=Severity.LOW,
    fix="Add lifecycleRules that end old versions and abandoned uploads.",
)
def bucket_lifecycle(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """What a bucket no longer needs goes by itself."""
    if not items(item.props, "lifecycleRules"):
        yield "has no lifecycleRules"


@resource_policy(
    "gcp-registry-immutable",
    kinds=(REPOSITORY,),
    severity=Severity.MEDIUM,
    fix="Set dockerConfig.immutableTags: true.",
)
def images_immutable(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A tag of an image means the same image for ever."""
    if text(item.props, "format").upper() != "DOCKER":
        return
    if text(item.props, "mode", default="STANDARD_REPOSITORY") != "STANDARD_REPOSITORY":
        return  # holds no images of its own
    if get(item.props, "dockerConfig", "immutableTags") is not True:
        yield "dockerConfig.immutableTags is not true, so a tag can be moved to another image"


@resource_policy(
    "gcp-registry-scan",
    kinds=(REPOSITORY,),
    severity=Severity.MEDIUM,
    fix="Set vulnerabilityScanningConfig.enablementConfig: INHERITED, and enable the Container "
    "Scanning API in the project.",
    framework=cis_gke("5.1.1"),
)
def images_scanned(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Images are scanned for known vulnerabilities."""
    if text(item.props, "vulnerabilityScanningConfig", "enablementConfig") == "DISABLED":
        yield "vulnerabilityScanningConfig.enablementConfig is DISABLED"


@resource_policy(
    "gcp-kms-rotation",
    kinds=(KEY,),
    severity=Severity.MEDIUM,
    fix="Set rotationPeriod to 90 days, 7776000s, or less.",
    framework=cis_gcp("1.10"),
    settings={"days": integer("The most days between two rotations.", 90, minimum=1)},
)
def key_rotation(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A symmetric key is rotated."""
    if text(item.props, "purpose", default="ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        return
    written = text(item.props, "rotationPeriod").removesuffix("s")
    seconds = float(written) if written.replace(".", "", 1).isdecimal() else 0
    most = settings.integer("days") * 86_400
    if not seconds:
        yield "rotationPeriod is missing"
    elif seconds > most:
        yield f"rotationPeriod is {written}s, above {most}s"
