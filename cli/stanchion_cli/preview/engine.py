"""The engine service a program talks to beside the monitor: log messages and the root resource."""

# Method names and parameters are the protocol's.
# ruff: noqa: ARG002, N802

from __future__ import annotations

import threading

import grpc
from google.protobuf.empty_pb2 import Empty

from stanchion_cli.preview.model import LogLine
from stanchion_cli.preview.protos import engine_pb2, engine_pb2_grpc

_SEVERITIES = {0: "debug", 1: "info", 2: "warning", 3: "error"}
_KEPT_BYTES = 1 << 20


class Engine(engine_pb2_grpc.EngineServicer):
    """Keeps what the program logs, up to one MiB; `lines` is in order of arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root = ""
        self._bytes = 0
        self.lines: list[LogLine] = []

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> Empty:
        """Keep a message; debug ones are the SDK's own and dropped."""
        severity = _SEVERITIES.get(request.severity, "info")
        if severity != "debug":
            self.add(severity, request.message, request.urn)
        return Empty()

    def add(self, severity: str, message: str, urn: str = "") -> None:
        """Keep a line that came another way, such as by standard output."""
        with self._lock:
            self._bytes += len(message)
            if self._bytes <= _KEPT_BYTES:
                self.lines.append(LogLine(severity, message.rstrip(), urn))

    def GetRootResource(
        self, request: engine_pb2.GetRootResourceRequest, context: grpc.ServicerContext
    ) -> engine_pb2.GetRootResourceResponse:
        """The URN set before, empty where none was."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest, context: grpc.ServicerContext
    ) -> engine_pb2.SetRootResourceResponse:
        """Remember the stack's own resource."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(
        self, request: engine_pb2.RequirePulumiVersionRequest, context: grpc.ServicerContext
    ) -> engine_pb2.RequirePulumiVersionResponse:
        """Accept any range: there is no engine here whose version could be wrong."""
        return engine_pb2.RequirePulumiVersionResponse()
