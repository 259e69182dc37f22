"""Outputs as a stack exports them, and previews made of them by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stanchion_cli.estimate import Estimate, estimate, read_capacity
from stanchion_cli.preview.model import Preview, Resource, ResourceOptions

AWS: dict[str, Any] = {
    "cloud": "aws",
    "region": "us-east-1",
    "pools": [
        {
            "name": "system",
            "machines": ["m7i.large"],
            "capacity": ["on_demand"],
            "minNodes": 3,
            "maxNodes": 6,
        },
        {
            "name": "l4",
            "machines": ["g6.xlarge", "g6.2xlarge"],
            "capacity": ["spot", "on_demand"],
            "minNodes": 1,
            "maxNodes": 4,
        },
    ],
    "fixed": [
        {"name": "control plane", "item": "control_plane", "count": 1},
        {"name": "NAT gateways", "item": "nat_gateway", "count": 3},
        {"name": "database", "item": "db.m7g.large", "count": 2},
    ],
    "budgetMonthlyUsd": 5000,
}
GCP: dict[str, Any] = {
    "cloud": "gcp",
    "region": "us-central1",
    "pools": [
        {
            "name": "h200",
            "machines": ["a3-ultragpu-8g"],
            "capacity": ["on_demand"],
            "minNodes": 0,
            "maxNodes": 1,
        },
        {
            "name": "h100",
            "machines": ["a3-highgpu-8g"],
            "capacity": ["spot", "on_demand"],
            "minNodes": 0,
            "maxNodes": 2,
        },
        {
            "name": "l4",
            "machines": ["g2-standard-8"],
            "capacity": ["on_demand"],
            "minNodes": 0,
            "maxNodes": 3,
        },
    ],
    "fixed": [
        {"name": "NAT gateways", "item": "nat_gateway", "count": 1},
        {"name": "database", "item": "db-custom-2-8192", "count": 2},
    ],
}


def estimated(block: dict[str, Any], **changes: Any) -> Estimate:
    """The estimate of a block with some of its top keys changed."""
    capacity = read_capacity({"capacity": {**block, **changes}}, environment="dev")
    assert capacity is not None
    return estimate(capacity, environment="dev")


def previewed(
    block: dict[str, Any] | None, *resources: Resource, environment: str = "dev"
) -> Preview:
    """A preview with these resources whose stack exports this capacity."""
    outputs = {"capacity": block} if block is not None else {}
    return Preview(environment, "stanchion", Path(), "dev", resources, outputs)


def resource(
    kind: str, name: str, inputs: dict[str, Any] | None = None, **options: Any
) -> Resource:
    """A managed resource of the environment dev."""
    return Resource(
        urn=f"urn:pulumi:dev::stanchion::{kind}::{name}",
        type=kind,
        name=name,
        custom=True,
        inputs=inputs or {},
        options=ResourceOptions(**options),
    )
