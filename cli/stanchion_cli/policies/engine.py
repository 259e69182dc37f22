"""The part of the engine that a policy pack may call back: its log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable


class EngineService:
    """An Engine service on loopback that answers `Log` and nothing else.

    The protocol's generated code is imported by the first call and not before: a pack can be
    starting in the meantime.

    Args:
        log: Receives each logged message.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._server = grpc.server(ThreadPoolExecutor(max_workers=1))
        self._server.add_generic_rpc_handlers((_Handler(self._answer),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.stop(grace=None)

    def _answer(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        from stanchion_cli.preview.protos import engine_pb2

        self._log(engine_pb2.LogRequest.FromString(request).message)
        return b""


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, answer: Callable[[bytes, grpc.ServicerContext], bytes]) -> None:
        self._log: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer)

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._log if handler_call_details.method == "/pulumirpc.Engine/Log" else None
