"""`stanchion status`: what serves where, which version, how healthy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanchion_cli.progress import results
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.models.lockfile import PromptPin

Context = Annotated[
    str,
    typer.Option(
        "--context",
        metavar="NAME",
        help="A context of your kubeconfig that is its cluster; without it, the one that the "
        "environment names, or in a cloud its stack exports.",
    ),
]


def status(
    environment: Annotated[str, typer.Argument(help="Environment to look at.")] = "local",
    context: Context = "",
) -> None:
    """Show each service: the pinned version, its replicas, its release, its address.

    Of a language model the version is its revision, and those of its adapters and prompts.
    """
    from rich.table import Table

    from stanchion_cli.deploy import addresses
    from stanchion_cli.deploy.api import Ref
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.deploy.releases import progress, reason_taken_back, rollout_of
    from stanchion_cli.llm.gates import PORT
    from stanchion_cli.models import lockfile

    root, console = find_root(), results()
    environment, preview = preview_with(root, environment, "services")
    pins, prompts = lockfile.read(root, environment), lockfile.read_prompts(root, environment)
    columns = ("service", "tenant", "model", "version", "ready", "release", "address")
    table, ways, reasons = Table(*columns, box=None), [], []
    with reached(root, environment, preview, context) as target:
        api = target.api()
        for name, service in sorted(preview.outputs["services"].items()):
            rollout = rollout_of(api, name, service)
            live = rollout or api.get(Ref("apps/v1", "Deployment", service["namespace"], name))
            release = progress(rollout) if rollout else "-"
            if rollout and release == "taken back":
                reasons.append(f"{name} was taken back: {reason_taken_back(api, rollout)}")
            pin = pins.get(name)
            model, version = (pin.model, pin.version) if pin else (service["model"], "not pinned")
            row = name, service["tenant"], model, version, _ready(live), release
            table.add_row(*row, addresses.of_service(target, api, service) if live else "-")
            ways += addresses.way_to(target, service) if live else []
        for name, service in sorted((preview.outputs.get("llmServices") or {}).items()):
            live = api.get(Ref("apps/v1", "Deployment", service["namespace"], name))
            place = {"name": name, "namespace": service["namespace"], "port": PORT}
            model = service["model"] or ", ".join(service["external"])
            version = _versions(service, prompts.get(name, {}))
            row = name, service["tenant"], model, version, _ready(live), "-"
            table.add_row(*row, addresses.of_service(target, api, place) if live else "-")
            ways += addresses.way_to(target, place) if live else []
    console.print(table)
    for reason in reasons:
        console.print(reason, markup=False)
    for way in ways:
        console.print(f"reach it with: {way}", style="dim", markup=False)


def _ready(live: Mapping[str, Any] | None) -> str:
    if live is None:
        return "not deployed"
    counts = live.get("status") or {}
    return f"{counts.get('readyReplicas', 0)}/{live['spec'].get('replicas', 1)}"


def _versions(service: Mapping[str, Any], prompts: Mapping[str, PromptPin]) -> str:
    """The revision of a language model, and the versions of its adapters and prompts."""
    adapters = {name: each.get("version") for name, each in service["adapters"].items()}
    served = {name: prompts[name].version if name in prompts else "" for name in service["prompts"]}
    revision = [service["revision"][:12]] if service["revision"] else []
    pinned = [f"{name} {number or 'not pinned'}" for name, number in {**adapters, **served}.items()]
    return ", ".join([*revision, *pinned]) or "-"
