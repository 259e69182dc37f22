"""Cases of the policies about rights in Google Cloud."""

from __future__ import annotations

import json
from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import cloud
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource

TEAM = "group:ml@example.com"
ROBOT = "serviceAccount:churn@project.iam.gserviceaccount.com"
READER = "roles/storage.objectViewer"
IMPERSONATE = "roles/iam.serviceAccountTokenCreator"
IDENTITY = "roles/iam.workloadIdentityUser"


def member(role: str, who: Any = TEAM) -> AnalyzedResource:
    """One member of a role in a project."""
    return cloud("gcp:projects/iAMMember:IAMMember", project="p", role=role, member=who)


def binding(role: str, *who: Any, on: str = "projects/iAMBinding:IAMBinding") -> AnalyzedResource:
    """All members of a role."""
    where: dict[str, Any] = {"folder": "f"} if on.startswith("folder") else {"project": "p"}
    return cloud(f"gcp:{on}", **where, role=role, members=list(who))


def policy(*bound: tuple[str, str]) -> AnalyzedResource:
    """All roles of a project, and who has each."""
    data = {"bindings": [{"role": role, "members": [who]} for role, who in bound]}
    return cloud("gcp:projects/iAMPolicy:IAMPolicy", project="p", policyData=json.dumps(data))


def of_bucket(who: Any, role: str = READER) -> AnalyzedResource:
    token = "gcp:storage/bucketIAMMember:BucketIAMMember"
    return cloud(token, bucket="models", role=role, member=who)


def account(name: str = "churn") -> AnalyzedResource:
    return cloud("gcp:serviceaccount/account:Account", name, accountId=name)


def used_by(
    who: Any, name: str = "user", of: AnalyzedResource | None = None, role: str = IDENTITY
) -> AnalyzedResource:
    """Who may use a service account."""
    return cloud(
        "gcp:serviceaccount/iAMMember:IAMMember",
        name,
        derived={"serviceAccountId": of or account()},
        role=role,
        member=who,
    )


def pods(name: str) -> str:
    return f"serviceAccount:project.svc.id.goog[ml/{name}]"


ROLES = [
    passes("gcp-iam-no-primitive-roles", "a narrow one", member(READER)),
    passes(
        "gcp-iam-no-primitive-roles",
        "viewers by setting",
        member("roles/viewer"),
        roles=["roles/owner"],
    ),
    passes("gcp-iam-no-primitive-roles", "a whole policy", policy((READER, TEAM))),
    undecided(
        "gcp-iam-no-primitive-roles",
        "not known",
        cloud("gcp:projects/iAMPolicy:IAMPolicy", project="p", policyData=UNKNOWN),
    ),
    fails("gcp-iam-no-primitive-roles", "owner", member("roles/owner")),
    fails(
        "gcp-iam-no-primitive-roles",
        "editors",
        binding("roles/editor", ROBOT, on="folder/iAMBinding:IAMBinding"),
    ),
    fails(
        "gcp-iam-no-primitive-roles",
        "in a whole policy",
        policy((READER, TEAM), ("roles/viewer", TEAM)),
    ),
    fails("gcp-iam-no-primitive-roles", "of one not known yet", member("roles/editor", UNKNOWN)),
    passes("gcp-iam-no-project-wide-impersonation", "another", member(READER)),
    passes(
        "gcp-iam-no-project-wide-impersonation", "of one account", used_by(TEAM, role=IMPERSONATE)
    ),
    passes("gcp-iam-no-project-wide-impersonation", "a whole policy", policy((READER, TEAM))),
    fails("gcp-iam-no-project-wide-impersonation", "tokens", member(IMPERSONATE)),
    fails(
        "gcp-iam-no-project-wide-impersonation",
        "use",
        binding("roles/iam.serviceAccountUser", TEAM),
    ),
    fails(
        "gcp-iam-no-project-wide-impersonation", "in a whole policy", policy((IMPERSONATE, TEAM))
    ),
    passes("gcp-iam-no-administrator-accounts", "people", member("roles/container.admin")),
    passes("gcp-iam-no-administrator-accounts", "a narrow one", member(READER, ROBOT)),
    passes("gcp-iam-no-administrator-accounts", "nobody", binding("roles/storage.admin")),
    undecided(
        "gcp-iam-no-administrator-accounts", "not known", member("roles/storage.admin", UNKNOWN)
    ),
    fails("gcp-iam-no-administrator-accounts", "a service", member("roles/storage.admin", ROBOT)),
    fails(
        "gcp-iam-no-administrator-accounts",
        "among people",
        binding("roles/container.clusterAdmin", TEAM, ROBOT),
    ),
    fails(
        "gcp-iam-no-administrator-accounts",
        "in a whole policy",
        policy(("roles/cloudsql.admin", ROBOT)),
    ),
]

