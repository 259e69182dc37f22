"""Serves the pack to the engine; `PolicyPack` does not return while the engine is there."""

from pulumi_policy import PolicyPack
from stanchion_policies import RULES
from stanchion_policies.pack import policies
from stanchion_policies.sharing import share_work

share_work(RULES)
PolicyPack(name="stanchion", policies=policies(RULES))
