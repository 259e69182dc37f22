"""`stanchion status`: what serves where, which version, how healthy."""

from __future__ import annotations

from typing import Annotated

import typer

from stanchion_cli.project import find_root

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
    """Show each model service: the pinned version, its replicas, its release, its address."""
    from rich.console import Console
    from rich.table import Table

    from stanchion_cli.deploy import addresses
    from stanchion_cli.deploy.api import Ref
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.deploy.releases import progress, reason_taken_back, rollout_of
    from stanchion_cli.models import lockfile

    root, console = find_root(), Console(soft_wrap=True, emoji=False)
    environment, preview = preview_with(root, environment, "services")
    pins = lockfile.read(root, environment)
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
            if live is None:
                ready, address = "not deployed", "-"
            else:
                counts = live.get("status") or {}
                ready = f"{counts.get('readyReplicas', 0)}/{live['spec'].get('replicas', 1)}"
                address = addresses.of_service(target, api, service)
                ways += addresses.way_to(target, service)
            version = pins[name].version if name in pins else "not pinned"
            table.add_row(
                name, service["tenant"], service["model"], version, ready, release, address
            )
    console.print(table)
    for reason in reasons:
        console.print(reason, markup=False)
    for way in ways:
        console.print(f"reach it with: {way}", style="dim", markup=False)
