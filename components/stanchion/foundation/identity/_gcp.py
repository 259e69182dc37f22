"""A service account for GKE's workload identity."""

import re

import pulumi
import pulumi_gcp as gcp

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.identity.contract import (
    Grant,
    GrantKind,
    WorkloadIdentityArgs,
    WorkloadIdentityBackend,
    WorkloadIdentityParts,
    check_forms,
    cloud_name,
)

ROLES = {
    GrantKind.BUCKET_READ: "roles/storage.objectViewer",
    GrantKind.BUCKET_WRITE: "roles/storage.objectUser",
    GrantKind.SECRET_READ: "roles/secretmanager.secretAccessor",
    GrantKind.IMAGE_PULL: "roles/artifactregistry.reader",
}
LONGEST_ACCOUNT = 30
_BUCKET = (re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"), "the name of a bucket")
_FORMS = {
    GrantKind.BUCKET_READ: _BUCKET,
    GrantKind.BUCKET_WRITE: _BUCKET,
    GrantKind.SECRET_READ: (
        re.compile(r"(projects/[^/]+/secrets/)?[A-Za-z0-9_-]{1,255}"),
        "the ID of a secret",
    ),
    GrantKind.IMAGE_PULL: (
        re.compile(r"projects/[^/]+/locations/[^/]+/repositories/[^/]+"),
        "projects/PROJECT/locations/LOCATION/repositories/NAME",
    ),
}


class GcpWorkloadIdentity:
    """A service account that GKE lets the pods of one Kubernetes service account use."""

    def check(self, check: Checks, args: WorkloadIdentityArgs) -> None:
        """Resources are named as their services need it."""
        check_forms(check, args["grants"], _FORMS)

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: WorkloadIdentityArgs,
        opts: pulumi.ResourceOptions | None,
    ) -> WorkloadIdentityParts:
        """Service account, who may use it, and its rights on each resource."""
        project = args["location"]["account"]
        namespace, kubernetes_account = args["namespace"], args["service_account"]
        child = child_options(parent, opts)
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=cloud_name(args, LONGEST_ACCOUNT),
            display_name=f"Pods of {namespace}/{kubernetes_account}",
            project=project,
            opts=child,
        )
        pods = f"[{namespace}/{kubernetes_account}]"
        used = gcp.serviceaccount.IAMMember(
            f"{name}-user",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.concat(
                "serviceAccount:", args["cluster"]["identity_provider"], pods
            ),
            opts=child,
        )
        member = pulumi.Output.concat("serviceAccount:", account.email)
        for grant in args["grants"]:
            _allow(f"{name}-may-{grant['name']}", grant, member, project, child)
        principal = pulumi.Output.all(account.email, used.member).apply(lambda known: str(known[0]))
        return WorkloadIdentityParts(
            annotations=principal.apply(lambda email: {"iam.gke.io/gcp-service-account": email}),
            principal=principal,
        )


def _allow(
    name: str,
    grant: Grant,
    member: pulumi.Output[str],
    project: str,
    opts: pulumi.ResourceOptions,
) -> None:
    role, resource = ROLES[grant["kind"]], grant["resource"]
    match grant["kind"]:
        case GrantKind.BUCKET_READ | GrantKind.BUCKET_WRITE:
            gcp.storage.BucketIAMMember(name, bucket=resource, role=role, member=member, opts=opts)
        case GrantKind.SECRET_READ:
            gcp.secretmanager.SecretIamMember(
                name, secret_id=resource, project=project, role=role, member=member, opts=opts
            )
        case GrantKind.IMAGE_PULL:
            gcp.artifactregistry.RepositoryIamMember(
                name, repository=resource, role=role, member=member, opts=opts
            )


BACKEND: WorkloadIdentityBackend = GcpWorkloadIdentity()
