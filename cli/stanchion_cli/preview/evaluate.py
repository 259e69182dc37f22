"""Evaluates an environment: the program, the type check and the policies, each where it belongs.

The program's and the policy pack's processes load their libraries side by side; the type check
runs in the one while the policies run in the other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.preview import guard
from stanchion_cli.preview.config import Configuration, Project, load_configuration, load_project
from stanchion_cli.preview.host import ProgramCrashError, ProgramHost
from stanchion_cli.preview.layers import environment_of
from stanchion_cli.preview.model import Preview
from stanchion_cli.preview.trace import traced
from stanchion_cli.preview.urn import ROOT_STACK_TYPE, name_of, type_of

if TYPE_CHECKING:
    from stanchion_cli.policies import AnalyzedResource, Finding, PolicyPack
    from stanchion_cli.preview.engine import Engine
    from stanchion_cli.preview.monitor import Monitor
    from stanchion_cli.preview.registration import Registration

_THREADS = 8
_GUARDED = Path(__file__).with_name("guarded")


def evaluate(
    environment: str,
    root: Path,
    outputs: Mapping[str, Mapping[str, Any]] | None,
    policies: bool,
    *,
    trace: bool = False,
) -> Preview:
    """See `stanchion_cli.preview.run`."""
    project = load_project(root.resolve())
    configuration = load_configuration(project, environment)
    if trace:
        configuration = traced(configuration)
    profile = _profile(project, environment)
    printed: list[tuple[str, str]] = []
    with ProgramHost(project, lambda *line: printed.append(line)) as host:
        pack = _pack(project, environment, profile) if policies else None
        judged = _Judged(pack)
        try:
            monitor = _monitor(
                project, environment, configuration, outputs or {}, trace=trace, judged=judged
            )
            with _served(monitor) as (engine, address):
                made = _run(host, environment, configuration, address, monitor)
            registered = _ordered(monitor, made)
            with ThreadPoolExecutor(1) as beside:
                checking = beside.submit(host.check, registered)
                findings = judged.findings(registered)
                problems = checking.result()
            known_policies = tuple(pack.policies()) if pack else ()
        finally:
            if pack is not None:
                pack.close()
    for severity, line in printed:
        engine.add(severity, line)
    resources = tuple(each.resource() for each in registered)
    return Preview(
        environment=environment,
        project=project.name,
        root=project.root,
        profile=profile,
        resources=resources,
        outputs=next((r.outputs for r in resources if r.type == ROOT_STACK_TYPE), {}),
        findings=tuple(findings),
        problems=problems,
        log=tuple(engine.lines),
        policies=known_policies,
        policies_run=pack is not None,
        skipped_hooks=tuple(monitor.hooks),
    )


def _run(
    host: ProgramHost,
    environment: str,
    configuration: Configuration,
    address: str,
    monitor: Monitor,
) -> list[str]:
    """Run the program; where it crashed on inputs of the wrong type, say so instead.

    The SDK fails on some of them when it reads its own inputs back as outputs, far from the line
    that gave them.
    """
    try:
        return host.run(environment, configuration, address, lambda: monitor.refusal)
    except ProgramCrashError:
        problems = host.check(list(monitor.registrations.values()))
        if not problems:
            raise
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise StanchionError(
            f"inputs that the provider would refuse:{listed}", where=f"environment {environment}"
        ) from None


def _ordered(monitor: Monitor, made: Sequence[str]) -> list[Registration]:
    """Registrations in the order of the program, which is the same every time."""
    position = {urn: index for index, urn in enumerate(made)}
    return sorted(
        monitor.registrations.values(), key=lambda each: position.get(each.urn, len(position))
    )


def _profile(project: Project, stack: str) -> str:
    settings = load_configuration(project, environment_of(project, stack))
    return settings.values.get(f"{project.name}:profile", "")


def _monitor(
    project: Project,
    environment: str,
    configuration: Configuration,
    outputs: Mapping[str, Mapping[str, Any]],
    *,
    trace: bool,
    judged: _Judged,
) -> Monitor:
    # Imported here: by now the other two processes are busy importing as well.
    from stanchion_cli.preview.monitor import Monitor

    monitor = Monitor(
        project, environment, configuration, outputs, trace=trace, registered=judged.submit
    )
    judged.registrations = monitor.registrations
    return monitor


@contextmanager
def _served(monitor: Monitor) -> Iterator[tuple[Engine, str]]:
    """Serve `monitor` and an engine's log service on loopback."""
    import grpc

    from stanchion_cli.preview.engine import Engine
    from stanchion_cli.preview.protos import engine_pb2_grpc, resource_pb2_grpc

    engine = Engine()
    server = grpc.server(
        ThreadPoolExecutor(_THREADS),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield engine, f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _pack(project: Project, environment: str, profile: str) -> PolicyPack | None:
    directory = project.root / "policies"
    if not (directory / "PulumiPolicy.yaml").is_file():
        return None
    from stanchion_cli.policies import PolicyPack

    levels = directory / "environments" / f"{profile}.json"
    pack = PolicyPack(
        directory,
        config=levels if profile and levels.is_file() else None,
        project=project.name,
        stack=environment,
        env=guard.environment(os.environ) | {"PYTHONPATH": str(_GUARDED)},
    )
    pack.start()
    return pack


class _Judged:
    """What the policies say: of each resource while the program still runs, of all at its end."""

    def __init__(self, pack: PolicyPack | None) -> None:
        self._pack = pack
        self._asked: dict[str, Future[list[Finding]]] = {}
        self.registrations: Mapping[str, Registration] = {}

    def submit(self, registration: Registration) -> None:
        """Ask about one resource, in the background."""
        if self._pack is not None:
            analyzed = _analyzed(registration, self.registrations, final=False)
            self._asked[registration.urn] = self._pack.submit(analyzed)

    def findings(self, registered: Sequence[Registration]) -> tuple[Finding, ...]:
        """Every finding, in the order of the resources, those about the stack last."""
        if self._pack is None:
            return ()
        managed = [each for each in registered if not each.external]
        everything = [_analyzed(each, self.registrations, final=True) for each in managed]
        about_all = self._pack.analyze_stack(everything)
        about_each = [self._asked[each.urn].result() for each in managed]
        return tuple(finding for found in (*about_each, about_all) for finding in found)


def _analyzed(
    registration: Registration, by_urn: Mapping[str, Registration], *, final: bool
) -> AnalyzedResource:
    """What a policy sees: inputs before an operation, outputs when the whole stack is judged."""
    from google.protobuf.struct_pb2 import Struct

    from stanchion_cli.policies import AnalyzedResource

    options = registration.options
    provider = None
    if registration.provider:
        explicit = by_urn.get(registration.provider)
        provider = (
            registration.provider,
            type_of(registration.provider),
            name_of(registration.provider),
            explicit.inputs if explicit else Struct(),
        )
    return AnalyzedResource(
        urn=registration.urn,
        type=registration.type,
        name=registration.name,
        properties=registration.outputs if final else registration.inputs,
        parent=registration.parent,
        provider=provider,
        dependencies=tuple(sorted(registration.dependencies)),
        property_dependencies={
            key: tuple(sorted(urns)) for key, urns in registration.property_dependencies.items()
        },
        protect=options.protect,
        ignore_changes=options.ignore_changes,
        delete_before_replace=options.delete_before_replace,
        aliases=tuple(alias for alias in options.aliases if alias.startswith("urn:")),
        custom_timeouts={
            name: _seconds(text, registration.urn)
            for name, text in options.custom_timeouts.items()
            if name != "read"
        },
        additional_secret_outputs=options.additional_secret_outputs,
    )


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def _seconds(duration: str, urn: str) -> float:
    """A timeout such as `1h30m`, in the engine's notation."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise StanchionError(
            f"the timeout {duration!r} is no duration", where=urn, fix="write it as 10m or 1h30m"
        )
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
