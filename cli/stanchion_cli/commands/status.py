"""`stanchion status`: what serves where, which version, how healthy."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from stanchion_cli.project import find_root


def status(
    environment: Annotated[str, typer.Argument(help="Environment to look at.")] = "local",
) -> None:
    """Show each model service: the pinned version, its replicas and its address."""
    from rich.console import Console

    from stanchion_cli.deploy import addresses
    from stanchion_cli.deploy.api import Ref
    from stanchion_cli.deploy.target import target_of
    from stanchion_cli.models import lockfile
    from stanchion_cli.preview import run as run_preview

    root = find_root()
    preview = run_preview(environment, root=root, policies=False)
    pins, target = lockfile.read(root, environment), target_of(preview)
    api = target.api()
    table = Table("service", "tenant", "model", "version", "ready", "address", box=None)
    for name, service in sorted(preview.outputs["services"].items()):
        live = api.get(Ref("apps/v1", "Deployment", service["namespace"], name))
        if live is None:
            ready, address = "not deployed", "-"
        else:
            counts = live.get("status") or {}
            ready = f"{counts.get('readyReplicas', 0)}/{live['spec'].get('replicas', 1)}"
            address = addresses.of_service(target, api, service)
        version = pins[name].version if name in pins else "not pinned"
        table.add_row(name, service["tenant"], service["model"], version, ready, address)
    Console(soft_wrap=True, emoji=False).print(table)
