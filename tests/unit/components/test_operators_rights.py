"""What the controllers of `Operators` may do in their clouds."""

from __future__ import annotations

import fnmatch
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
import stanchion
from stanchion import Operator
from stanchion.foundation.database.contract import server_name
from stanchion.foundation.tags import cloud_tags
from stanchion.operators._aws import IDENTITIES
from stanchion.operators._aws_iam import ANYWHERE
from stanchion.operators._aws_interruptions import EVENTS
from stanchion.operators.plans import PLANS
from unit.components.test_cluster import AWS as AWS_CLUSTER
from unit.components.test_cluster import cluster, the
from unit.components.test_operators import AWS, GCP, named, operators, releases
from unit.components.world import Registered, World, deploy

ROLES = {
    "prod-aws-karpenter": ("kube-system", "karpenter"),
    "prod-aws-load-balancers": ("aws-load-balancer-controller", "aws-load-balancer-controller"),
    "prod-aws-secrets": ("external-secrets", "external-secrets"),
}
"""Every role, and whose pods may take it."""
SERVICES = {"elasticloadbalancing": "elbv2"}
"""Models of botocore that are not called as IAM calls the service."""
NOT_AN_OPERATION = {"iam:PassRole"}
"""Of IAM alone: no request of its own."""
INLINE_LIMIT = 10_240
"""Characters that IAM allows for the inline policies of a role."""
SHARED = {
    "arn:aws:ec2:eu-west-1::image/*": "Amazon's images",
    "arn:aws:ec2:eu-west-1::snapshot/*": "their snapshots",
    "arn:aws:ec2:eu-west-1:*:capacity-reservation/*": "reservations shared by another account",
    "arn:aws:ec2:eu-west-1:*:placement-group/*": "groups shared by another account",
    "arn:aws:ssm:eu-west-1::parameter/aws/service/*": "AWS' own parameters",
}
"""Resources that are not the account's."""
CHANGES = {
    "prod-aws-karpenter": {
        "ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateTags",
        "ec2:DeleteLaunchTemplate", "ec2:RunInstances", "ec2:TerminateInstances",
        "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile",
        "iam:PassRole", "iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile",
        "sqs:DeleteMessage", "sqs:ReceiveMessage",
    },
    "prod-aws-load-balancers": {
        "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateSecurityGroup", "ec2:CreateTags",
        "ec2:DeleteSecurityGroup", "ec2:DeleteTags", "ec2:RevokeSecurityGroupIngress",
        "elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:CreateRule", "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:DeleteRule", "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:ModifyCapacityReservation", "elasticloadbalancing:ModifyIpPools",
        "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyListenerAttributes",
        "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:RemoveListenerCertificates", "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetIpAddressType", "elasticloadbalancing:SetRulePriorities",
        "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
        "iam:CreateServiceLinkedRole",
    },
    "prod-aws-secrets": {"kms:Decrypt"},
}  # fmt: skip
"""What each role may do that is more than to look."""
UNCONDITIONAL = {
    # No tag is there yet, or the makers' own policy has none.
    "ec2:CreateSecurityGroup", "ec2:RunInstances", "ec2:CreateFleet",
    *(
        f"elasticloadbalancing:{action}"
        for action in (
            "AddListenerCertificates", "AddTags", "CreateRule", "DeleteListener", "DeleteRule",
            "ModifyListener", "ModifyRule", "RemoveListenerCertificates", "RemoveTags",
            "SetRulePriorities",
        )
    ),
    # On the one queue.
    "sqs:DeleteMessage", "sqs:ReceiveMessage",
}  # fmt: skip
"""Changes that some statement allows without a condition, on resources of the account."""
_READS = re.compile(r"[a-z0-9-]+:(Describe|Get|List)[A-Za-z]+")


@cache
def world(cloud: str) -> World:
    return operators({"aws": AWS, "gcp": GCP}[cloud])


