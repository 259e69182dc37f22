"""Who a workload is to its cloud, and the little it may do there."""

import pulumi

from stanchion.checks import Checks
from stanchion.foundation.cloud import choose
from stanchion.foundation.identity.contract import (
    Grant,
    GrantKind,
    WorkloadIdentityArgs,
    WorkloadIdentityBackend,
)
from stanchion.foundation.location import check_location

__all__ = ["Grant", "GrantKind", "WorkloadIdentity", "WorkloadIdentityArgs"]


class WorkloadIdentity(pulumi.ComponentResource):
    """One narrow identity for the pods of one Kubernetes service account, without keys.

    Rights are on single resources, never on a project or account. It deliberately makes no
    Kubernetes service account: the workload's component does, with `annotations`. On GKE,
    identities are the project's: a service account of the same name and namespace in another
    cluster of the project is the same one.
    """

    annotations: pulumi.Output[dict[str, str]]
    """Annotations for the Kubernetes service account; empty on AWS, which needs none."""
    principal: pulumi.Output[str]
    """ARN of the role on AWS; email of the service account on GCP."""

    def __init__(
        self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        check = Checks("WorkloadIdentity", name)
        args = check.arguments(WorkloadIdentityArgs, args)
        backend: WorkloadIdentityBackend = choose(check, args["location"]["cloud"], __name__)
        check_location(check, args["location"])
        for field in ("environment", "namespace", "service_account"):
            check.name(field, args[field])
        check.label("owner", args["owner"])
        check.label("cost_center", args["cost_center"])
        _check_grants(check, args["grants"])
        backend.check(check, args)
        check.done()
        super().__init__("stanchion:index:WorkloadIdentity", name, {}, opts)

        parts = backend.build(self, name, args, opts)
        self.annotations = parts.annotations
        self.principal = parts.principal
        self.register_outputs({"annotations": self.annotations, "principal": self.principal})


def _check_grants(check: Checks, grants: list[Grant]) -> None:
    if not grants:
        check.refuse(
            "grants", "is empty, so the workload needs no identity", "name a grant, or leave it out"
        )
    check.unique("grants", [grant["name"] for grant in grants])
    for at, grant in enumerate(grants):
        check.name(f"grants[{at}].name", grant["name"])
        if isinstance(grant["resource"], str) and "*" in grant["resource"]:
            check.refuse(
                f"grants[{at}].resource",
                f"'{grant['resource']}' is more than one resource",
                "write a grant for each",
            )
        if "key" in grant and grant["kind"] is GrantKind.IMAGE_PULL:
            check.refuse(
                f"grants[{at}].key",
                f"is given, and kind {grant['kind']} needs none: the registry itself decrypts",
                "remove it",
            )
