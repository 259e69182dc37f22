"""The standard of ML production readiness, for `pulumi up --policy-pack policies` and more."""

from stanchion_policies.catalogue import RULES

__all__ = ["RULES"]
