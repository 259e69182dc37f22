"""Resource transforms, called back in the program as the engine calls them.

First the resource's own, then its ancestors', then the stack's; each sees what the one before
it made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import grpc

from stanchion_cli.preview import wire
from stanchion_cli.preview.protos import callback_pb2, callback_pb2_grpc, resource_pb2
from stanchion_cli.preview.registration import Registration

_SECONDS = 60.0


class TransformError(Exception):
    """A transform raised in the program; the message is the program's own."""


class Transforms:
    """The stack's transforms and the channels to the program's callback service."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack: list[callback_pb2.Callback] = []
        self._clients: dict[str, callback_pb2_grpc.CallbacksStub] = {}

    def add_to_stack(self, callback: callback_pb2.Callback) -> None:
        """Apply `callback` to every resource from now on."""
        with self._lock:
            self._stack.append(callback)

    def apply(
        self,
        registration: Registration,
        ancestors: Iterable[Registration],
        own: Iterable[callback_pb2.Callback],
    ) -> None:
        """Transform a registration in place.

        Raises:
            TransformError: A transform failed.
        """
        own = list(own)
        if own:
            registration.inputs = wire.with_dependencies(
                registration.inputs, registration.property_dependencies
            )
        with self._lock:
            callbacks = [*own, *(c for each in ancestors for c in each.transforms), *self._stack]
        for callback in callbacks:
            self._call(callback, registration)

    def _call(self, callback: callback_pb2.Callback, registration: Registration) -> None:
        request = resource_pb2.TransformRequest(
            type=registration.type,
            name=registration.name,
            custom=registration.custom,
            parent=registration.parent,
            properties=registration.inputs,
            options=registration.wire_options,
        )
        try:
            answer = self._client(callback.target).Invoke(
                callback_pb2.CallbackInvokeRequest(
                    token=callback.token, request=request.SerializeToString()
                ),
                timeout=_SECONDS,
            )
        except grpc.RpcError as error:
            details = error.details() if hasattr(error, "details") else error
            raise TransformError(str(details).split("error: ", 1)[-1].strip()) from None
        response = resource_pb2.TransformResponse.FromString(answer.response)
        if response.HasField("properties"):
            registration.inputs = response.properties
        if response.HasField("options"):
            registration.wire_options = response.options

    def _client(self, target: str) -> callback_pb2_grpc.CallbacksStub:
        with self._lock:
            if target not in self._clients:
                self._clients[target] = callback_pb2_grpc.CallbacksStub(
                    grpc.insecure_channel(target)
                )
            return self._clients[target]
