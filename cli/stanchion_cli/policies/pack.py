"""Asks a running policy pack about resources."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Self

import grpc

from stanchion_cli.policies.config import read_config
from stanchion_cli.policies.engine import EngineService
from stanchion_cli.policies.model import (
    AnalyzedResource,
    Finding,
    Level,
    PolicyError,
    PolicyInfo,
    Remediation,
)
from stanchion_cli.policies.process import ORGANIZATION, Launch, PackProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

MAX_MESSAGE_BYTES = 400 << 20
"""The engine's own limit; a pack's server is started with the same."""

START_SECONDS = 60.0
CONCURRENT_QUESTIONS = 4
"""As many as the pack's server has workers."""


class PolicyPack:
    """A policy pack, running as its own process for as long as the `with` block.

    Entering starts the process and returns at once, so that a program can start beside it; the
    first question waits until the pack is configured. A mistake in `config` comes out there too.

    Args:
        directory: The folder of `PulumiPolicy.yaml` (`policies`).
        config: A configuration file with levels and settings, or None for the pack's defaults.
        project: The project's name, as in `Pulumi.yaml`.
        stack: The stack's name, the environment.
        dry_run: Whether this is a preview.
        env: The pack's whole environment but for the `PULUMI_*` variables that the engine sets;
            this process's own where None.

    Raises:
        PolicyError: The folder holds no pack, or its process cannot be started.
    """

    def __init__(
        self,
        directory: Path,
        *,
        config: Path | None = None,
        project: str,
        stack: str,
        dry_run: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> None:
        if not (directory / "PulumiPolicy.yaml").is_file():
            raise PolicyError(
                "no policy pack here: PulumiPolicy.yaml is missing", where=str(directory)
            )
        self._launch = Launch(
            directory, config, project, stack, dry_run, dict(os.environ if env is None else env)
        )
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the pack's process; returns at once."""
        if self._running is None:
            self._running = _Running(self._launch)

    def close(self) -> None:
        """End the pack's process; questions that are still open fail."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def policies(self) -> list[PolicyInfo]:
        """Every policy with its level and settings in force, in the pack's order.

        Raises:
            InputError: The configuration file has mistakes.
            PolicyError: The pack did not start.
        """
        return list(self._ready().policies.values())

    def analyze(self, resource: AnalyzedResource) -> list[Finding]:
        """What the resource policies say about one resource.

        Raises:
            InputError: The configuration file has mistakes.
            PolicyError: The pack did not start, has ended, or a check of it crashed.
        """
        return self._ask("analyze", lambda wire: wire.analyze_request(resource), resource.urn)

    @cached_property
    def may_remediate(self) -> bool:
        """Whether any policy may have the level `remediate`, told without waiting for the pack."""
        config = self._launch.config
        return config is not None and config.is_file() and Level.REMEDIATE in config.read_text()

    def remediate(self, resource: AnalyzedResource) -> list[Remediation]:
        """What policies of the level `remediate` change in a resource before it is judged.

        Raises:
            InputError: The configuration file has mistakes.
            PolicyError: The pack did not start, has ended, or a remedy of it crashed.
        """
        ready = self._ready()
        request = ready.wire.analyze_request(resource)
        return list(ready.wire.remediations(ready.call("remediate", request, resource.urn)))

    def submit(self, resource: AnalyzedResource) -> Future[list[Finding]]:
        """`analyze` in the background, also before the pack is up; several run at a time."""
        self.start()
        assert self._running is not None  # noqa: S101 - start() made it
        return self._running.questions.submit(self.analyze, resource)

    def analyze_all(self, resources: Sequence[AnalyzedResource]) -> list[Finding]:
        """`analyze` for each, several at a time; findings in the order of the resources."""
        asked = [self.submit(resource) for resource in resources]
        return [finding for answer in asked for finding in answer.result()]

    def analyze_stack(self, resources: Sequence[AnalyzedResource]) -> list[Finding]:
        """What the stack policies say about all resources together.

        Raises:
            InputError: The configuration file has mistakes.
            PolicyError: The pack did not start, has ended, or a check of it crashed.
        """
        return self._ask("analyze_stack", lambda wire: wire.stack_request(resources), "")

    def _ask(self, method: str, request: Callable[[Any], Any], urn: str) -> list[Finding]:
        ready = self._ready()
        response = ready.call(method, request(ready.wire), urn)
        return list(ready.wire.findings(response, ready.policies, urn))

    def _ready(self) -> _Ready:
        self.start()
        assert self._running is not None  # noqa: S101 - start() made it
        return self._running.ready.result()


class _Ready:
    """A pack that listens and is configured."""

    def __init__(
        self,
        wire: Any,
        stub: Any,
        policies: Mapping[str, PolicyInfo],
        process: PackProcess,
    ) -> None:
        self.wire, self.policies, self._process = wire, policies, process
        self._methods = {
            "analyze": stub.Analyze,
            "analyze_stack": stub.AnalyzeStack,
            "remediate": stub.Remediate,
        }

    def call(self, method: str, request: Any, urn: str) -> Any:
        """The pack's answer to a question about `urn`."""
        try:
            return self._methods[method](request)
        except grpc.RpcError as error:
            self._fail(error, urn)

    def _fail(self, error: grpc.RpcError, urn: str) -> NoReturn:
        details = str(error.details()).removeprefix("Exception calling application: ")
        if error.code() == grpc.StatusCode.UNKNOWN:
            reason = f"a check of the policy pack crashed: {details}"
        else:
            reason = f"the policy pack does not answer ({error.code().name.lower()}): {details}"
        failure = self._process.error(reason)
        failure.where = urn or failure.where
        raise failure from None


class _Running:
    """The process, the channel to it and the threads that wait for it."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._channel: grpc.Channel | None = None
        self._engine = EngineService(self._log)
        try:
            self._process = PackProcess(
                launch.directory, self._engine.address, launch.environment()
            )
        except PolicyError:
            self._engine.stop()
            raise
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="policy-start")
        self.questions = ThreadPoolExecutor(
            CONCURRENT_QUESTIONS, thread_name_prefix="policy-question"
        )
        self.ready: Future[_Ready] = self._starter.submit(self._connect)

    def close(self) -> None:
        self.questions.shutdown(wait=False, cancel_futures=True)
        self._process.stop()
        self._starter.shutdown(wait=True, cancel_futures=True)
        self.questions.shutdown(wait=True)
        if self._channel is not None:
            self._channel.close()
        self._engine.stop()

    def _log(self, line: str) -> None:
        self._process.log(line)

    def _connect(self) -> _Ready:
        # Imported while the pack's process imports what it needs.
        from google.protobuf.empty_pb2 import Empty

        from stanchion_cli.policies import wire
        from stanchion_cli.preview.protos import analyzer_pb2, analyzer_pb2_grpc

        port = self._process.port(START_SECONDS)
        limits = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=limits)
        stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)
        directory = str(self._launch.directory.resolve())
        handshake = analyzer_pb2.AnalyzerHandshakeRequest(
            engine_address=self._engine.address,
            root_directory=directory,
            program_directory=directory,
        )
        try:
            stub.Handshake(handshake, wait_for_ready=True, timeout=START_SECONDS)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:  # an older pack need not know it
                self._fail(error)
        try:
            stub.ConfigureStack(
                analyzer_pb2.AnalyzerStackConfigureRequest(
                    project=self._launch.project,
                    stack=self._launch.stack,
                    organization=ORGANIZATION,
                    dry_run=self._launch.dry_run,
                ),
                timeout=START_SECONDS,
            )
            policies = wire.policy_infos(stub.GetAnalyzerInfo(Empty(), timeout=START_SECONDS))
            if self._launch.config is not None:
                policies = read_config(self._launch.config, policies)
            stub.Configure(wire.configure_request(policies), timeout=START_SECONDS)
        except grpc.RpcError as error:
            self._fail(error)
        named = {policy.name: policy for policy in policies}
        return _Ready(wire, stub, named, self._process)

    def _fail(self, error: grpc.RpcError) -> NoReturn:
        raise self._process.error(f"the policy pack does not answer: {error.details()}") from None
