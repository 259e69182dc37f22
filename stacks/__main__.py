"""The platform, layer by layer: what `pulumi up` runs for every environment."""

from pathlib import Path

import pulumi
from costs import capacity_summary, check_budget
from environment import from_pulumi_config
from foundation import build_foundation
from foundation_args import checked_foundation
from pulumi.runtime.config import CONFIG, get_config_env
from serving import Platform, build_services, load_declared
from tenants import build_tenants
from tracking import build_tracking
from validation import InvalidFileError

name = pulumi.get_stack()
try:
    environment = from_pulumi_config({**get_config_env(), **CONFIG.get()})
    pools = checked_foundation(environment, name)
    check_budget(environment, pools)
    declared = load_declared(Path(__file__).parent / "services", environment, name, pools)
except InvalidFileError as error:
    raise pulumi.RunError(str(error)) from None

foundation = build_foundation(environment, name)
tracking = build_tracking(environment, foundation)
tenants = build_tenants(environment, foundation.opts)
services = build_services(Platform(environment, foundation, tracking, tenants), declared)

pulumi.export("cluster", foundation.summary())
pulumi.export("capacity", capacity_summary(environment, pools))
pulumi.export("tracking", tracking.summary())
pulumi.export("services", services)
