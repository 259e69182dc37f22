"""Rights in an AWS account: policies, roles and who may take them on."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from stanchion_policies.aws_documents import Statement, statements
from stanchion_policies.linking import belonging
from stanchion_policies.reading import get, items, known, present, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_aws,
    cis_eks,
    resource_policy,
    stack_policy,
    strings,
)
from stanchion_policies.stack import CloudResource, Stack

ROLE = "aws:iam/role:Role"
ACCESS_KEY = "aws:iam/accessKey:AccessKey"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
IDENTITY_POLICIES = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
    ROLE,
)
USER_POLICIES = (
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
)
ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    ROLE,
)
RESOURCE_POLICIES = (
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketV2:BucketV2",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:sqs/queue:Queue",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sns/topic:Topic",
    "aws:kms/key:Key",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
)
"""Types whose property `policy` says who may use the resource."""

ESCALATING = (
    "iam:passrole",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createpolicyversion",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "sts:assumerole",
)
"""Actions that, allowed on every resource, are a way to any other right."""

NARROWING = ("aws:source", "aws:principal", "aws:vpce", "kms:calleraccount", "sns:endpoint")
"""Beginnings of the condition keys that say who `*` is."""

MATCHES = ("stringequals", "stringlike")
"""Operators that say what a text is, by their beginnings."""

UNKNOWN_DOCUMENT = (
    "A document that names what the deployment makes is known, and judged, before its policy is "
    "made."
)


def _documents(item: CloudResource) -> Iterator[tuple[str, Any]]:
    """The place of each document of rights in a resource, and the document."""
    if item.type == ROLE:
        for place, inline in enumerate(items(item.props, "inlinePolicies")):
            yield f"inlinePolicies[{place}].policy.", get(inline, "policy")
    else:
        yield "policy.", get(item.props, "policy")


def _granting(item: CloudResource) -> Iterator[tuple[str, Statement]]:
    for place, document in _documents(item):
        for statement in statements(document):
            if statement.allows:
                yield f"{place}{statement.place}", statement


def _is_any(resource: str) -> bool:
    """Whether it is every resource, or every one of a service (`arn:aws:s3:::*`)."""
    return resource == "*" or (resource.startswith("arn:") and resource.split(":", 5)[-1] == "*")


@resource_policy(
    "aws-iam-no-wildcards",
    kinds=IDENTITY_POLICIES,
    severity=Severity.HIGH,
    fix="List the actions that are needed, and the ARNs that they are needed on.",
    framework=cis_aws("1.15"),
    may_wait=UNKNOWN_DOCUMENT,
)
def no_wildcards(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No policy allows every action of a service on every resource."""
    for place, statement in _granting(item):
        every = [action for action in statement.actions if action.rpartition(":")[2] == "*"]
        if every and any(map(_is_any, statement.resources)):
            yield f"{place} allows {every[0]} on every resource; list both"


