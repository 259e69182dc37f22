"""Databases, keys, images and logs on AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stanchion_policies.linking import belonging, named_by
from stanchion_policies.reading import get, items, number, plain, present, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_aws,
    cis_eks,
    integer,
    resource_policy,
    stack_policy,
)
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.versions import numbers_of

INSTANCE = "aws:rds/instance:Instance"
AURORA = "aws:rds/cluster:Cluster"
AURORA_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
AURORA_PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
REPOSITORY = "aws:ecr/repository:Repository"
REGISTRY_SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
KEY = "aws:kms/key:Key"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"

NEWEST = (1 << 16,)
"""The version of an engine whose version is not stated."""

NEVER = (1 << 16, 1)
"""Above every version, the newest too."""

TLS_PARAMETERS: Mapping[str, tuple[str, frozenset[str], tuple[int, ...]]] = {
    "postgres": ("rds.force_ssl", frozenset({"1"}), (15,)),
    "aurora-postgresql": ("rds.force_ssl", frozenset({"1"}), (17,)),
    "mysql": ("require_secure_transport", frozenset({"1", "ON"}), NEVER),
    "aurora-mysql": ("require_secure_transport", frozenset({"1", "ON"}), NEVER),
    "mariadb": ("require_secure_transport", frozenset({"1", "ON"}), (11, 8)),
}
"""By engine: the parameter that refuses what is not TLS, its values, the version it is on from.

From the pages on TLS of each engine in the RDS and Aurora user guides, 2026-11.
"""


@resource_policy(
    "aws-rds-private",
    kinds=(INSTANCE, AURORA_INSTANCE),
    severity=Severity.CRITICAL,
    fix="Set publiclyAccessible: false and reach the database from inside its network.",
    framework=cis_aws("2.2.3"),
)
def database_private(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database has no public address."""
    if get(item.props, "publiclyAccessible") is True:
        yield "publiclyAccessible is true; set it to false"


