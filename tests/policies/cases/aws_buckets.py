"""Cases of the policies about S3 buckets."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import allow, cloud, document
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource

V2 = "aws:s3/bucketV2:BucketV2"
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
ALL_FOUR: dict[str, Any] = dict.fromkeys(BLOCKS, True)


def bucket(name: str = "models", **props: Any) -> AnalyzedResource:
    return cloud("aws:s3/bucket:Bucket", name, **props)


def older(**props: Any) -> AnalyzedResource:
    """A bucket of the type whose inline settings are lists."""
    return cloud(V2, "models", **props)


def setting(kind: str, of: AnalyzedResource | None = None, **props: Any) -> AnalyzedResource:
    """A setting of a bucket that is a resource of its own: `Versioning`, `Policy` and so on."""
    token = f"aws:s3/bucket{kind}:Bucket{kind}"
    return cloud(token, kind.lower(), derived={"bucket": of or bucket()}, **props)


def block(of: AnalyzedResource | None = None, **change: Any) -> AnalyzedResource:
    """A block of public access with changes."""
    return setting("PublicAccessBlock", of, **{**ALL_FOUR, **change})


def versioning(status: Any) -> AnalyzedResource:
    return setting("Versioning", versioningConfiguration={"status": status})


def encryption(**default: Any) -> AnalyzedResource:
    rule = {"applyServerSideEncryptionByDefault": default}
    return setting("ServerSideEncryptionConfiguration", rules=[rule])


def lifecycle(status: str = "Enabled") -> AnalyzedResource:
    rule = {"id": "old", "status": status, "noncurrentVersionExpiration": {"noncurrentDays": 90}}
    return setting("LifecycleConfiguration", rules=[rule])


def policy(text: Any, of: AnalyzedResource | None = None) -> AnalyzedResource:
    return setting("Policy", of, policy=text)


def deny(**change: Any) -> str:
    """A document that denies what does not come over TLS, with changes."""
    return document(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::models", "arn:aws:s3:::models/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            **change,
        }
    )


def inline_encryption(algorithm: str) -> dict[str, Any]:
    return {"rule": {"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm}}}


def grant(group: str) -> dict[str, Any]:
    uri = f"http://acs.amazonaws.com/groups/{group}"
    return {"permissions": ["READ"], "type": "Group", "uri": uri}


def named(kind: str, bucket_name: str, **props: Any) -> AnalyzedResource:
    """A setting that names its bucket as a plain string."""
    return cloud(f"aws:s3/bucket{kind}:Bucket{kind}", kind.lower(), bucket=bucket_name, **props)


PUBLIC = [
    passes("aws-s3-no-public-acl", "none", bucket()),
    passes("aws-s3-no-public-acl", "private", setting("Acl", acl="private")),
    passes(
        "aws-s3-no-public-acl", "the delivery of logs", bucket(grants=[grant("s3/LogDelivery")])
    ),
    undecided("aws-s3-no-public-acl", "not known", setting("Acl", acl=UNKNOWN)),
    fails("aws-s3-no-public-acl", "inline", bucket(acl="public-read")),
    fails("aws-s3-no-public-acl", "an older bucket", older(acl="public-read-write")),
    fails("aws-s3-no-public-acl", "its own resource", setting("Acl", acl="authenticated-read")),
    fails("aws-s3-no-public-acl", "granted inline", bucket(grants=[grant("global/AllUsers")])),
    fails(
        "aws-s3-no-public-acl",
        "granted",
        setting(
            "Acl",
            accessControlPolicy={
                "owner": {"id": "1"},
                "grants": [
                    {
                        "permission": "READ",
                        "grantee": {
                            "type": "Group",
                            "uri": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
                        },
                    }
                ],
            },
        ),
    ),
    passes("aws-s3-public-access-blocked", "all four", bucket(), block()),
    passes(
        "aws-s3-public-access-blocked",
        "by name",
        bucket(bucket="models"),
        named("PublicAccessBlock", "models", **ALL_FOUR),
    ),
    passes(
        "aws-s3-public-access-blocked",
        "in the account",
        bucket(),
        cloud(
            "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
            **ALL_FOUR,
        ),
    ),
    undecided(
        "aws-s3-public-access-blocked", "not known", bucket(), block(blockPublicAcls=UNKNOWN)
    ),
    fails("aws-s3-public-access-blocked", "nothing", bucket()),
    fails("aws-s3-public-access-blocked", "three", bucket(), block(restrictPublicBuckets=False)),
    fails("aws-s3-public-access-blocked", "another bucket's", older(), block(bucket("other"))),
]

CONTENT = [
    passes("aws-s3-encrypted", "stated", bucket(), encryption(sseAlgorithm="AES256")),
    passes(
        "aws-s3-encrypted",
        "key not known yet",
        bucket(),
        encryption(sseAlgorithm="aws:kms", kmsMasterKeyId=UNKNOWN),
        kms=True,
    ),
    passes(
        "aws-s3-encrypted",
        "inline",
        bucket(serverSideEncryptionConfiguration=inline_encryption("aws:kms")),
    ),
    passes(
        "aws-s3-encrypted",
        "inline in an older bucket",
        older(
            serverSideEncryptionConfigurations=[
                {"rules": [{"applyServerSideEncryptionByDefaults": [{"sseAlgorithm": "aws:kms"}]}]}
            ]
        ),
    ),
    fails("aws-s3-encrypted", "nothing", bucket()),
    fails("aws-s3-encrypted", "no key", bucket(), encryption(sseAlgorithm="AES256"), kms=True),
    passes(
        "aws-s3-encrypted",
        "no key for access logs, which S3 writes with none",
        bucket(),
        encryption(sseAlgorithm="AES256"),
        cloud("aws:s3/bucketLogging:BucketLogging", "others", derived={"targetBucket": bucket()}),
        kms=True,
    ),
    fails("aws-s3-encrypted", "nothing in an older bucket", older()),
    passes("aws-s3-versioned", "enabled", bucket(), versioning("Enabled")),
    passes("aws-s3-versioned", "inline", bucket(versioning={"enabled": True})),
    passes("aws-s3-versioned", "inline in an older bucket", older(versionings=[{"enabled": True}])),
    passes(
        "aws-s3-versioned",
        "only takes logs",
        bucket("logs"),
        bucket(versioning={"enabled": True}),
        cloud(
            "aws:s3/bucketLogging:BucketLogging",
            derived={"bucket": bucket(), "targetBucket": bucket("logs")},
            targetPrefix="models/",
        ),
    ),
    undecided("aws-s3-versioned", "not known", bucket(), versioning(UNKNOWN)),
    fails("aws-s3-versioned", "nothing", bucket()),
    fails("aws-s3-versioned", "suspended", bucket(), versioning("Suspended")),
    fails("aws-s3-versioned", "inline off", older(versionings=[{"enabled": False}])),
    passes("aws-s3-lifecycle", "a rule", bucket(), lifecycle()),
    passes(
        "aws-s3-lifecycle",
        "a rule of a bucket named by its versioning",
        bucket(),
        versioning("Enabled"),
        cloud(
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            derived={"bucket": versioning("Enabled")},
            rules=[{"id": "old", "status": "Enabled"}],
        ),
    ),
    passes("aws-s3-lifecycle", "inline", bucket(lifecycleRules=[{"enabled": True}])),
    fails("aws-s3-lifecycle", "nothing", bucket()),
    fails("aws-s3-lifecycle", "disabled", bucket(), lifecycle("Disabled")),
    fails("aws-s3-lifecycle", "inline off", older(lifecycleRules=[{"enabled": False}])),
]

LOGGED: dict[str, Any] = {"targetBucket": "logs"}

ACCESS = [
    passes("aws-s3-tls-only", "denied", bucket(), policy(deny())),
    passes("aws-s3-tls-only", "denied inline", bucket(policy=deny())),
    passes(
        "aws-s3-tls-only",
        "denied to a principal that is everybody",
        bucket(),
        policy(deny(Principal={"AWS": "*"}, Condition={"Bool": {"aws:SecureTransport": False}})),
    ),
    undecided("aws-s3-tls-only", "not known", bucket(), policy(UNKNOWN)),
    fails("aws-s3-tls-only", "nothing", bucket()),
    fails("aws-s3-tls-only", "allowed", bucket(), policy(deny(Effect="Allow"))),
    fails("aws-s3-tls-only", "denied to one", bucket(), policy(deny(Principal={"AWS": "arn:a"}))),
    fails("aws-s3-tls-only", "reading only", bucket(), policy(deny(Action="s3:GetObject"))),
    fails("aws-s3-tls-only", "of another bucket", bucket(), policy(deny(), bucket("other"))),
    fails("aws-s3-tls-only", "no JSON", bucket(), policy("deny")),
    passes(
        "aws-s3-access-logs", "logged", bucket(), setting("Logging", **LOGGED, targetPrefix="a")
    ),
    passes("aws-s3-access-logs", "inline", bucket(logging=LOGGED)),
    passes("aws-s3-access-logs", "inline in an older bucket", older(loggings=[LOGGED])),
    fails("aws-s3-access-logs", "nothing", bucket()),
    fails("aws-s3-access-logs", "nothing in an older bucket", older()),
    fails("aws-s3-access-logs", "nothing named", bucket(logging={})),
    passes("aws-resource-policy-not-public", "denied to everybody", policy(deny())),
    passes(
        "aws-resource-policy-not-public",
        "an organization",
        policy(
            document(
                allow(
                    "s3:GetObject",
                    Principal="*",
                    Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
                )
            )
        ),
    ),
    passes("aws-resource-policy-not-public", "none", bucket()),
    undecided("aws-resource-policy-not-public", "not known", policy(UNKNOWN)),
    fails(
        "aws-resource-policy-not-public",
        "a bucket",
        policy(document(allow("s3:GetObject", Principal="*"))),
    ),
    fails(
        "aws-resource-policy-not-public",
        "an inline policy",
        bucket(policy=document(allow("s3:GetObject", Principal={"AWS": ["*"]}))),
    ),
    fails(
        "aws-resource-policy-not-public",
        "an inline policy of an older bucket",
        older(policy=document(allow("s3:*", Principal="*"))),
    ),
    fails(
        "aws-resource-policy-not-public",
        "a key",
        cloud("aws:kms/key:Key", policy=document(allow("kms:*", Principal={"AWS": "*"}))),
    ),
    fails(
        "aws-resource-policy-not-public",
        "a queue, over TLS",
        cloud(
            "aws:sqs/queuePolicy:QueuePolicy",
            queueUrl="https://q",
            policy=document(
                allow(
                    "sqs:SendMessage",
                    Principal="*",
                    Condition={"Bool": {"aws:SecureTransport": "true"}},
                )
            ),
        ),
    ),
    fails(
        "aws-resource-policy-not-public",
        "everybody but one",
        policy(document(allow("s3:GetObject", NotPrincipal={"AWS": "arn:aws:iam::1:root"}))),
    ),
]

CASES: list[Case] = [*PUBLIC, *CONTENT, *ACCESS]
