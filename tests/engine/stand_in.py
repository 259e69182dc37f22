"""A provider that stands in for a cloud: it makes nothing and answers as one that did.

`python stand_in.py PACKAGE` speaks the protocol of Pulumi's providers. What was asked for is what
comes back, with a value of the right type for everything that the provider's own SDK says it
computes. Every call is noted in the file that STAND_IN_LOG names, in order.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import typing
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi import _types
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

_DEPTH = 4
_TEXTS = {
    "arn": "arn:aws:iam::111111111111:stand-in/one",
    "selfLink": "https://www.googleapis.com/compute/v1/projects/p/global/networks/one",
    "result": "0123456789abcdef0123456789ABCDEF",
}


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """One package's provider."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._made = 0
        self._lock = threading.Lock()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version(f"pulumi-{self._package}"))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return _difference(request.old_inputs, request.news)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, supportsPreview=True
        )

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        return _difference(request.old_inputs, request.news)

    def Create(self, request: Any, context: Any) -> Any:
        state = struct_pb2.Struct()
        state.CopyFrom(request.properties)
        token = request.urn.split("::")[2].rpartition("$")[2]
        with self._lock:  # half-imported modules are no good to other threads
            computed = _computed(token)
        if "arn" in computed:  # the same of two roles would make them one
            computed["arn"] += f"/{request.urn.rpartition('::')[2]}"
        for name, value in computed.items():
            if name not in state.fields:
                state.update({name: rpc.UNKNOWN if request.preview else value})
        if request.preview:
            return provider_pb2.CreateResponse(properties=state)
        self._note("create", request.urn)
        with self._lock:
            self._made += 1
            made = f"{request.urn.rpartition('::')[2]}-{self._made}"
        return provider_pb2.CreateResponse(id=made, properties=state)

    def Read(self, request: Any, context: Any) -> Any:
        found = provider_pb2.ReadResponse(
            id=request.id, properties=request.properties, inputs=request.inputs
        )
        if _moved(request.urn, found):
            self._note("moved", request.urn)
        return found

    def Update(self, request: Any, context: Any) -> Any:
        if not request.preview:
            self._note("update", request.urn)
        return provider_pb2.UpdateResponse(properties=request.news)

    def Delete(self, request: Any, context: Any) -> Any:
        self._note("delete", request.urn)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no component may call {request.tok}")

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _note(self, what: str, urn: str) -> None:
        with self._lock, open(os.environ["STAND_IN_LOG"], "a", encoding="utf-8") as log:  # noqa: PTH123
            log.write(json.dumps({"what": what, "urn": urn}) + "\n")


def _moved(urn: str, found: Any) -> bool:
    """Change what Argo Rollouts and an autoscaler would, of what STAND_IN_RELEASING names.

    All of it is in what we applied, and other hands changed it.
    """
    releasing = json.loads(os.environ.get("STAND_IN_RELEASING", "[]"))
    kind = urn.split("::")[2].rpartition(":")[2]
    if [kind, _name(found.properties)] not in releasing:
        return False
    for spec in (found.properties["spec"], found.inputs["spec"]):
        if kind == "Service":
            spec["selector"]["rollouts-pod-template-hash"] = "5d8c7b6f9"
        elif kind == "HTTPRoute":
            for weight, reference in zip((95, 5), spec["rules"][0]["backendRefs"], strict=False):
                reference["weight"] = weight
        elif kind == "Rollout":
            spec["replicas"] += 3
    return True


def _name(state: Any) -> str:
    return str(state["metadata"]["name"]) if "metadata" in state.fields else ""


def _difference(old: Any, new: Any) -> Any:
    same, other = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME
    changed = sorted(
        key for key in {*old.fields, *new.fields} if old.fields[key] != new.fields[key]
    )
    return provider_pb2.DiffResponse(changes=other if changed else same, diffs=changed)


def _computed(token: str) -> dict[str, Any]:
    """A value for every property of a resource, as its SDK types it."""
    package, module, name = token.split(":")
    if package == "kubernetes":  # of what its server fills in, one thing is read
        balancer = {"loadBalancer": {"ingress": [{"hostname": "internal-one.elb.example.com"}]}}
        return {"status": balancer} if name == "Ingress" else {}
    within = module.partition("/")[0]
    path = f"pulumi_{package}" if within == "index" else f"pulumi_{package}.{within}"
    resource = getattr(importlib.import_module(path), name)
    return {
        key: value
        for key, kind in _types.resource_types(resource).items()
        if (value := _plausible(key, kind, _DEPTH)) is not None
    }


def _plausible(name: str, kind: Any, depth: int) -> Any:  # noqa: PLR0911 - a table
    kind = _types.unwrap_type(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union}:
        return _plausible(name, args[0], depth)
    if origin is not None and isinstance(origin, type):
        if issubclass(origin, typing.Mapping):
            return {}
        if depth and args:
            return [_plausible(name, args[0], depth - 1)]
        return []
    if kind is bool:
        return False
    if kind in (int, float):
        return 1
    if kind is str:
        return _TEXTS.get(name, f"{name}-of-stand-in")
    if depth and isinstance(kind, type) and _types.is_output_type(kind):
        inner = _types.output_type_types(kind)
        return {key: _plausible(key, part, depth - 1) for key, part in inner.items()}
    return None


def main() -> None:
    """Serve until the engine ends the process."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(sys.argv[1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    import importlib.metadata

    main()
