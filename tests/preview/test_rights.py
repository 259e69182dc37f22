"""What the identities of an environment may do in its cloud: all of it, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.preview.model import Resource
from syrupy.assertion import SnapshotAssertion

ROOT = Path(__file__).parents[2]
BY_POLICY = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy")
UNBOUND = {
    "AWS lets nobody name the resource of these, which read and change nothing": {
        "acm:ListCertificates",
        "iam:ListInstanceProfiles",
        "iam:ListServerCertificates",
        "pricing:GetProducts",
    },
    "descriptions of EC2 and load balancers, which know no resources": {
        "ec2:Describe*",
        "ec2:GetCoipPoolUsage",
        "ec2:GetSecurityGroupsForVpc",
        "elasticloadbalancing:Describe*",
    },
}
"""The only actions that may be allowed on every resource, with the reason."""


@pytest.fixture(scope="module")
def aws() -> Preview:
    """Production on AWS, with what its resources are called once they are made."""
    planned = preview.run("prod-aws", root=ROOT, policies=False)
    made = {
        resource.urn: {
            "id": resource.name,
            "arn": f"arn:aws:stand-in:us-east-1:333333333333:{resource.name}",
            "bucket": resource.inputs.get("bucket", resource.name),
        }
        for resource in planned.resources
        if resource.type.startswith("aws:")
    }
    return preview.run("prod-aws", root=ROOT, policies=False, outputs=made)


@pytest.fixture(scope="module")
def gcp() -> Preview:
    return preview.run("prod-gcp", root=ROOT, policies=False)


def _statements(evaluated: Preview) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for resource in evaluated.resources:
        if resource.type in BY_POLICY:
            policy = resource.inputs["policy"]
            assert isinstance(policy, str), f"{resource.name} is unknown"
            for statement in json.loads(policy)["Statement"]:
                yield resource, statement


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _unbound(action: str) -> bool:
    allowed = {each for actions in UNBOUND.values() for each in actions}
    return action in allowed or any(
        each.endswith("*") and action.startswith(each[:-1]) for each in allowed
    )


def test_what_each_role_may_do_on_aws_is_listed(aws: Preview, snapshot: SnapshotAssertion) -> None:
    rights: dict[str, list[dict[str, Any]]] = {}
    for resource, statement in _statements(aws):
        rights.setdefault(resource.name, []).append(statement)
    attached = sorted(
        f"{r.name}: {r.inputs['policyArn']}" for r in aws.resources if r.type.endswith("Attachment")
    )
    assert {"policies": rights, "attached": attached} == snapshot


def test_no_action_is_allowed_on_every_resource_but_for_named_ones(aws: Preview) -> None:
    for resource, statement in _statements(aws):
        if statement["Effect"] != "Allow" or "*" not in _listed(statement["Resource"]):
            continue
        if "Condition" in statement:
            continue
        assert [a for a in _listed(statement["Action"]) if not _unbound(a)] == [], resource.name


def test_no_statement_allows_every_action_of_a_service(aws: Preview) -> None:
    for resource, statement in _statements(aws):
        if statement["Effect"] == "Allow":
            assert "NotAction" not in statement, resource.name
            assert "NotResource" not in statement, resource.name
            for action in _listed(statement["Action"]):
                assert action != "*", resource.name
                assert not action.endswith(":*"), (resource.name, action)


def test_every_role_of_aws_is_trusted_to_one_principal(aws: Preview) -> None:
    roles = [r for r in aws.resources if r.type == "aws:iam/role:Role"]
    assert roles
    for role in roles:
        trust = role.inputs["assumeRolePolicy"]
        assert isinstance(trust, str), role.name
        for statement in json.loads(trust)["Statement"]:
            (principal,) = [each for p in statement["Principal"].values() for each in _listed(p)]
            assert "*" not in principal, role.name


def test_what_each_member_may_do_on_google_cloud_is_listed(
    gcp: Preview, snapshot: SnapshotAssertion
) -> None:
    members = [r for r in gcp.resources if r.type.endswith(":IAMMember")]
    listed = sorted(
        f"{r.name}: {r.inputs['role']}"
        + (f" where {c['expression']}" if (c := r.inputs.get("condition")) else "")
        for r in members
    )
    assert listed == snapshot
    for member in members:
        assert member.inputs["role"] not in {"roles/owner", "roles/editor", "roles/viewer"}
        assert member.inputs["member"] not in {"allUsers", "allAuthenticatedUsers"}