@resource_policy(
    "aws-rds-encrypted",
    kinds=(INSTANCE, AURORA),
    severity=Severity.HIGH,
    fix="Set storageEncrypted: true; an existing database is encrypted by restoring a copy.",
    framework=cis_aws("2.2.1"),
)
def database_encrypted(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database's storage is encrypted; a replica's is as its source's."""
    if get(item.props, "storageEncrypted") is not True and not _is_replica(item):
        yield "storageEncrypted is not true"


@resource_policy(
    "aws-rds-backups",
    kinds=(INSTANCE, AURORA),
    severity=Severity.HIGH,
    fix="Set backupRetentionPeriod to the days that you may need to go back.",
    settings={"days": integer("The fewest days that backups are kept.", 7, minimum=1)},
)
def database_backups(item: CloudResource, settings: Settings) -> Iterator[str]:
    """A database is backed up every day, and backups are kept."""
    if not _is_replica(item):
        days = number(item.props, "backupRetentionPeriod")
        if days < settings.integer("days"):
            yield f"backupRetentionPeriod is {plain(days)}, below {settings.integer('days')} days"


@resource_policy(
    "aws-rds-deletion-protection",
    kinds=(INSTANCE, AURORA),
    severity=Severity.HIGH,
    fix="Set deletionProtection: true, skipFinalSnapshot: false and a finalSnapshotIdentifier.",
)
def database_deletion_protection(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database cannot be deleted by mistake, nor without a last snapshot."""
    if get(item.props, "deletionProtection") is not True:
        yield "deletionProtection is not true"
    if get(item.props, "skipFinalSnapshot") is True and not _is_replica(item):
        yield "skipFinalSnapshot is true, so nothing is left once it is deleted"


@stack_policy(
    "aws-rds-multi-az",
    kinds=(INSTANCE, AURORA),
    severity=Severity.MEDIUM,
    fix="Set multiAz: true; give an Aurora cluster a second instance.",
    framework=cis_aws("2.2.4"),
)
def database_multi_az(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A database outlives the loss of a zone."""
    if item.type == INSTANCE:
        if get(item.props, "multiAz") is not True and not _is_replica(item):
            yield "multiAz is not true"
    elif not present(item.props, "dbClusterInstanceClass"):  # such a cluster spans zones by itself
        instances = belonging(
            stack, item, "clusterIdentifier", AURORA_INSTANCE, named="clusterIdentifier"
        )
        if len(instances) < 2:
            yield f"has {len(instances)} instance(s) in this stack, none to take over"


@resource_policy(
    "aws-rds-minor-upgrades",
    kinds=(INSTANCE, AURORA_INSTANCE),
    severity=Severity.LOW,
    fix="Set autoMinorVersionUpgrade: true, and a maintenanceWindow.",
    framework=cis_aws("2.2.2"),
)
def database_minor_upgrades(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A database takes the fixes of its version by itself."""
    if get(item.props, "autoMinorVersionUpgrade") is False:
        yield "autoMinorVersionUpgrade is false; set it to true"


@stack_policy(
    "aws-rds-tls",
    kinds=(INSTANCE, AURORA),
    severity=Severity.HIGH,
    fix="Give it a parameter group with rds.force_ssl: 1 (PostgreSQL) or "
    "require_secure_transport: ON (MySQL, MariaDB).",
)
def database_tls(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A database refuses connections without TLS."""
    engine = text(item.props, "engine")
    if engine not in TLS_PARAMETERS:
        return
    parameter, on, since = TLS_PARAMETERS[engine]
    instance = item.type == INSTANCE
    prop = "parameterGroupName" if instance else "dbClusterParameterGroupName"
    groups = named_by(stack, item, prop, PARAMETERS if instance else AURORA_PARAMETERS)
    if not groups and present(item.props, prop):
        return  # a group of another stack, which this one does not see
    values = [
        str(get(entry, "value"))
        for group in groups
        for entry in items(group.props, "parameters")
        if text(entry, "name") == parameter
    ]
    if values:
        if values[-1] not in on:
            yield f"{parameter} of {groups[0].title} is {values[-1]}; set it to {min(on)}"
    elif (numbers_of(text(item.props, "engineVersion")) or NEWEST) < since:
        yield f"has no parameter group that sets {parameter}; set it to {min(on)}"


def _is_replica(item: CloudResource) -> bool:
    """Whether another database decides it: one that it replicates."""
    sources = ("replicateSourceDb",) if item.type == INSTANCE else ("replicationSourceIdentifier",)
    return any(present(item.props, source) for source in sources)


@resource_policy(
    "aws-kms-rotation",
    kinds=(KEY,),
    severity=Severity.MEDIUM,
    fix="Set enableKeyRotation: true.",
    framework=cis_aws("3.6"),
)
def key_rotation(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A symmetric key is rotated."""
    kind = text(item.props, "customerMasterKeySpec", default="SYMMETRIC_DEFAULT")
    if kind != "SYMMETRIC_DEFAULT" or present(item.props, "customKeyStoreId"):
        return  # AWS rotates neither
    if get(item.props, "enableKeyRotation") is not True:
        yield "enableKeyRotation is not true"


@resource_policy(
    "aws-ecr-immutable",
    kinds=(REPOSITORY,),
    severity=Severity.MEDIUM,
    fix="Set imageTagMutability: IMMUTABLE.",
)
def images_immutable(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A tag of an image means the same image for ever."""
    if not text(item.props, "imageTagMutability").startswith("IMMUTABLE"):
        yield "imageTagMutability is not IMMUTABLE, so a tag can be moved to another image"


@stack_policy(
    "aws-ecr-scan",
    kinds=(REPOSITORY,),
    severity=Severity.MEDIUM,
    fix="Set imageScanningConfiguration.scanOnPush: true, or declare the registry's scanning.",
    framework=cis_eks("5.1.1"),
)
def images_scanned(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """Images are scanned for known vulnerabilities."""
    if any(items(registry.props, "rules") for registry in stack.of(REGISTRY_SCANNING)):
        return
    if get(item.props, "imageScanningConfiguration", "scanOnPush") is not True:
        yield "imageScanningConfiguration.scanOnPush is not true"


@resource_policy(
    "aws-log-retention",
    kinds=(LOG_GROUP,),
    severity=Severity.LOW,
    fix="Set retentionInDays.",
    settings={"days": integer("The fewest days that logs are kept.", 1, minimum=1)},
)
def log_retention(item: CloudResource, settings: Settings) -> Iterator[str]:
    """Logs are kept for a stated time, not for ever."""
    days = number(item.props, "retentionInDays")
    if not days:
        yield "retentionInDays is missing, so logs are kept and paid for ever"
    elif days < settings.integer("days"):
        yield f"retentionInDays is {plain(days)}, below {settings.integer('days')}"