@resource_policy(
    "aws-iam-no-escalation",
    kinds=IDENTITY_POLICIES,
    severity=Severity.HIGH,
    fix="Name the roles that may be passed or changed in Resource.",
    may_wait=UNKNOWN_DOCUMENT,
)
def no_escalation(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No policy opens the way to rights that it does not list."""
    for place, statement in _granting(item):
        if any(True for _ in statement.conditions) or not any(
            _is_any(resource) or resource.endswith((":role/*", ":user/*"))
            for resource in statement.resources
        ):
            continue
        found = [
            action
            for action in ESCALATING
            if any(fnmatchcase(action, pattern) for pattern in statement.actions)
        ]
        if found:
            yield f"{place} allows {found[0]} on whatever there is, a way to any other right"


@resource_policy(
    "aws-iam-no-administrators",
    kinds=ATTACHMENTS,
    severity=Severity.HIGH,
    fix="Attach a policy that lists the rights that are needed.",
    framework=cis_aws("1.15"),
    settings={
        "policies": strings(
            "Names of managed policies that nothing is given.",
            "AdministratorAccess",
            "PowerUserAccess",
            "IAMFullAccess",
        )
    },
)
def no_administrators(item: CloudResource, settings: Settings) -> Iterator[str]:
    """Nothing is given all rights by a managed policy."""
    if item.type == ROLE:
        attached = [("managedPolicyArns", arn) for arn in texts(item.props, "managedPolicyArns")]
    else:
        attached = [("policyArn", str(known(item.props, "policyArn", default="")))]
    for field, arn in attached:
        account, _, path = arn.partition(":policy/")
        if account.endswith(":aws") and path.rpartition("/")[2] in settings.strings("policies"):
            yield f"{field} is {path}; attach a narrower policy"


@resource_policy(
    "aws-iam-trust",
    kinds=(ROLE,),
    severity=Severity.CRITICAL,
    fix="Name the principal; for OpenID Connect limit the token's subject, `:sub`, to one service "
    "account or one repository.",
    framework=cis_eks("5.2.1"),
    may_wait=UNKNOWN_DOCUMENT,
)
def trust(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """A role is taken on by whom it names, not by everybody an issuer knows."""
    for statement in statements(get(item.props, "assumeRolePolicy")):
        if not statement.allows:
            continue
        place = f"assumeRolePolicy.{statement.place}"
        if statement.is_anonymous and not _says_who(statement):
            yield f"{place} trusts everybody; name a principal"
        if _by_token(statement):
            subjects = _subjects(statement)
            if not subjects:
                yield f"{place} takes any token of the issuer; add a condition on its :sub"
            for subject in subjects:
                if _is_open(subject):
                    yield f"{place} takes the subject {subject}, which is more than one workload"


def _by_token(statement: Statement) -> bool:
    """Whether it takes tokens of an OpenID Connect provider of the account's own list."""
    return "sts:assumerolewithwebidentity" in statement.actions and any(
        ":oidc-provider/" in principal for principal in statement.principals.get("Federated", ())
    )


def _subjects(statement: Statement) -> list[str]:
    """What the statement's conditions want a web identity's subject to be."""
    return [
        value
        for operator, key, values in statement.conditions
        if key.endswith(":sub") and operator.rpartition(":")[2].startswith(MATCHES)
        for value in values
    ]


def _is_open(subject: str) -> bool:
    """Whether a pattern of subjects leaves open which service account or repository it is.

    `system:serviceaccount:ml:churn` and `repo:org/name:*` do not.
    """
    if subject.startswith("system:serviceaccount:"):
        return "*" in subject
    return "*" in ":".join(subject.split(":")[:2])


def _says_who(statement: Statement) -> bool:
    return any(key.startswith(NARROWING) for _, key, _ in statement.conditions)


@stack_policy(
    "aws-iam-one-workload",
    kinds=(ROLE,),
    severity=Severity.MEDIUM,
    fix="Make a role for each service account, with the rights that it needs.",
    framework=cis_eks("5.2.1"),
)
def one_workload(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A role is one service account's, so that rights are no more than one workload's."""
    accounts = {
        "/".join(subject.split(":")[2:])
        for statement in statements(known(item.props, "assumeRolePolicy"))
        for subject in _subjects(statement)
        if subject.startswith("system:serviceaccount:")
    }
    for association in belonging(stack, item, "roleArn", ASSOCIATION, named="arn"):
        namespace = known(association.props, "namespace", default=association.title)
        account = known(association.props, "serviceAccount", default=association.title)
        accounts.add(f"{namespace}/{account}")
    if len(accounts) > 1:
        yield f"is taken on by {' and '.join(sorted(accounts))}; give each a role of its own"


@resource_policy(
    "aws-iam-no-access-keys",
    kinds=(ACCESS_KEY,),
    severity=Severity.HIGH,
    fix="Give the workload a role; people sign in through the identity provider.",
)
def no_access_keys(_item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nothing has credentials that do not expire."""
    yield "is a credential that never expires, and its secret lies in the state"


@resource_policy(
    "aws-iam-rights-by-group",
    kinds=USER_POLICIES,
    severity=Severity.LOW,
    fix="Give the rights to a group, or better to a role.",
    framework=cis_aws("1.14"),
)
def rights_by_group(_item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Users have rights through groups only."""
    yield "gives a user rights directly, which nobody finds when the user leaves"


@resource_policy(
    "aws-resource-policy-not-public",
    kinds=RESOURCE_POLICIES,
    severity=Severity.CRITICAL,
    fix="Name the principals, or limit * by a condition such as aws:PrincipalOrgID.",
    may_wait=UNKNOWN_DOCUMENT,
)
def resource_policy_not_public(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No bucket, queue, topic, key, image or secret is everybody's."""
    if not present(item.props, "policy"):
        return
    for statement in statements(get(item.props, "policy")):
        if statement.allows and statement.is_anonymous and not _says_who(statement):
            action = ", ".join(statement.actions[:2])
            yield f"policy.{statement.place} lets everybody {action}; name the principals"
