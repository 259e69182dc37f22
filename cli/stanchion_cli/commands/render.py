"""`stanchion render`: the Kubernetes objects of an environment as files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.preview import Preview

_OUTPUTS_HELP = "YAML or JSON: outputs by URN or resource name, for what is unknown offline."


def render(
    environment: Annotated[str, typer.Argument(help="The environment, `local` for example.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A directory: new, empty, or rendered before.")
    ],
    outputs: Annotated[Path | None, typer.Option("--outputs", help=_OUTPUTS_HELP)] = None,
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Write an environment's Kubernetes objects as files, one per object, for GitOps.

    Secret values are never written: a placeholder says which output belongs there. Needs no
    cluster, no cloud and no credentials.
    """
    from stanchion_cli import preview as offline
    from stanchion_cli.render import (
        check_outputs,
        for_repository,
        not_rendered,
        objects,
        read_outputs,
        write,
    )
    from stanchion_cli.render.placeholders import Placeholders

    root = find_root(root)
    given = read_outputs(outputs) if outputs else {}
    with step(f"evaluating {environment}") as running:
        # Side by side: what is known and what is not, and where the generated secrets go.
        with ThreadPoolExecutor(1) as beside:
            tracing = beside.submit(_traced, environment, root)
            evaluated = offline.run(environment, root=root, outputs=given, policies=False)
            traced = tracing.result()
        check_outputs(given, evaluated, shown=str(outputs))
        running.note(f"{len(evaluated.resources)} resources")
    if evaluated.problems:
        listed = "".join(f"\n  {problem}" for problem in evaluated.problems)
        raise StanchionError(f"inputs that the provider would refuse:{listed}", where=environment)
    items = [for_repository(item) for item in objects(evaluated)]
    with step(f"writing {output}") as running:
        rendered = write(
            items,
            output,
            environment=environment,
            placeholders=Placeholders(evaluated, traced, given),
        )
        running.note(
            f"{len(rendered.files)} objects, {len(rendered.changed)} files changed,"
            f" {len(rendered.removed)} stale ones removed"
        )
    for placeholder in rendered.placeholders:
        kind = "secret" if placeholder.secret else "unknown"
        typer.echo(f"{kind}: {placeholder.object}: {placeholder.path} = {placeholder.text}")
    for item in items:
        for path in item.ignored:
            typer.echo(f"left to others: {item}: {path}")
    for skipped in not_rendered(evaluated):
        typer.echo(f"not rendered: {skipped.type} {skipped.urn}: {skipped.reason}")


def _traced(environment: str, root: Path) -> Preview | None:
    from stanchion_cli import preview as offline

    try:
        return offline.run(environment, root=root, policies=False, trace=True)
    except StanchionError:
        return None  # the faithful evaluation says what is wrong, or the program minds the marks
