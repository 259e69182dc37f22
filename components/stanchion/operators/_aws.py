"""What AWS lacks of a platform's controllers, and what they may do there."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from stanchion.checks import Checks
from stanchion.children import child_options
from stanchion.foundation.pod_identity import cluster_arn, pod_trust
from stanchion.foundation.tags import cloud_tags
from stanchion.labels import metadata, selector, standard
from stanchion.operators import _aws_karpenter, _aws_load_balancer, _aws_metrics, _aws_secrets
from stanchion.operators._aws_interruptions import interruptions
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
from stanchion.operators.values.aws import KARPENTER_ACCOUNT, LOAD_BALANCER_ACCOUNT
from stanchion.operators.values.security import SECRETS_ACCOUNT

STORAGE_CLASS = "gp3"
POD_IDENTITY_AGENT = ("169.254.170.23", 80)
IDENTITIES = {
    Operator.KARPENTER: ("karpenter", KARPENTER_ACCOUNT),
    Operator.AWS_LOAD_BALANCER_CONTROLLER: ("load-balancers", LOAD_BALANCER_ACCOUNT),
    Operator.EXTERNAL_SECRETS: ("secrets", SECRETS_ACCOUNT),
    Operator.KUBE_PROMETHEUS_STACK: ("metrics", PROMETHEUS_ACCOUNT),
}
"""Ends of the names of their roles, and their service accounts."""


class AwsOperators:
    """Nodes, load balancers, GPUs, Gateways and a class of volumes: EKS has none of them."""

    offered: frozenset[Operator] = frozenset(Operator)
    defaults: tuple[Operator, ...] = tuple(each for each in PLANS if each not in ON_REQUEST)

    def check(self, check: Checks, args: OperatorsArgs) -> None:
        """Nothing further: every operator is for AWS, and its names are long enough."""

    def setting(self, args: OperatorsArgs, enabled: frozenset[Operator]) -> Setting:
        """System nodes as `Cluster` taints them on EKS."""
        return Setting(
            environment=args["environment"],
            owner=args["owner"],
            cost_center=args["cost_center"],
            location=args["location"],
            cluster=args["cluster"],
            enabled=enabled,
            high_availability=args.get("high_availability", False),
            tolerations=({"key": "CriticalAddonsOnly", "operator": "Exists"},),
            storage_class=STORAGE_CLASS,
            core_dns=True,
            identity_endpoints=(POD_IDENTITY_AGENT,),
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
        """The class of volumes, a role for each that needs one, and Karpenter's queue."""
        child = child_options(parent, opts)
        tags = cloud_tags(
            owner=args["owner"], cost_center=args["cost_center"], environment=args["environment"]
        )
        volumes = _storage_class(name, args, tags, child)
        policies: Mapping[Operator, pulumi.Input[dict[str, Any]]] = {
            Operator.KARPENTER: pulumi.Output.from_input(args["cluster"]["node_role"]).apply(
                lambda role: _aws_karpenter.policy(args["location"], args["environment"], role)
            ),
            Operator.AWS_LOAD_BALANCER_CONTROLLER: _aws_load_balancer.policy(
                args["location"], args["environment"]
            ),
            Operator.EXTERNAL_SECRETS: _aws_secrets.policy(args["location"], args["environment"]),
        }
        waits: dict[Operator, list[pulumi.Resource]] = {
            operator: [_identity(name, args, operator, policy=policy, tags=tags, opts=child)]
            for operator, policy in policies.items()
            if operator in setting.enabled
        }
        if Operator.KARPENTER in setting.enabled:
            waits[Operator.KARPENTER] += interruptions(name, args, tags, child)
        managed = ManagedMetrics()
        if setting.writes_as_cloud:
            managed = _aws_metrics.workspace(
                name,
                args,
                setting.metrics.get("managed", {}),
                tags,
                identity=partial(
                    _identity, name, args, Operator.KUBE_PROMETHEUS_STACK, tags=tags, opts=child
                ),
                held=child_options(parent, opts, keep=args.get("keep", False)),
                plain=child,
            )
        waits[Operator.KUBE_PROMETHEUS_STACK] = [volumes, *managed.waits]
        provider = {"aws": {"service": "SecretsManager", "region": args["location"]["region"]}}
        return CloudParts(secret_provider=provider, managed=managed, waits=waits)


def _identity(
    name: str,
    args: OperatorsArgs,
    operator: Operator,
    *,
    policy: pulumi.Input[dict[str, Any]],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.eks.PodIdentityAssociation:
    """A role for the pods of an operator's service account, complete with its rights."""
    location, cluster = args["location"], args["cluster"]["name"]
    part, service_account = IDENTITIES[operator]
    namespace = PLANS[operator].namespace
    role = aws.iam.Role(
        f"{name}-{operator}-role",
        name=f"{args['environment']}-{part}",
        description=f"Pods of {namespace}/{service_account} in {cluster}",
        assume_role_policy=pod_trust(
            account=location["account"],
            cluster=cluster_arn(location["region"], location["account"], cluster),
            namespace=namespace,
            service_account=service_account,
        ),
        tags=tags,
        opts=opts,
    )
    rights = aws.iam.RolePolicy(
        f"{name}-{operator}-policy",
        name="controller",
        role=role.name,
        policy=pulumi.Output.from_input(policy).apply(
            lambda known: json.dumps(known, separators=(",", ":"))
        ),
        opts=opts,
    )
    return aws.eks.PodIdentityAssociation(
        f"{name}-{operator}-association",
        cluster_name=cluster,
        namespace=namespace,
        service_account=service_account,
        role_arn=role.arn,
        tags=tags,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[rights])),
    )


def _storage_class(
    name: str, args: OperatorsArgs, tags: Mapping[str, str], opts: pulumi.ResourceOptions
) -> k8s.storage.v1.StorageClass:
    """The default class: an EKS cluster comes without one."""
    tagged = {
        f"tagSpecification_{at}": f"{key}={value}"
        for at, (key, value) in enumerate(sorted(tags.items()), start=1)
    }
    return k8s.storage.v1.StorageClass(
        f"{name}-storage-class",
        metadata=metadata(
            STORAGE_CLASS,
            None,
            standard(
                selector("storage", args["environment"]),
                owner=args["owner"],
                cost_center=args["cost_center"],
            ),
            {"storageclass.kubernetes.io/is-default-class": "true"},
        ),
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true", **tagged},
        volume_binding_mode="WaitForFirstConsumer",
        reclaim_policy="Delete",
        allow_volume_expansion=True,
        opts=opts,
    )


BACKEND: OperatorsBackend = AwsOperators()
