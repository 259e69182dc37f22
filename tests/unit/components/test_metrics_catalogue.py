"""The catalogue of metrics says what the images really export."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from importlib.resources import files
from typing import Any

import pandas as pd
import pytest
import yaml
from mlflow.types.schema import ColSpec, Schema
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from stanchion_activator.metrics import Metrics as ActivatorMetrics
from stanchion_drift_monitor.metrics import Metrics as DriftMonitorMetrics
from stanchion_drift_monitor.verdicts import CHECKS, OK
from stanchion_feature_store.metrics import Metrics as FeatureStoreMetrics
from stanchion_feature_store.state import Checked, State
from stanchion_llm_gateway.configuration import parse
from stanchion_llm_gateway.metrics import Metrics as GatewayMetrics
from stanchion_mlflow.app import Measured
from stanchion_model_server.metrics import Metrics
from stanchion_model_server.settings import from_environment
from stanchion_model_server.signature import InputSignature
from stanchion_models import Reference
from stanchion_retraining.metrics import Metrics as RetrainingMetrics
from unit.components.world import DIGEST

# Of the client library: the same for every process, and each series' time of creation.
COMMON = ("python_", "process_")
CREATED = "_created"


def _model_server() -> bytes:
    settings = from_environment(
        {
            "MODEL_NAME": "wine",
            "MODEL_VERSION": "3",
            "MODEL_DIGEST": DIGEST,
            "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        }
    )
    metrics = Metrics(settings)
    # What a model predicts is counted under its outputs' names.
    inputs = Schema([ColSpec("double", "alcohol")])
    rows = pd.DataFrame({"alcohol": range(100)}, dtype=float)
    answers = pd.DataFrame({"label": ["a"] * 100, "score": rows["alcohol"]})
    tallies = metrics.fields.watch(Reference.of(rows, answers), InputSignature(inputs))
    outputs = Schema([ColSpec("string", "label"), ColSpec("double", "score")])
    metrics.outputs.watch(outputs, tallies)
    metrics.outputs.observe(answers)
    return metrics.exposition()


def _llm_gateway() -> bytes:
    configuration = parse(
        {
            "backends": [{"name": "llama", "url": "http://llama/v1"}],
            "models": [{"name": "assistant", "targets": [{"backend": "llama"}]}],
        }
    )
    return generate_latest(GatewayMetrics(configuration).registry)


def _retraining() -> bytes:
    return generate_latest(RetrainingMetrics().registry)


def _activator() -> bytes:
    return generate_latest(ActivatorMetrics().registry)


def _feature_store() -> bytes:
    found = (Checked("orders", "count", 5, 1),)
    return generate_latest(
        FeatureStoreMetrics(lambda: State({"orders": 1.0}, {"orders": 2.0}, found)).registry
    )


def _drift_monitor() -> bytes:
    metrics, registry = DriftMonitorMetrics(), CollectorRegistry()
    problems = dict.fromkeys(("missing", "unseen", "out_of_range"), 0.0)
    fields = [
        {"side": side, "field": "alcohol", "drift": 0.1, "problems": problems}
        for side in ("input", "output")
    ]
    quality = {
        "metric": "accuracy",
        "baseline": 0.97,
        "labelled": 300,
        "coverage": 0.25,
        "metrics": {"accuracy": 0.9},
        "slices": [{"column": "region", "groups": {"north": {"value": 0.9}}}],
    }
    version = {
        "version": "3",
        "rows": 1200,
        "checks": {check: {"verdict": OK} for check in CHECKS},
        "fields": fields,
        "quality": quality,
    }
    metrics.show({"window": {"last": "2026-11-21"}, "versions": [version]})
    registry.register(metrics)
    return generate_latest(registry)


def _mlflow() -> bytes:
    asked = {"type": "http", "method": "GET", "path": "/health"}
    asyncio.run(Measured(_answers)(asked, None, _heard))
    # It counts in the process' own registry, where others may count as well.
    lines = generate_latest(REGISTRY).decode().splitlines(keepends=True)
    return "".join(line for line in lines if "mlflow_" in line).encode()


async def _answers(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})


async def _heard(_message: Any) -> None: ...


IMAGES = {
    "feature-store": _feature_store,
    "drift-monitor": _drift_monitor,
    "model-server": _model_server,
    "activator": _activator,
    "mlflow": _mlflow,
    "llm-gateway": _llm_gateway,
    "retraining": _retraining,
}


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def listed(image: str) -> dict[str, Any]:
    catalogue = yaml.safe_load((files("stanchion") / "catalog" / "metrics.yaml").read_text())
    assert set(catalogue["images"]) == set(IMAGES)
    of_image: dict[str, Any] = catalogue["images"][image]
    return of_image


@pytest.fixture(scope="module")
def families(image: str) -> list[Metric]:
    exposed = text_string_to_metric_families(IMAGES[image]().decode())
    return [
        family
        for family in exposed
        if not family.name.startswith(COMMON) and not family.name.endswith(CREATED)
    ]


def test_every_metric_is_listed_with_its_type_labels_and_help(
    listed: dict[str, Any], families: list[Metric]
) -> None:
    exported: dict[str, tuple[str, set[str], str]] = {}
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exported[name] = (family.type, labels, family.documentation)
    assert {
        name: (metric["type"], set(metric["labels"]), metric["help"])
        for name, metric in listed["metrics"].items()
    } == exported


def test_the_values_of_a_label_are_listed(listed: dict[str, Any], families: list[Metric]) -> None:
    values: dict[str, set[str]] = defaultdict(set)
    for family in families:
        for sample in family.samples:
            for label in sample.labels.keys() & listed["values"].keys():
                values[label].add(sample.labels[label])
    assert {label: set(known) for label, known in listed["values"].items()} == values


def test_bounds_of_a_histogram_are_those_that_it_has(
    listed: dict[str, Any], families: list[Metric]
) -> None:
    bounds = {
        family.name: {sample.labels["le"] for sample in family.samples if "le" in sample.labels}
        for family in families
    }
    for name, metric in listed["metrics"].items():
        if "buckets" in metric:
            # As the client library writes them, which is how rules select them.
            assert {repr(float(bound)) for bound in metric["buckets"]} == bounds[name] - {"+Inf"}
