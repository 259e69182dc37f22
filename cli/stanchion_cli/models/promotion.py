"""Promote a model version: gates, pin, rollout, and only then the alias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_models import ModelVersion, Registry

from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import gates, lockfile
from stanchion_cli.models.registry_access import move_champion, open_registry
from stanchion_cli.preview import Preview
from stanchion_cli.progress import console, step

_RESULT_TAG = "stanchion.promotion"


@dataclass(frozen=True)
class Request:
    """What is asked for: a version of a model in one environment."""

    root: Path
    environment: str
    model: str
    version: str


def promote_version(
    request: Request, preview: Preview, target: Target, *, roll_out: Callable[[], None] | None
) -> Path:
    """Run the gates, pin the version for every service of the model, and roll it out.

    Args:
        request: The version, and where to.
        preview: The environment's services as they are declared now.
        target: The cluster that they run on.
        roll_out: Brings the environment up and returns when it is healthy; None: only pin.

    Returns:
        The lock file that was written.

    Raises:
        InputError: when no service of the environment serves the model.
        gates.GateError: when the version does not pass; nothing is pinned.
        StanchionError: when the rollout fails; the old pin is restored and rolled out, the
            reason stands as a tag on the version, and the alias has not moved.
    """
    services = _services(request, preview)
    api = target.api()
    tracking = preview.outputs["tracking"]
    pins = lockfile.read(request.root, request.environment)

    def opened() -> AbstractContextManager[Registry]:
        return open_registry(target, target.api(), tracking)

    with opened() as registry:
        with step(f"gate: {request.model} version {request.version} is registered with a digest"):
            version, digest = gates.candidate(registry, request.model, request.version)
        for name, service in services.items():
            serving = pins[name].version if name in pins else None
            with step(f"gate: signature against version {serving or '(none serves)'} of {name}"):
                gates.check_signature(registry, version, serving)
            with step(f"gate: smoke test in the serving image of {name}") as running:
                smoke = gates.smoke_test(
                    api,
                    version,
                    image=service["image"],
                    memory=service["memory"],
                    tracking=tracking,
                )
                running.note(f"{smoke.latency_ms:.1f} ms, {smoke.rss_mb:.0f} MiB")
        pin = lockfile.Pin(request.model, version.version, digest)
        path = lockfile.write(
            request.root, request.environment, {**pins, **dict.fromkeys(services, pin)}
        )
        console.print(f"  pinned {request.model} version {version.version} in {path.name}")
    if roll_out is not None:
        _roll_out(request, opened, pins, version, roll_out)
    return path


def _roll_out(
    request: Request,
    opened: Callable[[], AbstractContextManager[Registry]],
    before: Mapping[str, lockfile.Pin],
    version: ModelVersion,
    roll_out: Callable[[], None],
) -> None:
    try:
        roll_out()
    except StanchionError as error:
        lockfile.write(request.root, request.environment, before)
        with opened() as registry:
            _record(registry, version, f"aborted: {error.reason}")
        with step("restore the version that served before"):
            roll_out()
        raise StanchionError(
            f"did not roll out and was taken back: {error.reason}",
            where=f"model {version.name} version {version.version}",
            fix="the reason stands as a tag on the version; the alias has not moved",
        ) from None
    with opened() as registry:
        with step(f"alias champion → version {version.version}") as running:
            previous = move_champion(registry.client(), version.name, version.version)
            running.note(f"previous → version {previous}" if previous else "")
        _record(registry, version, "healthy at full weight")


def _record(registry: Registry, version: ModelVersion, outcome: str) -> None:
    registry.client().set_model_version_tag(
        version.name, version.version, _RESULT_TAG, outcome[:4000]
    )


def _services(request: Request, preview: Preview) -> dict[str, Mapping[str, Any]]:
    declared: Mapping[str, Mapping[str, Any]] = preview.outputs["services"]
    found = {name: s for name, s in declared.items() if s["model"] == request.model}
    if not found:
        known = ", ".join(sorted({str(s["model"]) for s in declared.values()})) or "none"
        raise InputError(
            f"no service of {request.environment} serves it (models served: {known})",
            where=f"model {request.model}",
            fix="correct the name, or add a file under stacks/services/",
        )
    return found
