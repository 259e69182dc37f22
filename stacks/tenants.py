"""The tenants layer: every team's namespace with its limits, rights and network walls."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from environment import Environment
from stanchion import Role, Tenant


def build_tenants(
    environment: Environment, opts: pulumi.ResourceOptions
) -> Mapping[str, pulumi.Output[str]]:
    """Every tenant's namespace, by the tenant's name."""
    return {
        tenant.name: Tenant(
            f"tenant-{tenant.name}",
            {
                "namespace": tenant.name,
                "owner": tenant.owner,
                "cost_center": tenant.cost_center,
                "access": [
                    {"group": access.group, "role": Role(access.role)} for access in tenant.access
                ],
                "quota": tenant.quota.arguments(),
                "tracking_client": True,
            },
            opts,
        ).namespace
        for tenant in environment.tenants
    }


def find_tenants(environment: Environment) -> Mapping[str, pulumi.Output[str]]:
    """The namespaces that the stack below has made for the tenants."""
    return {tenant.name: pulumi.Output.from_input(tenant.name) for tenant in environment.tenants}
