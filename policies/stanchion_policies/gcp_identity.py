"""Rights in Google Cloud: who has which role where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from stanchion_policies.linking import belonging
from stanchion_policies.reading import get, items, parsed, text, texts
from stanchion_policies.rules import (
    Settings,
    Severity,
    cis_gcp,
    cis_gke,
    resource_policy,
    stack_policy,
    strings,
)
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.unknown import UnknownValueError

ACCOUNT = "gcp:serviceaccount/account:Account"
ACCOUNT_KEY = "gcp:serviceaccount/key:Key"


def _tokens(*stems: str) -> tuple[str, ...]:
    """The types that bind a member, all members of a role, or everything, for `projects/iAM`."""
    return tuple(
        f"gcp:{module}/{name}{kind}:{name[0].upper()}{name[1:]}{kind}"
        for module, _, name in (stem.partition("/") for stem in stems)
        for kind in ("Member", "Binding", "Policy")
    )


WIDE = _tokens("projects/iAM", "folder/iAM", "organizations/iAM")
"""Bindings that reach everything in a project or above it."""

NARROW = _tokens(
    "artifactregistry/repositoryIam",
    "bigquery/datasetIam",
    "bigquery/iam",
    "cloudfunctions/functionIam",
    "cloudfunctionsv2/functionIam",
    "cloudrun/iam",
    "cloudrunv2/jobIam",
    "cloudrunv2/serviceIam",
    "compute/diskIam",
    "compute/imageIam",
    "compute/instanceIAM",
    "compute/subnetworkIAM",
    "kms/cryptoKeyIAM",
    "kms/keyRingIAM",
    "pubsub/subscriptionIAM",
    "pubsub/topicIAM",
    "secretmanager/regionalSecretIam",
    "secretmanager/secretIam",
    "serviceaccount/iAM",
    "storage/bucketIAM",
)
ACCESS_CONTROLS = (
    "gcp:storage/bucketAccessControl:BucketAccessControl",
    "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
    "gcp:storage/objectAccessControl:ObjectAccessControl",
)
PREDEFINED = ("gcp:storage/bucketACL:BucketACL", "gcp:storage/objectACL:ObjectACL")
"""Access lists that may be one of Google's own by name."""

ACCESS_LISTS = (*ACCESS_CONTROLS, *PREDEFINED, "gcp:storage/defaultObjectACL:DefaultObjectACL")
ON_ACCOUNTS = _tokens("serviceaccount/iAM")
EVERYBODY = ("allUsers", "allAuthenticatedUsers")
IMPERSONATION = ("roles/iam.serviceAccountUser", "roles/iam.serviceAccountTokenCreator")
UNKNOWN_MEMBER = "Who it is that the deployment makes is known, and judged, before it is bound."


class Binding(NamedTuple):
    """A role and who has it.

    Attributes:
        place: Where a resource says so, for messages; empty where it says nothing else.
        role: The role.
        holder: What holds the members.
        single: Whether that is one `member`, not `members`.
    """

    place: str
    role: str
    holder: Any
    single: bool = False

    @property
    def members(self) -> Sequence[str]:
        """Who has the role.

        Raises:
            UnknownValueError: That is not known yet.
        """
        return [text(self.holder, "member")] if self.single else texts(self.holder, "members")

    @property
    def known_members(self) -> Sequence[str | None]:
        """Who has the role; None for each who is not known yet."""
        try:
            listed = [get(self.holder, "member")] if self.single else items(self.holder, "members")
        except UnknownValueError:
            return [None]
        return [_known_at(listed, place) for place in range(len(listed))]


def _known_at(listed: Sequence[Any], place: int) -> str | None:
    try:
        return str(listed[place])
    except UnknownValueError:
        return None


def bindings(item: CloudResource) -> Iterator[Binding]:
    """What an IAM resource of any kind binds: one member, a role's, or a whole policy."""
    if not item.type.endswith("Policy"):
        yield Binding("", text(item.props, "role"), item.props, item.type.endswith("Member"))
        return
    for place, body in enumerate(items(parsed(item.props, "policyData"), "bindings")):
        yield Binding(f"policyData.bindings[{place}]: ", text(body, "role"), body)


