"""Cases of the policies about databases, keys, images and logs on AWS."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import altered, cloud
from policies.manifests import DROP, UNKNOWN
from stanchion_cli.policies import AnalyzedResource

SERVER = {
    "engine": "postgres",
    "engineVersion": "17",
    "instanceClass": "db.m7g.large",
    "publiclyAccessible": False,
    "storageEncrypted": True,
    "backupRetentionPeriod": 7,
    "deletionProtection": True,
    "multiAz": True,
    "autoMinorVersionUpgrade": True,
}
AURORA = {
    "clusterIdentifier": "lake",
    "engine": "aurora-postgresql",
    "engineVersion": "17.4",
    "storageEncrypted": True,
    "backupRetentionPeriod": 7,
    "deletionProtection": True,
}
SOURCE = "arn:aws:rds:eu-west-1:111122223333:db:main"


def database(**change: Any) -> AnalyzedResource:
    """A database with changes."""
    return cloud("aws:rds/instance:Instance", "main", **altered(SERVER, change))


def aurora(**change: Any) -> AnalyzedResource:
    """An Aurora cluster with changes."""
    return cloud("aws:rds/cluster:Cluster", "lake", **altered(AURORA, change))


def reader(name: str = "a", **props: Any) -> AnalyzedResource:
    """An instance of the Aurora cluster."""
    base = {"engine": "aurora-postgresql", "instanceClass": "db.r7g.large"}
    return cloud(
        "aws:rds/clusterInstance:ClusterInstance",
        name,
        **{**base, "clusterIdentifier": "lake", **props},
    )


def parameters(
    name: str, value: Any, kind: str = "parameterGroup:ParameterGroup", family: str = "postgres17"
) -> AnalyzedResource:
    """A parameter group called `main` that sets one parameter."""
    entry = {"name": name, "value": value}
    return cloud(
        f"aws:rds/{kind}", "main-parameters", name="main", family=family, parameters=[entry]
    )


FORCED = parameters("rds.force_ssl", "1")


def under(group: AnalyzedResource, **props: Any) -> AnalyzedResource:
    """A database whose parameter group's name is an output."""
    return cloud(
        "aws:rds/instance:Instance",
        "main",
        derived={"parameterGroupName": group},
        **{**SERVER, **props},
    )


def key(**props: Any) -> AnalyzedResource:
    return cloud("aws:kms/key:Key", **props)


def repository(**props: Any) -> AnalyzedResource:
    return cloud("aws:ecr/repository:Repository", **props)


def logs(**props: Any) -> AnalyzedResource:
    return cloud("aws:cloudwatch/logGroup:LogGroup", **props)


def scanning(*rules: Any) -> AnalyzedResource:
    """What the registry scans."""
    return cloud(
        "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        scanType="ENHANCED",
        rules=list(rules),
    )


SCAN_ALL = {
    "scanFrequency": "CONTINUOUS_SCAN",
    "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}],
}

