"""The SDK's generated protocol stubs, loaded without loading the SDK.

`import pulumi` costs up to a second of processor time, and this process only speaks the protocol:
the program, in its own process, is what uses the SDK. The stub modules import nothing but each
other, so their two parent packages are stood in for while they load.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


@contextmanager
def _sdk_stood_in() -> Iterator[None]:
    if "pulumi" in sys.modules:
        yield
        return
    spec = find_spec("pulumi")
    if spec is None or spec.origin is None:
        message = "the Pulumi SDK is not installed; run `uv sync`"
        raise ImportError(message)
    home = Path(spec.origin).parent
    for name, path in {"pulumi": home, "pulumi.runtime": home / "runtime"}.items():
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    try:
        yield
    finally:
        del sys.modules["pulumi"], sys.modules["pulumi.runtime"]


with _sdk_stood_in():
    from pulumi.runtime.proto import (
        alias_pb2,
        analyzer_pb2,
        analyzer_pb2_grpc,
        callback_pb2,
        callback_pb2_grpc,
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        resource_pb2,
        resource_pb2_grpc,
    )

__all__ = [
    "alias_pb2",
    "analyzer_pb2",
    "analyzer_pb2_grpc",
    "callback_pb2",
    "callback_pb2_grpc",
    "engine_pb2",
    "engine_pb2_grpc",
    "plugin_pb2",
    "resource_pb2",
    "resource_pb2_grpc",
]
