"""Cases of the policies about rights in an AWS account."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.cloud_resources import ACCOUNT, allow, cloud, document, trusts
from policies.manifests import UNKNOWN
from stanchion_cli.policies import AnalyzedResource

MODELS = "arn:aws:s3:::models/*"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OIDC = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks"}
GITHUB = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"}
PODS = trusts({"Service": "pods.eks.amazonaws.com"})
WEB = "sts:AssumeRoleWithWebIdentity"
CHURN = "system:serviceaccount:ml:churn"


def policy(*statements: Any, kind: str = "rolePolicy:RolePolicy") -> AnalyzedResource:
    """A policy with some statements."""
    holder: dict[str, dict[str, Any]] = {
        "rolePolicy": {"role": "a"},
        "userPolicy": {"user": "a"},
        "groupPolicy": {"group": "a"},
    }
    return cloud(
        f"aws:iam/{kind}", **holder.get(kind.partition(":")[0], {}), policy=document(*statements)
    )


def role(trust: Any = PODS, name: str = "churn", **props: Any) -> AnalyzedResource:
    return cloud("aws:iam/role:Role", name, assumeRolePolicy=trust, **props)


def web(*subjects: str, operator: str = "StringEquals", principal: Any = OIDC) -> str:
    """Trust in tokens whose subject is one of some."""
    return trusts(principal, WEB, **{operator: {"oidc.eks:sub": list(subjects)}})


def attached(arn: Any, who: str = "role") -> AnalyzedResource:
    kind = f"{who}PolicyAttachment"
    token = f"aws:iam/{kind}:{kind[0].upper()}{kind[1:]}"
    names: dict[str, Any] = {who: "a"}
    return cloud(token, **names, policyArn=arn)


def association(account: str, of: AnalyzedResource | None = None, **props: Any) -> AnalyzedResource:
    """What lets a service account take on a role."""
    return cloud(
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        account,
        derived={"roleArn": of or role()},
        **{"clusterName": "ml", "namespace": "ml", "serviceAccount": account, **props},
    )


RIGHTS = [
    passes("aws-iam-no-wildcards", "listed", policy(allow("s3:GetObject", MODELS))),
    passes("aws-iam-no-wildcards", "every action on one thing", policy(allow("s3:*", MODELS))),
    passes("aws-iam-no-wildcards", "some actions on everything", policy(allow("ec2:Describe*"))),
    passes(
        "aws-iam-no-wildcards", "denied", policy({"Effect": "Deny", "Action": "*", "Resource": "*"})
    ),
    undecided("aws-iam-no-wildcards", "not known", cloud("aws:iam/policy:Policy", policy=UNKNOWN)),
    fails("aws-iam-no-wildcards", "everything", policy(allow("*"))),
    fails(
        "aws-iam-no-wildcards", "a service", policy(allow(["s3:*"], ["*"]), kind="policy:Policy")
    ),
    fails("aws-iam-no-wildcards", "every bucket", policy(allow("s3:*", "arn:aws:s3:::*"))),
    fails(
        "aws-iam-no-wildcards",
        "all but some, of a user",
        policy(
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, kind="userPolicy:UserPolicy"
        ),
    ),
    fails(
        "aws-iam-no-wildcards",
        "inline",
        role(inlinePolicies=[{"name": "a", "policy": document(allow("sqs:*"))}]),
    ),
    fails(
        "aws-iam-no-wildcards",
        "one statement that is no list",
        cloud(
            "aws:iam/policy:Policy",
            policy='{"Statement": {"Effect":"Allow","Action":"*:*","Resource":"*"}}',
        ),
    ),
    passes(
        "aws-iam-no-escalation",
        "one role passed",
        policy(allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/nodes")),
    ),
    passes(
        "aws-iam-no-escalation",
        "to one service only",
        policy(
            allow(
                "iam:PassRole",
                Condition={"StringEquals": {"iam:PassedToService": "eks.amazonaws.com"}},
            )
        ),
    ),
    passes("aws-iam-no-escalation", "reading", policy(allow(["iam:Get*", "iam:List*"]))),
    undecided(
        "aws-iam-no-escalation",
        "not known",
        cloud("aws:iam/rolePolicy:RolePolicy", role="a", policy=UNKNOWN),
    ),
    fails("aws-iam-no-escalation", "any role passed", policy(allow("iam:PassRole"))),
    fails(
        "aws-iam-no-escalation",
        "by a pattern",
        policy(allow("iam:*", f"arn:aws:iam::{ACCOUNT}:role/*")),
    ),
    fails("aws-iam-no-escalation", "in capitals", policy(allow(["IAM:CREATEPOLICYVERSION"]))),
    fails("aws-iam-no-escalation", "any role taken on", policy(allow("sts:Assume*"))),
    passes(
        "aws-iam-no-administrators",
        "a narrow one",
        attached("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
    ),
    passes(
        "aws-iam-no-administrators",
        "one's own",
        attached(f"arn:aws:iam::{ACCOUNT}:policy/AdministratorAccess"),
    ),
    passes("aws-iam-no-administrators", "one that the deployment makes", attached(UNKNOWN)),
    passes(
        "aws-iam-no-administrators",
        "by setting",
        attached(ADMINISTRATOR),
        policies=["PowerUserAccess"],
    ),
    fails("aws-iam-no-administrators", "attached", attached(ADMINISTRATOR)),
    fails("aws-iam-no-administrators", "to a user", attached(ADMINISTRATOR, "user")),
    fails("aws-iam-no-administrators", "in a role", role(managedPolicyArns=[ADMINISTRATOR])),
    fails(
        "aws-iam-no-administrators",
        "in another partition",
        attached("arn:aws-cn:iam::aws:policy/IAMFullAccess", "group"),
    ),
]

TRUST = [
    passes("aws-iam-trust", "a service", role()),
    passes("aws-iam-trust", "one service account", role(web(CHURN))),
    passes(
        "aws-iam-trust",
        "a repository",
        role(web("repo:org/platform:*", operator="StringLike", principal=GITHUB)),
    ),
    passes(
        "aws-iam-trust",
        "an organization",
        role(trusts({"AWS": "*"}, StringEquals={"aws:PrincipalOrgID": "o-1"})),
    ),
    passes(
        "aws-iam-trust",
        "an identity pool, which has no subjects",
        role(
            trusts(
                {"Federated": "cognito-identity.amazonaws.com"},
                WEB,
                StringEquals={"cognito-identity.amazonaws.com:aud": "pool"},
            )
        ),
    ),
    passes(
        "aws-iam-trust",
        "one of two repositories",
        role(web("repo:a/b:*", "repo:a/c:*", operator="ForAnyValue:StringLike", principal=GITHUB)),
    ),
    undecided("aws-iam-trust", "not known", role(UNKNOWN)),
    fails("aws-iam-trust", "everybody", role(trusts("*"))),
    fails("aws-iam-trust", "any account", role(trusts({"AWS": ["*"]}))),
    fails("aws-iam-trust", "any token", role(trusts(OIDC, WEB))),
    fails(
        "aws-iam-trust",
        "any token for the audience",
        role(trusts(OIDC, WEB, StringEquals={"oidc.eks:aud": "sts.amazonaws.com"})),
    ),
    fails(
        "aws-iam-trust",
        "any account of a namespace",
        role(web("system:serviceaccount:ml:*", operator="StringLike")),
    ),
    fails(
        "aws-iam-trust",
        "any repository",
        role(web("repo:*", operator="StringLike", principal=GITHUB)),
    ),
    fails(
        "aws-iam-trust",
        "any repository of an organization",
        role(web("repo:org/*", operator="StringLike", principal=GITHUB)),
    ),
    passes("aws-iam-one-workload", "one", role(), association("churn")),
    passes("aws-iam-one-workload", "one by token", role(web(CHURN))),
    passes(
        "aws-iam-one-workload",
        "one each",
        role(),
        role(name="fraud"),
        association("churn"),
        association("fraud", role(name="fraud")),
    ),
    passes(
        "aws-iam-one-workload",
        "one in two clusters",
        role(),
        association("churn"),
        cloud(
            "aws:eks/podIdentityAssociation:PodIdentityAssociation",
            "second",
            derived={"roleArn": role()},
            clusterName="other",
            namespace="ml",
            serviceAccount="churn",
        ),
    ),
    fails("aws-iam-one-workload", "two", role(), association("churn"), association("fraud")),
    fails(
        "aws-iam-one-workload",
        "two by token",
        role(web(CHURN, "system:serviceaccount:ml:fraud")),
    ),
    fails(
        "aws-iam-one-workload",
        "one either way",
        role(web(CHURN)),
        association("fraud", role(web(CHURN))),
    ),
]

PEOPLE = [
    passes("aws-iam-no-access-keys", "a role", role()),
    passes("aws-iam-no-access-keys", "a user", cloud("aws:iam/user:User")),
    passes("aws-iam-no-access-keys", "a policy", policy()),
    fails("aws-iam-no-access-keys", "a key", cloud("aws:iam/accessKey:AccessKey", user="ci")),
    fails(
        "aws-iam-no-access-keys",
        "not known whose",
        cloud("aws:iam/accessKey:AccessKey", user=UNKNOWN),
    ),
    fails(
        "aws-iam-no-access-keys",
        "not in use",
        cloud("aws:iam/accessKey:AccessKey", user="ci", status="Inactive"),
    ),
    passes("aws-iam-rights-by-group", "a group", attached(ADMINISTRATOR, "group")),
    passes("aws-iam-rights-by-group", "a role", attached(ADMINISTRATOR)),
    passes("aws-iam-rights-by-group", "a group's own", policy(kind="groupPolicy:GroupPolicy")),
    fails("aws-iam-rights-by-group", "a user's own", policy(kind="userPolicy:UserPolicy")),
    fails(
        "aws-iam-rights-by-group",
        "attached",
        attached("arn:aws:iam::aws:policy/ReadOnlyAccess", "user"),
    ),
    fails("aws-iam-rights-by-group", "not known what", attached(UNKNOWN, "user")),
]

CASES: list[Case] = [*RIGHTS, *TRUST, *PEOPLE]