def policies() -> dict[str, list[dict[str, Any]]]:
    """Statements of every role's policy."""
    return {
        r.inputs["role"]: json.loads(r.inputs["policy"])["Statement"]
        for r in world("aws").resources
        if r.type.endswith(":RolePolicy")
    }


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def rights() -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Role, action, resource and condition, one by one."""
    for role, statements in policies().items():
        for statement in statements:
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield role, action, resource, statement.get("Condition", {})


@cache
def operations(service: str) -> frozenset[str]:
    """Names of a service's operations in botocore's models."""
    folder = Path(botocore.__file__).parent / "data" / SERVICES.get(service, service)
    newest = sorted(folder.iterdir())[-1] / "service-2.json.gz"
    return frozenset(json.loads(gzip.decompress(newest.read_bytes()))["operations"])


def test_there_are_no_roles_but_these_and_each_has_one_policy() -> None:
    assert set(policies()) == set(ROLES)
    attached = [r for r in world("aws").resources if r.type.endswith(":RolePolicyAttachment")]
    assert attached == []


def test_every_action_is_an_operation_of_its_service() -> None:
    actions = {action for _, action, _, _ in rights()} - NOT_AN_OPERATION
    assert len(actions) > 80
    for action in actions:
        service, _, name = action.partition(":")
        assert name in operations(service), action


def test_no_action_is_a_wildcard() -> None:
    assert [action for _, action, _, _ in rights() if "*" in action or "?" in action] == []


def test_on_every_resource_stands_only_what_the_list_gives_a_reason_for() -> None:
    anywhere = {action for _, action, resource, _ in rights() if resource == "*"}
    for action in anywhere:
        assert any(fnmatch.fnmatchcase(action, known) for known in ANYWHERE), action
        assert _READS.fullmatch(action), action
    for known, reason in ANYWHERE.items():
        assert fnmatch.filter(anywhere, known), f"{known} is not needed"
        assert "read" in reason


def test_what_is_no_wildcard_is_the_accounts_own_or_named() -> None:
    used = set()
    for _, action, resource, _ in rights():
        if resource in {"*", *SHARED}:
            used.add(resource)
            continue
        parts = resource.split(":")
        assert parts[:2] == ["arn", "aws"], (action, resource)
        assert parts[3] in {"eu-west-1", ""}, (action, resource)
        assert (parts[3] == "") == (parts[2] == "iam"), (action, resource)
        assert parts[4] == "123456789012", (action, resource)
    assert set(SHARED) <= used


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_changes_what_it_must_and_nothing_else(role: str) -> None:
    changes = {
        action for each, action, _, _ in rights() if each == role and not _READS.fullmatch(action)
    }
    assert changes == CHANGES[role]


def test_a_change_is_bound_to_the_environment_by_a_condition_or_by_its_resource() -> None:
    loose = {
        action
        for _, action, _, condition in rights()
        if not _READS.fullmatch(action) and "prod-aws" not in json.dumps(condition)
    }
    assert loose == UNCONDITIONAL | {"iam:PassRole", "iam:CreateServiceLinkedRole"}


def test_karpenter_starts_nothing_outside_the_environments_subnets_and_group() -> None:
    bound = {
        resource.rpartition(":")[2]: condition["StringEquals"]
        for role, action, resource, condition in rights()
        if role == "prod-aws-karpenter" and action == "ec2:RunInstances" and condition
    }
    assert bound["subnet/*"] == {"aws:ResourceTag/karpenter.sh/discovery": "prod-aws"}
    assert bound["security-group/*"] == {"aws:ResourceTag/kubernetes.io/cluster/prod-aws": "owned"}


def test_karpenter_passes_the_role_of_nodes_and_no_other() -> None:
    passed = {
        (resource, json.dumps(condition))
        for _, action, resource, condition in rights()
        if action == "iam:PassRole"
    }
    assert passed == {
        (
            AWS["cluster"]["node_role"],
            '{"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}',
        )
    }


def test_secrets_that_may_be_read_are_the_environments() -> None:
    read = {
        resource.rpartition(":secret:")[2]: condition
        for _, action, resource, condition in rights()
        if action == "secretsmanager:GetSecretValue"
    }
    assert read == {
        "prod-aws/*": {},
        "rds!db-*": {
            "StringLike": {
                "aws:ResourceTag/aws:rds:primaryDBInstanceArn": (
                    "arn:aws:rds:eu-west-1:123456789012:db:prod-aws-*"
                )
            }
        },
    }
    ((decrypted, condition),) = {
        (resource, json.dumps(condition, sort_keys=True))
        for _, action, resource, condition in rights()
        if action == "kms:Decrypt"
    }
    assert decrypted == "arn:aws:kms:eu-west-1:123456789012:key/*"
    assert json.loads(condition)["StringEquals"] == {
        "aws:ResourceTag/environment": "prod-aws",
        "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
    }


def test_policies_fit_into_a_role() -> None:
    for r in world("aws").resources:
        if r.type.endswith(":RolePolicy"):
            assert len(r.inputs["policy"]) < INLINE_LIMIT, r.name


def test_only_the_pods_of_the_controllers_own_account_may_take_its_role() -> None:
    found = world("aws")
    associations = {
        r.inputs["namespace"]: r.inputs["serviceAccount"]
        for r in found.resources
        if r.type.endswith(":PodIdentityAssociation")
    }
    assert sorted(associations.items()) == sorted(ROLES.values())
    for role, (namespace, account) in ROLES.items():
        trust = json.loads(role_named(found, role).inputs["assumeRolePolicy"])
        (statement,) = trust["Statement"]
        tags = statement["Condition"]["StringEquals"]
        assert tags["aws:RequestTag/kubernetes-namespace"] == namespace
        assert tags["aws:RequestTag/kubernetes-service-account"] == account
        assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith("cluster/prod-aws")


def test_the_charts_use_the_accounts_that_the_roles_trust() -> None:
    made = releases(world("aws"))
    # Prometheus has a role only where there is a workspace for it: test_managed_metrics.py.
    controllers = {**IDENTITIES}
    del controllers[Operator.KUBE_PROMETHEUS_STACK]
    assert {f"prod-aws-{part}" for part, _ in controllers.values()} == set(ROLES)
    for operator, (part, _) in controllers.items():
        namespace, account = ROLES[f"prod-aws-{part}"]
        release = made[PLANS[operator].chart]
        assert release.inputs["namespace"] == namespace
        assert release.inputs["values"]["serviceAccount"]["name"] == account


def role_named(found: World, name: str) -> Registered:
    (role,) = [
        r for r in found.resources if r.type.endswith("iam/role:Role") and r.inputs["name"] == name
    ]
    return role


def test_what_aws_bills_or_audits_carries_its_tags() -> None:
    tagged = [r for r in world("aws").resources if "tags" in r.inputs]
    assert {r.type.rpartition(":")[2] for r in tagged} == {
        "EventRule",
        "PodIdentityAssociation",
        "Queue",
        "Role",
    }
    assert {r.inputs["tags"]["cost-center"] for r in tagged} == {"cc-417"}


def test_the_queue_of_interruptions_is_encrypted_short_and_only_its_rules_fill_it() -> None:
    found = world("aws")
    queue = named(found, ":Queue")
    assert queue.inputs["sqsManagedSseEnabled"] is True
    assert queue.inputs["messageRetentionSeconds"] == 300
    policy = json.loads(named(found, ":QueuePolicy").inputs["policy"])
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    denied = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    (statement,) = allowed
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    pattern = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    rules = [r for r in found.resources if r.type.endswith(":EventRule")]
    for rule in rules:
        arn = f"arn:aws:events:eu-west-1:123456789012:rule/{rule.inputs['name']}"
        assert fnmatch.fnmatchcase(arn, pattern)
    assert [s["Condition"] for s in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_karpenter_hears_of_every_event_and_listens_to_that_queue() -> None:
    found = world("aws")
    patterns = {
        (pattern["source"][0], pattern["detail-type"][0])
        for r in found.resources
        if r.type.endswith(":EventRule")
        for pattern in [json.loads(r.inputs["eventPattern"])]
    }
    assert patterns == {(event.source, event.kind) for event in EVENTS.values()}
    assert len(patterns) == 5
    targets = [r for r in found.resources if r.type.endswith(":EventTarget")]
    arn = "arn:aws:sqs:eu-west-1:123456789012:prod-aws-karpenter"
    assert [target.inputs["arn"] for target in targets] == [arn] * 5
    asked = releases(found)["karpenter"].inputs["values"]["settings"]["interruptionQueue"]
    assert asked == named(found, ":Queue").inputs["name"] == "prod-aws-karpenter"
    read = {resource for _, action, resource, _ in rights() if action == "sqs:ReceiveMessage"}
    assert read == {arn}


def test_google_cloud_knows_one_identity_for_the_environments_secrets_alone() -> None:
    found = world("gcp")
    granted = [r for r in found.resources if r.type.startswith("gcp:projects/")]
    (grant,) = granted
    assert grant.inputs["role"] == "roles/secretmanager.secretAccessor"
    condition = grant.inputs["condition"]["expression"]
    assert '.startsWith("prod-gcp-")' in condition
    assert 'resource.type == "secretmanager.googleapis.com/SecretVersion"' in condition
    assert sorted(r.type for r in found.resources if r.type.startswith("gcp:")) == [
        "gcp:projects/iAMMember:IAMMember",
        "gcp:serviceaccount/account:Account",
        "gcp:serviceaccount/iAMMember:IAMMember",
    ]


def test_only_external_secrets_pods_may_be_that_identity() -> None:
    found = world("gcp")
    user = named(found, "serviceaccount/iAMMember:IAMMember")
    assert user.inputs["role"] == "roles/iam.workloadIdentityUser"
    assert user.inputs["member"] == (
        "serviceAccount:acme-prod.svc.id.goog[external-secrets/external-secrets]"
    )
    account = releases(found)["external-secrets"].inputs["values"]["serviceAccount"]
    assert account["annotations"] == {
        "iam.gke.io/gcp-service-account": "secrets@acme-prod.iam.example.com"
    }


def network_of(environment: str) -> World:
    def program() -> None:
        arguments: Any = {
            **{key: AWS[key] for key in ("location", "owner", "cost_center")},
            "environment": environment,
            "cidr": "10.40.0.0/16",
        }
        stanchion.Network("network", arguments)

    return deploy(program)


def test_the_tags_that_rights_are_bound_to_are_those_of_network_and_cluster() -> None:
    made = network_of("prod-aws")
    (vpc,) = [r for r in made.resources if r.type.endswith(":Vpc")]
    looked_for = releases(world("aws"))["aws-load-balancer-controller"].inputs["values"]["vpcTags"]
    assert looked_for.items() <= vpc.inputs["tags"].items()
    private = [r for r in made.resources if r.type.endswith(":Subnet") and "private" in r.name]
    assert len(private) == 3
    for subnet in private:
        assert subnet.inputs["tags"]["karpenter.sh/discovery"] == "prod-aws"
    nodes = the(cluster(AWS_CLUSTER), "SecurityGroup", "-nodes")
    assert nodes["tags"]["kubernetes.io/cluster/prod-aws"] == "owned"


def test_databases_and_keys_are_named_and_tagged_as_the_rights_expect() -> None:
    assert server_name({"environment": "prod-aws"}).startswith("prod-aws-")  # type: ignore[typeddict-item]
    tags = cloud_tags(owner="platform", cost_center="cc-417", environment="prod-aws")
    assert tags["environment"] == "prod-aws"
