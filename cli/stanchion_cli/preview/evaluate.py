"""Evaluates an environment: the program, the type check and the policies, each where it belongs.

The program's and the policy pack's processes load their libraries side by side; the type check
runs in the one while the policies run in the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.preview import guard
from stanchion_cli.preview.config import Configuration, Project, load_configuration, load_project
from stanchion_cli.preview.host import ProgramCrashError, ProgramHost
from stanchion_cli.preview.judged import Judged
from stanchion_cli.preview.layers import environment_of
from stanchion_cli.preview.model import Preview
from stanchion_cli.preview.trace import traced
from stanchion_cli.preview.urn import ROOT_STACK_TYPE

if TYPE_CHECKING:
    from stanchion_cli.policies import PolicyPack
    from stanchion_cli.preview.engine import Engine
    from stanchion_cli.preview.monitor import Monitor
    from stanchion_cli.preview.registration import Registration

_THREADS = 8
_GUARDED = Path(__file__).with_name("guarded")
_FITTING_PINS_ALONE = "stanchion-cli:fittingPinsAlone"


def evaluate(
    environment: str,
    root: Path,
    outputs: Mapping[str, Mapping[str, Any]] | None,
    policies: bool,
    *,
    trace: bool = False,
    fitting_pins_alone: bool = False,
) -> Preview:
    """See `stanchion_cli.preview.run`."""
    project = load_project(root.resolve())
    configuration = load_configuration(project, environment)
    if trace:
        configuration = traced(configuration)
    if fitting_pins_alone:
        values = {**configuration.values, _FITTING_PINS_ALONE: "true"}
        configuration = replace(configuration, values=values)
    profile = _profile(project, environment)
    printed: list[tuple[str, str]] = []
    with ProgramHost(project, lambda *line: printed.append(line)) as host:
        pack = _pack(project, environment, profile) if policies else None
        judged = Judged(pack)
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
        remedied=judged.remedied(registered),
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
    judged: Judged,
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
