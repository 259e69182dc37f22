"""One module per subcommand; heavy imports stay inside the functions that need them."""

from __future__ import annotations

import typer

from stanchion_cli.commands.check import check
from stanchion_cli.commands.cluster import app as cluster
from stanchion_cli.commands.costs import costs
from stanchion_cli.commands.dashboards import app as dashboards
from stanchion_cli.commands.diff import diff
from stanchion_cli.commands.doctor import doctor
from stanchion_cli.commands.down import down
from stanchion_cli.commands.evaluate import evaluate
from stanchion_cli.commands.images import images
from stanchion_cli.commands.operators import app as operators
from stanchion_cli.commands.preview import preview
from stanchion_cli.commands.promote import promote
from stanchion_cli.commands.quota import quota
from stanchion_cli.commands.render import render
from stanchion_cli.commands.rollback import rollback
from stanchion_cli.commands.status import status
from stanchion_cli.commands.tracking import app as tracking
from stanchion_cli.commands.up import up


def register(app: typer.Typer) -> None:
    """Attach every subcommand to `app`."""
    for command in (
        preview,
        render,
        check,
        up,
        down,
        promote,
        evaluate,
        rollback,
        status,
        diff,
        quota,
        costs,
        images,
        doctor,
    ):
        app.command()(command)
    app.add_typer(cluster, name="cluster")
    app.add_typer(dashboards, name="dashboards")
    app.add_typer(operators, name="operators")
    app.add_typer(tracking, name="tracking")
