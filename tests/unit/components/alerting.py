"""Every component that has alerts, with all the alerts that it can have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from unit.components.programs import llm_gateway, mlflow, model_service
from unit.components.test_batch_inference import NIGHTLY, batch
from unit.components.test_drift_monitor import monitor
from unit.components.test_feature_store import features
from unit.components.test_llm_objectives import EACH, FIRST, TRACES
from unit.components.test_llm_service import llm
from unit.components.test_model_alerts import LATENCY
from unit.components.test_model_rest import resting
from unit.components.test_monitoring_stack import stack
from unit.components.test_retraining_trigger import trigger
from unit.components.test_tracking_backup import backup
from unit.components.test_training_job import training
from unit.components.world import World

Make = Callable[..., World]

ALERTING: Mapping[str, tuple[Make, ...]] = {
    "BatchInference": (partial(batch, **NIGHTLY, monitoring=True),),
    "DriftMonitor": (monitor,),
    "FeatureStore": (partial(features, monitoring=True),),
    "LlmGateway": (
        partial(llm_gateway, monitoring=True, traces={**TRACES, "groundedness": {"minimum": 0.6}}),
    ),
    "LlmService": (partial(llm, slo={"first_token": FIRST, "token_time": EACH}),),
    "MlflowServer": (partial(mlflow, monitoring=True),),
    "ModelService": (
        partial(model_service, monitoring=True, slo=LATENCY),
        partial(resting, monitoring=True, slo=LATENCY),
    ),
    "MonitoringStack": (partial(stack, gpu_metrics="gpu-operator"),),
    "RetrainingTrigger": (trigger,),
    "TrackingBackup": (partial(backup, monitoring=True),),
    "TrainingJob": (partial(training, schedule="0 3 * * 1", monitoring=True),),
}
"""By component; several where one cannot have all of them at once."""


def alerts(world: World) -> list[dict[str, Any]]:
    """Every alert of its rules, in the order of names: objects are made side by side."""
    return [
        rule
        for (kind, _), item in sorted(world.objects.items(), key=lambda found: found[0])
        if kind == "PrometheusRule"
        for group in item["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
