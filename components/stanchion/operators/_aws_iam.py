"""Statements of IAM policies, and the few actions that IAM can bind to no resource."""

from collections.abc import Mapping, Sequence
from typing import Any

ANYWHERE: Mapping[str, str] = {
    "ec2:Describe*": "lists of EC2 know no resource; they read, and only in the region",
    "ec2:GetCoipPoolUsage": "reads pools of addresses of Outposts; knows no resource",
    "ec2:GetSecurityGroupsForVpc": "reads which groups a VPC may use; knows no resource",
    "elasticloadbalancing:Describe*": "lists of load balancing know no resource; they read",
    "iam:ListInstanceProfiles": "reads names of instance profiles, to remove what is left over",
    "iam:ListServerCertificates": "reads names of certificates, to find a listener's",
    "acm:ListCertificates": "reads names of certificates, to find a listener's",
    "pricing:GetProducts": "reads the public price list; knows no resource",
}
"""What may stand on every resource, by a pattern of its name, and why: all of it only reads."""


def allow(
    actions: Sequence[str],
    on: str | Sequence[str],
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """A statement that allows `actions` on resources, under conditions where there are any."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": on if isinstance(on, str) else list(on),
    }
    return statement if conditions is None else {**statement, "Condition": conditions}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
