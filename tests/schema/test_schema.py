"""The package's schema: what programs in other languages see."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest
import stanchion
from pulumi.provider.experimental.component import ComponentProvider
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Schema:
    provider = ComponentProvider(list(stanchion.COMPONENTS), "stanchion", version="0.0.0")
    parsed: Schema = json.loads(provider.schema or "")
    return parsed


def test_a_changed_schema_is_a_decision(schema: Schema, snapshot: SnapshotAssertion) -> None:
    assert schema == snapshot(extension_class=JSONSnapshotExtension)


def test_every_component_is_offered_under_the_index_module(schema: Schema) -> None:
    assert set(schema["resources"]) == {
        f"stanchion:index:{component.__name__}" for component in stanchion.COMPONENTS
    }
    public = {
        value
        for name in stanchion.__all__
        if isinstance(value := getattr(stanchion, name), type)
        and issubclass(value, pulumi.ComponentResource)
    }
    assert public == set(stanchion.COMPONENTS)


def test_every_argument_output_type_and_value_is_described(schema: Schema) -> None:
    undescribed = [
        f"{name}.{field}"
        for name, item in [*schema["resources"].items(), *schema["types"].items()]
        for part in ("inputProperties", "properties")
        for field, property_ in item.get(part, {}).items()
        if not property_.get("description")
    ]
    undescribed += [
        name
        for name, item in [*schema["resources"].items(), *schema["types"].items()]
        if not item.get("description")
    ]
    undescribed += [
        f"{name}.{value['name']}"
        for name, item in schema["types"].items()
        for value in item.get("enum", [])
        if not value.get("description")
    ]
    assert undescribed == []


def test_an_optional_argument_says_its_default_and_a_needed_one_has_none(schema: Schema) -> None:
    described: list[tuple[str, bool, str]] = []
    for name, item in schema["resources"].items():
        needed = set(item["requiredInputs"])
        described += [
            (f"{name}.{field}", field in needed, property_["description"])
            for field, property_ in item["inputProperties"].items()
        ]
    for name, item in schema["types"].items():
        needed = set(item.get("required", []))
        described += [
            (f"{name}.{field}", field in needed, property_["description"])
            for field, property_ in item.get("properties", {}).items()
        ]
    conditional = {
        "stanchion:index:Database.image",
        "stanchion:index:MlflowServer.artifactsVolumeClaimName",
    }
    wrong = [
        where
        for where, needed_here, description in described
        if where not in conditional and needed_here == ("Default:" in description)
    ]
    assert wrong == []


REQUIRED = {
    "ArtifactStore": {"cloud", "namespace", "owner", "costCenter"},
    "BatchInference": {
        "namespace", "tenant", "owner", "costCenter", "image", "model", "registry", "input",
        "output",
    },
    "Budget": {"location", "environment", "owner", "costCenter", "monthlyUsd", "emails"},
    "Cluster": {
        "location", "environment", "owner", "costCenter", "network", "api", "version",
        "systemNodes", "administrators",
    },
    "Database": {"cloud", "namespace", "owner", "costCenter", "clients"},
    "FeatureStore": {
        "namespace", "owner", "costCenter", "image", "database", "definitions", "sources",
    },
    "DriftMonitor": {
        "namespace", "tenant", "owner", "costCenter", "image", "modelService", "modelName",
        "predictionLog", "reports", "tracking", "schedule",
    },
    "ImageRegistry": {"location", "environment", "owner", "costCenter", "images"},
    "GpuPool": {
        "location", "environment", "owner", "costCenter", "cluster", "network", "capacity",
        "maxNodes",
    },
    "Dashboards": {"owner", "costCenter"},
    "JobQueues": {"environment", "owner", "costCenter", "pools", "tenants"},
    "LlmGateway": {
        "namespace", "tenant", "owner", "costCenter", "image", "backends", "models", "consumers",
        "autoscaling",
    },
    "LlmService": {
        "namespace", "tenant", "owner", "costCenter", "image", "model", "engine", "placement",
        "storage", "autoscaling",
    },
    "MlflowServer": {
        "namespace", "owner", "costCenter", "image", "database", "artifactsDestination",
    },
    "ModelService": {
        "namespace", "tenant", "owner", "costCenter", "image", "model", "registry", "autoscaling",
    },
    "MonitoringStack": {"owner", "costCenter"},
    "Network": {"location", "environment", "owner", "costCenter", "cidr"},
    "Operators": {"location", "environment", "owner", "costCenter", "cluster"},
    "Tenant": {"namespace", "owner", "costCenter"},
    "PrivateIngress": {
        "location", "environment", "owner", "costCenter", "network", "namespace", "serviceName",
        "port", "healthPath", "host", "dnsZone",
    },
    "RetrainingTrigger": {
        "namespace", "tenant", "owner", "costCenter", "image", "training", "reasons",
    },
    "TrackingBackup": {"namespace", "owner", "costCenter", "image", "database", "destination"},
    "TrackingGarbageCollection": {"namespace", "owner", "costCenter", "image", "database"},
    "TrainingJob": {
        "namespace", "tenant", "owner", "costCenter", "image", "command", "modelName",
        "codeVersion", "data", "tracking",
    },
    "WorkloadIdentity": {
        "location", "environment", "owner", "costCenter", "cluster", "namespace",
        "serviceAccount", "grants",
    },
}  # fmt: skip


@pytest.mark.parametrize("component", [c.__name__ for c in stanchion.COMPONENTS])
def test_nothing_is_required_by_accident(schema: Schema, component: str) -> None:
    required = schema["resources"][f"stanchion:index:{component}"]["requiredInputs"]
    assert set(required) == REQUIRED[component]


def test_no_argument_takes_just_anything(schema: Schema) -> None:
    assert "pulumi.json#/Any" not in json.dumps(schema)
