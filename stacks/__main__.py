"""The platform, layer by layer: what `pulumi up` runs for every environment."""

from pathlib import Path

import pulumi
from base_stack import base_stack
from batch_serving import build_batches
from costs import capacity_summary, check_budget
from dashboards import build_dashboards
from drift_monitoring import build_drift_monitors
from environment import from_pulumi_config
from features import check_features
from foundation import build_foundation, find_foundation
from foundation_args import checked_foundation
from layers import Layer, environment_below
from llm_serving import build_llm_services
from monitoring import build_monitoring, check_monitoring
from pulumi.runtime.config import CONFIG, get_config_env, get_config_secret_keys_env
from queues import build_queues, check_queues
from serving import Platform, build_services, load_declared
from tenants import build_tenants, find_tenants
from tracking import build_tracking, find_tracking
from training_serving import build_trainings
from validation import InvalidFileError, together

try:
    environment = from_pulumi_config(
        {**get_config_env(), **CONFIG.get()}, get_config_secret_keys_env()
    )
    layers, below = environment.layers, environment.base_stack
    name = environment_below(below) if below else pulumi.get_stack()
    pools = checked_foundation(environment, name)
    services = Path(__file__).parent / "services"
    # Of commands that look at pins or set others; no deployment has it.
    fitting = pulumi.Config("stanchion-cli").get_bool("fittingPinsAlone") or False
    declared, *_ = together(
        lambda: (
            load_declared(services, environment, name, pools, fitting_pins_alone=fitting)
            if Layer.SERVICES in layers
            else None
        ),
        lambda: check_budget(environment, pools),
        lambda: check_monitoring(environment, name),
        lambda: check_queues(environment, name, pools),
        lambda: check_features(environment, name),
    )
except InvalidFileError as error:
    raise pulumi.RunError(str(error)) from None

base = base_stack(below)

if base is None:
    foundation = build_foundation(environment, name)
    pulumi.export("capacity", capacity_summary(environment, pools))
else:
    foundation = find_foundation(environment, name, pools, base)
pulumi.export("cluster", foundation.cluster_summary())
pulumi.export("network", foundation.network_summary())

if Layer.PLATFORM in layers:
    build_monitoring(environment, foundation)
    build_dashboards(environment, foundation)
    tracking = build_tracking(environment, foundation)
    tenants = build_tenants(environment, foundation.opts)
    build_queues(environment, foundation, tenants)
    pulumi.export("registry", tracking.registry)
elif base is not None:
    tracking, tenants = find_tracking(environment, base), find_tenants(environment)

if layers[-1] is not Layer.FOUNDATION:
    pulumi.export("tracking", tracking.summary())
if declared is not None:
    platform = Platform(environment, foundation, tracking, tenants)
    pulumi.export("services", build_services(platform, declared))
    if declared.batches:
        batches = build_batches(platform, declared.batches, declared.pins)
        pulumi.export("batches", batches)
    if declared.trainings:
        pulumi.export("trainings", build_trainings(platform, declared.trainings, declared.pins))
    if declared.monitors:
        monitors = build_drift_monitors(platform, declared.monitors, declared.files, declared.pins)
        pulumi.export("driftMonitors", monitors)
    if declared.llms:
        llms = build_llm_services(platform, declared.llms, declared.prompts, declared.adapters)
        pulumi.export("llmServices", llms)