@resource_policy(
    "gcp-iam-no-primitive-roles",
    kinds=WIDE,
    severity=Severity.HIGH,
    fix="Grant the predefined role of the service, on the resource that it is needed for.",
    settings={
        "roles": strings(
            "Roles that nobody is given.", "roles/owner", "roles/editor", "roles/viewer"
        )
    },
    may_wait=UNKNOWN_MEMBER,
)
def no_primitive_roles(item: CloudResource, settings: Settings) -> Iterator[str]:
    """Nobody has a role over every service of a project."""
    for binding in bindings(item):
        if binding.role in settings.strings("roles"):
            yield f"{binding.place}grants {binding.role}, which is rights in every service"


@resource_policy(
    "gcp-iam-not-public",
    kinds=(*WIDE, *NARROW, *ACCESS_LISTS),
    severity=Severity.CRITICAL,
    fix="Name the accounts, groups or domains that need the role.",
    framework=cis_gcp("1.9, 5.1"),
    settings={"roles": strings("Roles that everybody may have, `roles/run.invoker` for instance.")},
    may_wait=UNKNOWN_MEMBER,
)
def not_public(item: CloudResource, settings: Settings) -> Iterator[str]:
    """Nothing is everybody's.

    A member that is not known yet is none of those: they are no output of any resource.
    """
    if item.type in ACCESS_LISTS:
        if any(map(_is_open, _entities(item))):
            yield "gives everybody access; name who needs it"
        return
    for binding in bindings(item):
        if binding.role in settings.strings("roles"):
            continue
        for member in binding.known_members:
            if member in EVERYBODY:
                yield f"{binding.place}grants {binding.role} to {member}; name who needs it"


def _entities(item: CloudResource) -> Iterator[str]:
    """Whom an access list lets in, or the named list that it is."""
    if item.type in ACCESS_CONTROLS:
        yield text(item.props, "entity")
        return
    for entry in texts(item.props, "roleEntities"):
        yield entry.rpartition(":")[2]
    if item.type in PREDEFINED:
        yield text(item.props, "predefinedAcl")


def _is_open(entity: str) -> bool:
    return entity in EVERYBODY or entity.startswith(("public", "authenticated"))


@resource_policy(
    "gcp-iam-no-project-wide-impersonation",
    kinds=WIDE,
    severity=Severity.HIGH,
    fix="Grant the role on the one service account that is to be used.",
    framework=cis_gcp("1.6"),
    may_wait=UNKNOWN_MEMBER,
)
def no_impersonation(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """Nobody may act as every service account of a project."""
    for binding in bindings(item):
        if binding.role in IMPERSONATION:
            yield f"{binding.place}grants {binding.role} on every service account there is"


@resource_policy(
    "gcp-iam-no-administrator-accounts",
    kinds=WIDE,
    severity=Severity.HIGH,
    fix="Grant the account the narrower role that its work needs.",
    framework=cis_gcp("1.5"),
    may_wait=UNKNOWN_MEMBER,
)
def no_administrator_accounts(item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No service account administers a project's service."""
    for binding in bindings(item):
        if not binding.role.lower().endswith("admin"):
            continue
        if any(member.startswith("serviceAccount:") for member in binding.members):
            yield f"{binding.place}grants {binding.role} to a service account"


@resource_policy(
    "gcp-iam-no-account-keys",
    kinds=(ACCOUNT_KEY,),
    severity=Severity.HIGH,
    fix="Use Workload Identity Federation, in the cluster and in pipelines.",
    framework=cis_gcp("1.4"),
)
def no_account_keys(_item: CloudResource, _settings: Settings) -> Iterator[str]:
    """No service account has keys that can be carried away."""
    yield "is a credential that never expires, and lies in the state"


@stack_policy(
    "gcp-iam-one-workload",
    kinds=(ACCOUNT,),
    severity=Severity.MEDIUM,
    fix="Make a service account for each workload, with the rights that it needs.",
    framework=cis_gke("5.2.2"),
)
def one_workload(item: CloudResource, stack: Stack, _settings: Settings) -> Iterator[str]:
    """A service account is one workload's, so that rights are no more than that one's."""
    workloads = {
        member if member is not None else bound.title
        for bound in belonging(stack, item, "serviceAccountId", *ON_ACCOUNTS, named="id")
        for binding in bindings(bound)
        if binding.role == "roles/iam.workloadIdentityUser"
        for member in binding.known_members
    }
    if len(workloads) > 1:
        yield f"is used by {' and '.join(sorted(workloads))}; give each an account of its own"
    for member in workloads:
        if member.startswith("principalSet://") and member.endswith("/*"):
            yield f"is used by {member}, which is everybody whom the pool lets in"
