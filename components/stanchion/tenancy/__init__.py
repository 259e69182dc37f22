"""Teams: a namespace each, with its limits, its rights and its walls."""

from stanchion.tenancy.tenant import Role, Tenant, TenantAccess, TenantArgs, TenantQuota

__all__ = ["Role", "Tenant", "TenantAccess", "TenantArgs", "TenantQuota"]
