# ruff: noqa: ARG002, N802 - the methods and arguments that the protocol names
"""The package as Pulumi runs it for programs in other languages: its own process, over gRPC."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

COMPONENTS = Path(__file__).parents[2] / "components"


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Answers registrations with their inputs, and keeps them."""

    def __init__(self) -> None:
        self.address = ""
        self.objects: dict[str, dict[str, Any]] = {}

    def GetDeploymentInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(
            supportedFeatures=[resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS]
        )

    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, context: grpc.ServicerContext
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id == "secrets")

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        self.objects[f"{request.type}/{request.name}"] = json_format.MessageToDict(request.object)
        urn = f"urn:pulumi:stack::project::{request.type}::{request.name}"
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=request.name if request.custom else "", object=request.object
        )

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes log messages."""

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()


@pytest.fixture(scope="module")
def monitor() -> Iterator[Monitor]:
    servicer = Monitor()
    server = grpc.server(ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(servicer, server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(), server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield servicer
    server.stop(None).wait()


@pytest.fixture(scope="module")
def plugin(monitor: Monitor) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    with subprocess.Popen(
        [sys.executable, str(COMPONENTS), monitor.address], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.terminate()


def _construct(
    plugin: provider_pb2_grpc.ResourceProviderStub, address: str, inputs: dict[str, Any]
) -> provider_pb2.ConstructResponse:
    properties = struct_pb2.Struct()
    properties.update(inputs)
    answer: provider_pb2.ConstructResponse = plugin.Construct(
        provider_pb2.ConstructRequest(
            project="project",
            stack="stack",
            monitorEndpoint=address,
            type="stanchion:index:Tenant",
            name="team",
            inputs=properties,
        )
    )
    return answer


TENANT = {
    "namespace": "team",
    "owner": "team-a",
    "costCenter": "cc-1",
    "quota": {"gpus": 4, "volumeClaims": 2},
    "access": [{"group": "engineers", "role": "editor"}],
}


def test_the_plugin_states_its_toolchain_because_the_detected_one_cannot_install_it() -> None:
    declared = yaml.safe_load((COMPONENTS / "PulumiPlugin.yaml").read_text())
    assert declared == {"runtime": {"name": "python", "options": {"toolchain": "pip"}}}


def test_the_plugin_answers_with_its_schema(
    plugin: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    answer = plugin.GetSchema(provider_pb2.GetSchemaRequest(version=0))
    schema = json.loads(answer.schema)
    assert schema["name"] == "stanchion"
    assert "stanchion:index:ModelService" in schema["resources"]


def test_a_program_in_another_language_gets_a_tenant(
    plugin: provider_pb2_grpc.ResourceProviderStub, monitor: Monitor
) -> None:
    answer = _construct(plugin, monitor.address, TENANT)
    assert answer.urn.endswith("stanchion:index:Tenant::team")
    assert json_format.MessageToDict(answer.state)["namespace"] == "team"
    quota = monitor.objects["kubernetes:core/v1:ResourceQuota/team-quota"]["spec"]["hard"]
    assert quota["requests.nvidia.com/gpu"] == "4"
    assert quota["persistentvolumeclaims"] == "2"


def test_a_wrong_argument_reaches_the_other_language_by_name(
    plugin: provider_pb2_grpc.ResourceProviderStub, monitor: Monitor
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        _construct(plugin, monitor.address, {**TENANT, "quota": {"gpus": -4}})
    assert "quota.gpus: -4 is out of range; write 0 to 100000" in str(error.value)
