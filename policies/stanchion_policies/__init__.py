"""Policies of ML production readiness, for `pulumi up --policy-pack policies`."""

from stanchion_policies.catalogue import POLICIES

__all__ = ["POLICIES"]