DATABASES = [
    passes("aws-rds-private", "private", database()),
    passes("aws-rds-private", "not said, private by default", database(publiclyAccessible=DROP)),
    passes("aws-rds-private", "Aurora", reader(publiclyAccessible=False)),
    undecided("aws-rds-private", "not known", database(publiclyAccessible=UNKNOWN)),
    fails("aws-rds-private", "public", database(publiclyAccessible=True)),
    fails("aws-rds-private", "public Aurora", reader(publiclyAccessible=True)),
    fails(
        "aws-rds-private",
        "public replica",
        database(publiclyAccessible=True, replicateSourceDb=SOURCE),
    ),
    passes("aws-rds-encrypted", "encrypted", database()),
    passes("aws-rds-encrypted", "Aurora", aurora()),
    passes(
        "aws-rds-encrypted",
        "a replica as its source",
        database(storageEncrypted=DROP, replicateSourceDb=SOURCE),
    ),
    fails("aws-rds-encrypted", "not", database(storageEncrypted=False)),
    fails("aws-rds-encrypted", "not said", database(storageEncrypted=DROP)),
    fails("aws-rds-encrypted", "Aurora not said", aurora(storageEncrypted=DROP)),
    passes("aws-rds-backups", "a week", database()),
    passes("aws-rds-backups", "days by setting", database(backupRetentionPeriod=1), days=1),
    passes(
        "aws-rds-backups", "a replica", database(backupRetentionPeriod=0, replicateSourceDb=UNKNOWN)
    ),
    fails("aws-rds-backups", "none", database(backupRetentionPeriod=0)),
    fails("aws-rds-backups", "not said", database(backupRetentionPeriod=DROP)),
    fails("aws-rds-backups", "a day of Aurora", aurora(backupRetentionPeriod=1)),
    fails("aws-rds-backups", "below a setting", database(), days=30),
    passes("aws-rds-deletion-protection", "on", database()),
    passes("aws-rds-deletion-protection", "Aurora", aurora(skipFinalSnapshot=False)),
    passes(
        "aws-rds-deletion-protection",
        "a replica has no last snapshot",
        database(replicateSourceDb=SOURCE, skipFinalSnapshot=True),
    ),
    fails("aws-rds-deletion-protection", "off", database(deletionProtection=False)),
    fails("aws-rds-deletion-protection", "not said", aurora(deletionProtection=DROP)),
    fails("aws-rds-deletion-protection", "no last snapshot", database(skipFinalSnapshot=True)),
    passes("aws-rds-multi-az", "on", database()),
    passes("aws-rds-multi-az", "two instances", aurora(), reader("a"), reader("b")),
    passes("aws-rds-multi-az", "a cluster of RDS", aurora(dbClusterInstanceClass="db.m6gd.large")),
    passes("aws-rds-multi-az", "a replica", database(multiAz=DROP, replicateSourceDb=SOURCE)),
    fails("aws-rds-multi-az", "off", database(multiAz=False)),
    fails("aws-rds-multi-az", "not said", database(multiAz=DROP)),
    fails("aws-rds-multi-az", "one instance", aurora(), reader()),
    fails(
        "aws-rds-multi-az",
        "the second is another's",
        aurora(),
        reader(),
        reader("b", clusterIdentifier="other"),
    ),
    passes("aws-rds-minor-upgrades", "on", database()),
    passes(
        "aws-rds-minor-upgrades", "not said, on by default", database(autoMinorVersionUpgrade=DROP)
    ),
    passes("aws-rds-minor-upgrades", "Aurora", reader()),
    fails("aws-rds-minor-upgrades", "off", database(autoMinorVersionUpgrade=False)),
    fails("aws-rds-minor-upgrades", "off in Aurora", reader(autoMinorVersionUpgrade=False)),
    fails(
        "aws-rds-minor-upgrades",
        "off in a replica",
        database(autoMinorVersionUpgrade=False, replicateSourceDb=SOURCE),
    ),
    passes("aws-rds-tls", "set", under(FORCED), FORCED),
    passes("aws-rds-tls", "set, by name", database(parameterGroupName="main"), FORCED),
    passes("aws-rds-tls", "on from PostgreSQL 15", database()),
    passes("aws-rds-tls", "a group of another stack", database(parameterGroupName="shared")),
    passes("aws-rds-tls", "an engine without such a parameter", database(engine="oracle-ee")),
    fails(
        "aws-rds-tls",
        "off",
        under(parameters("rds.force_ssl", "0")),
        parameters("rds.force_ssl", "0"),
    ),
    fails("aws-rds-tls", "off by default before 15", database(engineVersion="14.9")),
    fails("aws-rds-tls", "MySQL, nothing said", database(engine="mysql", engineVersion="8.4")),
    fails(
        "aws-rds-tls",
        "a group that says nothing of it",
        under(parameters("log_lock_waits", "1"), engineVersion="13"),
        parameters("log_lock_waits", "1"),
    ),
    fails("aws-rds-tls", "Aurora before 17", aurora(engineVersion="16.2")),
]

KEYS = [
    passes("aws-kms-rotation", "rotated", key(enableKeyRotation=True)),
    passes("aws-kms-rotation", "asymmetric", key(customerMasterKeySpec="RSA_2048")),
    passes("aws-kms-rotation", "in a store of one's own", key(customKeyStoreId="cks-1")),
    undecided("aws-kms-rotation", "not known", key(enableKeyRotation=UNKNOWN)),
    fails("aws-kms-rotation", "nothing said", key()),
    fails("aws-kms-rotation", "off", key(enableKeyRotation=False)),
    fails("aws-kms-rotation", "symmetric as said", key(customerMasterKeySpec="SYMMETRIC_DEFAULT")),
]

IMAGES = [
    passes("aws-ecr-immutable", "immutable", repository(imageTagMutability="IMMUTABLE")),
    passes(
        "aws-ecr-immutable",
        "but for some tags",
        repository(imageTagMutability="IMMUTABLE_WITH_EXCLUSION"),
    ),
    passes("aws-ecr-immutable", "a key", key()),
    fails("aws-ecr-immutable", "nothing said", repository()),
    fails("aws-ecr-immutable", "mutable", repository(imageTagMutability="MUTABLE")),
    fails(
        "aws-ecr-immutable",
        "mutable but for some tags",
        repository(imageTagMutability="MUTABLE_WITH_EXCLUSION"),
    ),
    passes("aws-ecr-scan", "on push", repository(imageScanningConfiguration={"scanOnPush": True})),
    passes("aws-ecr-scan", "by the registry", repository(), scanning(SCAN_ALL)),
    passes("aws-ecr-scan", "a registry alone", scanning(SCAN_ALL)),
    fails("aws-ecr-scan", "nothing said", repository()),
    fails("aws-ecr-scan", "off", repository(imageScanningConfiguration={"scanOnPush": False})),
    fails("aws-ecr-scan", "a registry without rules", repository(), scanning()),
]

LOGS = [
    passes("aws-log-retention", "kept for 90 days", logs(retentionInDays=90)),
    passes("aws-log-retention", "as long as a setting says", logs(retentionInDays=365), days=365),
    passes("aws-log-retention", "a day", logs(retentionInDays=1)),
    undecided("aws-log-retention", "not known", logs(retentionInDays=UNKNOWN)),
    fails("aws-log-retention", "nothing said", logs()),
    fails("aws-log-retention", "for ever", logs(retentionInDays=0)),
    fails("aws-log-retention", "shorter than a setting says", logs(retentionInDays=7), days=30),
]

CASES: list[Case] = [*DATABASES, *KEYS, *IMAGES, *LOGS]
