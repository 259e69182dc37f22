"""The platform, layer by layer: what `pulumi up` runs for every environment."""

from pathlib import Path

import pulumi
from environment import from_pulumi_config
from layers import build_tenants, build_tracking, kubernetes_provider
from pulumi.runtime.config import CONFIG, get_config_env
from serving import Platform, build_services, load_declared
from validation import InvalidFileError

try:
    environment = from_pulumi_config({**get_config_env(), **CONFIG.get()})
    declared = load_declared(Path(__file__).parent / "services", environment, pulumi.get_stack())
except InvalidFileError as error:
    raise pulumi.RunError(str(error)) from None

in_cluster = pulumi.ResourceOptions(provider=kubernetes_provider(environment))

tracking = build_tracking(environment, in_cluster)
tenants = build_tenants(environment, in_cluster)
services = build_services(Platform(environment, tracking, tenants), declared, in_cluster)

pulumi.export("cluster", {"bundled": environment.cluster.bundled})
pulumi.export("tracking", tracking.summary())
pulumi.export("services", services)
