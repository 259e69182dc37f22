"""`stanchion up`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.preview import Preview

Environment = Annotated[
    str, typer.Argument(help="Environment: the NAME of a stacks/Pulumi.NAME.yaml.")
]
Engine = Annotated[
    bool | None,
    typer.Option(
        "--engine/--no-engine",
        help="Use the Pulumi engine, or the ApplySet path; default: the engine if it is on PATH.",
    ),
]


def up(
    environment: Environment,
    engine: Engine = None,
    sample: Annotated[
        bool, typer.Option(help="Train, register and promote the sample model, and ask it.")
    ] = False,
) -> None:
    """Bring an environment up: with the Pulumi engine where it is, else as an ApplySet."""
    root = find_root()
    roll_out(root, environment, engine=engine)
    if sample:
        from stanchion_cli.models.sample import serve_sample

        serve_sample(root, environment, roll_out=lambda: roll_out(root, environment, engine=engine))


def roll_out(root: Path, environment: str, *, engine: bool | None = None) -> None:
    """Preview the environment with its policies, then bring it to what is declared.

    Raises:
        BusyError: when somebody else does so for over ten minutes; nothing was changed.
        StanchionError: naming what failed and the way out.
    """
    from stanchion_cli.deploy.turns import alone

    with_engine = use_engine(environment, engine)
    # The engine has a lock of its own.
    with nullcontext() if with_engine else alone(root, environment):
        _roll_out(root, environment, with_engine=with_engine)


def _roll_out(root: Path, environment: str, *, with_engine: bool) -> None:
    from stanchion_cli.cluster import ClusterError
    from stanchion_cli.deploy.environment import bring_up, checked_preview, drop_operators
    from stanchion_cli.models import lockfile

    preview = checked_preview(root, environment)
    if _registry_is_gone(preview) and lockfile.forget(root, environment):
        console.print(f"{environment}: its pins are of a node that is gone with its registry")
        preview = checked_preview(root, environment)
    try:
        if with_engine:
            from stanchion_cli.deploy import engine as pulumi_engine

            console.print(f"{environment}: the Pulumi engine is here and is used")
            pulumi_engine.up(root, preview)
            drop_operators(preview)
            return
        console.print(f"{environment}: no Pulumi engine; its objects are applied as one ApplySet")
        applied = bring_up(root, preview)
        drop_operators(preview)
    except ClusterError as error:
        raise _with_report(root, preview, error) from None
    console.print(f"{environment} is up: {applied}", style="bold")


def _registry_is_gone(preview: Preview) -> bool:
    """Whether the node has yet to be made, and with it the registry that pins refer to."""
    from stanchion_cli import cluster

    bundled = (preview.outputs.get("cluster") or {}).get("bundled")
    return bundled is not None and cluster.find(bundled) is None


def _with_report(root: Path, preview: Preview, error: StanchionError) -> StanchionError:
    """No cluster can be had here, but what it would run can be read all the same."""
    from stanchion_cli.report.form import Format
    from stanchion_cli.report.formats import written
    from stanchion_cli.report.model import report_on

    path = root / f"preview-{preview.environment}.html"
    file = f"stacks/Pulumi.{preview.environment}.yaml"
    document = written(
        Format.HTML, [report_on(preview)], [], files={preview.environment: file}, color=False
    )
    path.write_text(document, encoding="utf-8")
    return StanchionError(
        f"{error}\nwhat it would run is in {path.name}; to run it, mend the above, or name a "
        f"cluster of your own under stanchion:provider.context in {file}, and run this again",
        where=preview.environment,
    )


def use_engine(environment: str, wanted: bool | None) -> bool:
    """Whether the engine is used: as `wanted`, or because it is there.

    Raises:
        StanchionError: when it has to be and is not there.
    """
    from stanchion_cli.deploy import engine as pulumi_engine

    there = pulumi_engine.available()
    if there or wanted is False:
        return there and wanted is not False
    if wanted or environment != "local":
        raise StanchionError(
            "needs the Pulumi engine, and `pulumi` is not on PATH",
            where=environment,
            fix="install it as https://www.pulumi.com/docs/install/ says; "
            f"`stanchion preview {environment}` works without it",
        )
    return False
