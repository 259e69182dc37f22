"""What Google Cloud lacks of a platform's controllers."""

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.operators import _gcp_metrics
from stanchion.operators.contract import (
    ON_REQUEST,
    CloudParts,
    Operator,
    OperatorsArgs,
    OperatorsBackend,
    Setting,
)
from stanchion.operators.managed_metrics import PROMETHEUS_ACCOUNT, ManagedMetrics
from stanchion.operators.plans import PLANS
from stanchion.operators.values.security import SECRETS_ACCOUNT

AWS_ALONE = frozenset(
    {
        Operator.AWS_EFA_K8S_DEVICE_PLUGIN,
        Operator.AWS_LOAD_BALANCER_CONTROLLER,
        Operator.ENVOY_GATEWAY,
        Operator.GPU_OPERATOR,
        Operator.KARPENTER,
    }
)
"""GKE makes nodes, load balancers and Gateways itself, and manages driver, device plugin and DCGM
of its GPUs; no two may own those."""
SECRET_ROLE = "roles/secretmanager.secretAccessor"  # noqa: S105 - a role
STORAGE_CLASS = "standard-rwo"
"""Balanced persistent disks, which every GKE cluster has."""
METADATA_SERVERS = (("169.254.169.254", 80), ("169.254.169.252", 988))
"""As pods address it, and where GKE answers on each node."""
IDENTITIES = {
    Operator.EXTERNAL_SECRETS: ("secrets", "External Secrets", SECRETS_ACCOUNT),
    Operator.KUBE_PROMETHEUS_STACK: ("metrics", "Prometheus", PROMETHEUS_ACCOUNT),
}
"""Ends of the names of their service accounts, what they are, and those of their pods."""
_LONGEST_ACCOUNT = 30


class GcpOperators:
    """Everything but what GKE brings itself."""

    offered: frozenset[Operator] = frozenset(Operator) - AWS_ALONE
    defaults: tuple[Operator, ...] = tuple(
        operator for operator in PLANS if operator not in AWS_ALONE | ON_REQUEST
    )

    def check(self, check: Checks, args: OperatorsArgs) -> None:
        """A name that leaves room for those of service accounts."""
        longest = _LONGEST_ACCOUNT - max(len(f"-{part}") for part, _, _ in IDENTITIES.values())
        if len(args["environment"]) > longest:
            check.refuse(
                "environment",
                f"'{args['environment']}' is too long for names of service accounts",
                f"write at most {longest} letters",
            )

    def setting(self, args: OperatorsArgs, enabled: frozenset[Operator]) -> Setting:
        """System nodes as `Cluster` taints them on GKE, whose DNS is its own."""
        return Setting(
            environment=args["environment"],
            owner=args["owner"],
            cost_center=args["cost_center"],
            location=args["location"],
            cluster=args["cluster"],
            enabled=enabled,
            high_availability=args.get("high_availability", False),
            tolerations=(
                {"key": "components.gke.io/gke-managed-components", "operator": "Exists"},
            ),
            storage_class=STORAGE_CLASS,
            core_dns=False,
            identity_endpoints=METADATA_SERVERS,
            metrics=args.get("metrics", {}),
        )

    def build(
        self,
        parent: pulumi.ComponentResource,
        name: str,
        args: OperatorsArgs,
        setting: Setting,
        opts: pulumi.ResourceOptions | None,
    ) -> CloudParts:
        """The identity of External Secrets."""
        project = args["location"]["account"]
        provider = {"gcpsm": {"projectID": project}}
        child, managed = child_options(parent, opts), ManagedMetrics()
        if setting.writes_as_cloud:
            writer, writes = _identity(name, args, Operator.KUBE_PROMETHEUS_STACK, child)
            managed = _gcp_metrics.writer(name, args, writer, writes, child)
        waits = {Operator.KUBE_PROMETHEUS_STACK: managed.waits}
        if Operator.EXTERNAL_SECRETS not in setting.enabled:
            return CloudParts(secret_provider=provider, managed=managed, waits=waits)
        account, used = _identity(name, args, Operator.EXTERNAL_SECRETS, child)
        allowed = gcp.projects.IAMMember(
            f"{name}-secrets-may-read",
            project=project,
            role=SECRET_ROLE,
            member=pulumi.Output.concat("serviceAccount:", account.email),
            condition=gcp.projects.IAMMemberConditionArgs(
                title=f"secrets-of-{args['environment']}",
                description="Secrets whose names begin with the environment's",
                expression=own_secrets(args["environment"]),
            ),
            opts=child,
        )
        annotations: pulumi.Output[Mapping[str, str]] = account.email.apply(
            lambda email: {"iam.gke.io/gcp-service-account": email}
        )
        return CloudParts(
            secret_provider=provider,
            secret_annotations=annotations,
            managed=managed,
            waits={**waits, Operator.EXTERNAL_SECRETS: [used, allowed]},
        )


def _identity(
    name: str, args: OperatorsArgs, operator: Operator, opts: pulumi.ResourceOptions
) -> tuple[gcp.serviceaccount.Account, gcp.serviceaccount.IAMMember]:
    """A service account for the pods of an operator's, and what lets them be it."""
    part, whose, service_account = IDENTITIES[operator]
    account = gcp.serviceaccount.Account(
        f"{name}-{part}-account",
        account_id=f"{args['environment']}-{part}",
        display_name=f"{whose} of {args['environment']}",
        project=args["location"]["account"],
        opts=opts,
    )
    pods = f"[{PLANS[operator].namespace}/{service_account}]"
    used = gcp.serviceaccount.IAMMember(
        f"{name}-{part}-user",
        service_account_id=account.name,
        role="roles/iam.workloadIdentityUser",
        member=pulumi.Output.concat("serviceAccount:", args["cluster"]["identity_provider"], pods),
        opts=opts,
    )
    return account, used


def own_secrets(environment: str) -> str:
    """IAM condition: a version of a secret that the environment's name begins.

    The names of resources that conditions see hold the project's number, which nothing here
    knows: the secret's own name is taken out.
    """
    return (
        'resource.type == "secretmanager.googleapis.com/SecretVersion" && '
        f'resource.name.extract("/secrets/{{name}}/versions").startsWith("{environment}-")'
    )


BACKEND: OperatorsBackend = GcpOperators()
