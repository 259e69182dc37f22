"""S3 buckets, whose settings are resources of their own or, in older programs, inline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanchion_policies.aws_documents import Statement, statements
from stanchion_policies.linking import belonging
from stanchion_policies.reading import get, items, present, some, text
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_aws,
    flag,
    resource_policy,
    stack_policy,
)
from stanchion_policies.stack import CloudResource, Stack

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
ACLS = ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2")
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
VERSIONING = (
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketVersioningV2:BucketVersioningV2",
)
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
LIFECYCLE = (
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
)
LOGGING = (
    "aws:s3/bucketLogging:BucketLogging",
    "aws:s3/bucketLoggingV2:BucketLoggingV2",
)
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
OPEN_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")


@resource_policy(
    "aws-s3-no-public-acl",
    kinds=(*BUCKETS, *ACLS),
    severity=Severity.CRITICAL,
    fix="Use the ACL private, or none, and grant access in a bucket policy.",
    framework=cis_aws("2.1.4"),
)
def no_public_acl(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No access control list opens a bucket to everybody."""
    acl = text(item.props, "acl")
    if acl in OPEN_ACLS:
        yield f"acl is {acl}, which lets everybody in; write private"
    uris = (
        [text(grant, "uri") for grant in items(item.props, "grants")]
        if item.type in BUCKETS
        else [
            text(grant, "grantee", "uri")
            for grant in items(item.props, "accessControlPolicy", "grants")
        ]
    )
    if any(uri.endswith(EVERYBODY) for uri in uris):
        yield "grants rights to a group that is everybody"


@stack_policy(
    "aws-s3-public-access-blocked",
    kinds=BUCKETS,
    severity=Severity.HIGH,
    fix="Add a BucketPublicAccessBlock with all four of its settings true.",
    framework=cis_aws("2.1.4"),
)
def public_access_blocked(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A bucket cannot be made public."""
    blocks = [*_of(stack, item, PUBLIC_ACCESS_BLOCK), *stack.of(ACCOUNT_BLOCK)]
    if not blocks:
        yield "has no BucketPublicAccessBlock"
    elif not some(_blocks_all, blocks):
        block = blocks[0]
        lacking = [name for name in BLOCKS if get(block.props, name) is not True]
        yield f"{', '.join(lacking)} of {block.title} is not true"


def _blocks_all(block: CloudResource) -> bool:
    return all(get(block.props, name) is True for name in BLOCKS)


@stack_policy(
    "aws-s3-encrypted",
    kinds=BUCKETS,
    severity=Severity.MEDIUM,
    fix="Add a BucketServerSideEncryptionConfiguration with sseAlgorithm aws:kms and your key.",
    settings={
        "kms": flag(
            "Whether it takes a KMS key of your own; S3 writes access logs with none, so the "
            "buckets they go to need none.",
            default=False,
        )
    },
)
def encrypted(item: CloudResource, stack: Stack, settings: Settings) -> Iterator[str]:
    """A bucket's encryption is stated."""
    defaults = [
        get(rule, "applyServerSideEncryptionByDefault")
        for configuration in _of(stack, item, *ENCRYPTION)
        for rule in items(configuration.props, "rules")
    ]
    inline = _inline(item, "serverSideEncryptionConfiguration")
    if item.type == BUCKETS[0]:
        defaults.append(get(inline, "rule", "applyServerSideEncryptionByDefault"))
    else:
        for rule in items(inline, "rules"):
            defaults.extend(items(rule, "applyServerSideEncryptionByDefaults"))
    if not any(text(default, "sseAlgorithm") for default in defaults):
        yield "has no server-side encryption configuration"
    elif (
        settings.flag("kms")
        and not any(present(each, "kmsMasterKeyId") for each in defaults)
        and not _takes_logs(stack, item)
    ):
        yield "its server-side encryption configuration lacks kmsMasterKeyId, a key of your own"


@stack_policy(
    "aws-s3-versioned",
    kinds=BUCKETS,
    severity=Severity.MEDIUM,
    fix="Add a BucketVersioning with the status Enabled.",
)
def versioned(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A bucket keeps what is overwritten or deleted; one that only takes access logs need not."""
    versionings = _of(stack, item, *VERSIONING)
    if some(
        lambda each: get(each.props, "versioningConfiguration", "status") == "Enabled", versionings
    ):
        return
    if get(_inline(item, "versioning"), "enabled") is True or _takes_logs(stack, item):
        return
    if versionings:
        yield f"versioningConfiguration.status of {versionings[0].title} is not Enabled"
    else:
        yield "has no BucketVersioning"


@stack_policy(
    "aws-s3-lifecycle",
    kinds=BUCKETS,
    severity=Severity.LOW,
    fix="Add a BucketLifecycleConfiguration that ends old versions and abandoned uploads.",
)
def lifecycle(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """What a bucket no longer needs goes by itself."""
    rules = items(item.props, "lifecycleRules")
    if any(get(rule, "enabled") is True for rule in rules):
        return
    configured = _of(stack, item, *LIFECYCLE)
    if not any(
        text(rule, "status") == "Enabled"
        for configuration in configured
        for rule in items(configuration.props, "rules")
    ):
        yield "has no lifecycle rule that is enabled"


@stack_policy(
    "aws-s3-tls-only",
    kinds=BUCKETS,
    severity=Severity.MEDIUM,
    fix="Add a bucket policy that denies s3:* where aws:SecureTransport is false.",
    framework=cis_aws("2.1.1"),
)
def tls_only(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A bucket answers over TLS only."""
    holders = [*_of(stack, item, POLICY), *([item] if present(item.props, "policy") else ())]
    if not some(
        lambda holder: any(
            _denies_plain_http(statement) for statement in statements(get(holder.props, "policy"))
        ),
        holders,
    ):
        yield "has no policy that denies what does not come over TLS (aws:SecureTransport)"


def _denies_plain_http(statement: Statement) -> bool:
    return (
        not statement.allows
        and statement.is_anonymous
        and not {"*", "s3:*"}.isdisjoint(statement.actions)
        and ("bool", "aws:securetransport", ["false"])
        in [
            (operator, key, [v.lower() for v in values])
            for operator, key, values in statement.conditions
        ]
    )


@stack_policy(
    "aws-s3-access-logs",
    kinds=BUCKETS,
    severity=Severity.LOW,
    fix="Add a BucketLogging that names a bucket for the logs.",
)
def access_logs(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A bucket logs who reads it; one that takes the logs of others need not."""
    if _of(stack, item, *LOGGING) or _takes_logs(stack, item):
        return
    if not present(_inline(item, "logging"), "targetBucket"):
        yield "has no BucketLogging"


def _of(stack: Stack, bucket: CloudResource, *types: str) -> list[CloudResource]:
    """The settings of a bucket that are resources of their own."""
    return belonging(stack, bucket, "bucket", *types, named="bucket")


def _inline(bucket: CloudResource, prop: str) -> Any:
    """An inline setting, which one type holds as a list of at most one."""
    if bucket.type == BUCKETS[0]:
        return get(bucket.props, prop, default={})
    return next(iter(items(bucket.props, f"{prop}s")), {})


def _takes_logs(stack: Stack, bucket: CloudResource) -> bool:
    """Whether access logs of other buckets go to it."""
    return bool(belonging(stack, bucket, "targetBucket", *LOGGING, named="bucket")) or any(
        source.urn == bucket.urn
        for other in stack.of(BUCKETS[0])
        for source in stack.sources(other, "logging")
    )