PUBLIC = [
    passes("gcp-iam-not-public", "a group", of_bucket(TEAM)),
    passes("gcp-iam-not-public", "a domain", binding(READER, "domain:example.com")),
    passes(
        "gcp-iam-not-public",
        "callers by setting",
        cloud(
            "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
            name="web",
            role="roles/run.invoker",
            member="allUsers",
        ),
        roles=["roles/run.invoker"],
    ),
    passes(
        "gcp-iam-not-public",
        "a list for one",
        cloud(
            "gcp:storage/bucketAccessControl:BucketAccessControl",
            bucket="models",
            entity="user-a@example.com",
            role="READER",
        ),
    ),
    passes("gcp-iam-not-public", "one whom the deployment makes", of_bucket(UNKNOWN)),
    undecided(
        "gcp-iam-not-public",
        "not known",
        cloud("gcp:projects/iAMPolicy:IAMPolicy", project="p", policyData=UNKNOWN),
    ),
    fails(
        "gcp-iam-not-public",
        "beside one whom the deployment makes",
        binding(READER, UNKNOWN, "allUsers"),
    ),
    fails("gcp-iam-not-public", "a bucket", of_bucket("allUsers")),
    fails(
        "gcp-iam-not-public", "anybody who signs in", binding(READER, TEAM, "allAuthenticatedUsers")
    ),
    fails("gcp-iam-not-public", "in a whole policy", policy((READER, "allUsers"))),
    fails(
        "gcp-iam-not-public",
        "a key",
        cloud(
            "gcp:kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding",
            cryptoKeyId="k",
            role="roles/cloudkms.cryptoKeyDecrypter",
            members=["allUsers"],
        ),
    ),
    fails(
        "gcp-iam-not-public",
        "by a list",
        cloud(
            "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
            bucket="models",
            entity="allUsers",
            role="READER",
        ),
    ),
    fails(
        "gcp-iam-not-public",
        "by entries of a list",
        cloud("gcp:storage/bucketACL:BucketACL", bucket="a", roleEntities=["READER:allUsers"]),
    ),
    fails(
        "gcp-iam-not-public",
        "by a named list",
        cloud("gcp:storage/bucketACL:BucketACL", bucket="a", predefinedAcl="publicRead"),
    ),
]

ACCOUNTS = [
    passes("gcp-iam-no-account-keys", "an account", account()),
    passes("gcp-iam-no-account-keys", "a user", used_by(TEAM)),
    passes("gcp-iam-no-account-keys", "a role", member(READER)),
    fails(
        "gcp-iam-no-account-keys",
        "a key",
        cloud("gcp:serviceaccount/key:Key", serviceAccountId="a"),
    ),
    fails(
        "gcp-iam-no-account-keys",
        "of an account that is made",
        cloud("gcp:serviceaccount/key:Key", derived={"serviceAccountId": account()}),
    ),
    fails(
        "gcp-iam-no-account-keys",
        "brought along",
        cloud("gcp:serviceaccount/key:Key", serviceAccountId="a", publicKeyData="MII"),
    ),
    passes("gcp-iam-one-workload", "one", account(), used_by(pods("churn"))),
    passes(
        "gcp-iam-one-workload",
        "people besides",
        account(),
        used_by(pods("churn")),
        used_by(TEAM, "people", role=IMPERSONATE),
    ),
    passes(
        "gcp-iam-one-workload",
        "one each",
        account(),
        account("fraud"),
        used_by(pods("churn")),
        used_by(pods("fraud"), "other", account("fraud")),
    ),
    fails(
        "gcp-iam-one-workload",
        "two",
        account(),
        used_by(pods("churn")),
        used_by(pods("fraud"), "other"),
    ),
    fails(
        "gcp-iam-one-workload",
        "two in a binding",
        account(),
        cloud(
            "gcp:serviceaccount/iAMBinding:IAMBinding",
            derived={"serviceAccountId": account()},
            role=IDENTITY,
            members=[pods("churn"), pods("fraud")],
        ),
    ),
    fails(
        "gcp-iam-one-workload",
        "everybody in a pool",
        account(),
        used_by("principalSet://iam.googleapis.com/projects/1/locations/global/pools/github/*"),
    ),
]

CASES: list[Case] = [*ROLES, *PUBLIC, *ACCOUNTS]
