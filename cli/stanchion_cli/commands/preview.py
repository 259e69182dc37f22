"""`stanchion preview`: what an environment would be, without an engine, a cloud or a network."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import Exit, InputError, StanchionError
from stanchion_cli.progress import console, step
from stanchion_cli.project import find_root
from stanchion_cli.report.form import Format
from stanchion_cli.report.output import put

if TYPE_CHECKING:
    from stanchion_cli.preview import Preview
    from stanchion_cli.report.model import Report


def preview(
    environments: Annotated[
        list[str] | None, typer.Argument(metavar="[ENV]...", help="Environments, `local` say.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every environment with a file.")] = False,
    base: Annotated[
        str, typer.Option("--pr", metavar="BASE", help="Show changes against this commit.")
    ] = "",
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here.")
    ] = None,
    policies: Annotated[bool, typer.Option(help="Run the policy pack as well.")] = True,
    root: Annotated[Path, typer.Option(help="A folder of the checkout.")] = Path(),
) -> None:
    """Evaluate environments offline: resources, changes, type problems and policy results.

    Ends with 0 where all is well, 1 on a mandatory violation (in prod, one that could not be
    decided as well) or an input of the wrong type, 2 on bad input.
    """
    from stanchion_cli.preview.config import load_project
    from stanchion_cli.report.model import Failure

    root = find_root(root)
    project = load_project(root)
    names = _chosen(environments or [], every, project.environments())
    reports, failures = [], []
    with ExitStack() as stack:
        base_root = _base(stack, root, base) if base else None
        for name in names:
            try:
                reports.append(_evaluated(name, root, policies, base, base_root))
            except InputError as error:
                if len(names) == 1 and output is None:
                    raise
                failures.append(Failure(name, str(error)))
    files = {
        name: str((project.config_directory / f"Pulumi.{name}.yaml").relative_to(root))
        for name in names
    }
    put(form, reports, failures, files=files, output=output)
    for failure in failures:
        console.print(f"error: {failure.message}", style="red", markup=False)
    if failures:
        raise typer.Exit(Exit.BAD_INPUT)
    if any(report.failed for report in reports):
        raise typer.Exit(Exit.VIOLATION)


def _chosen(given: list[str], every: bool, known: list[str]) -> list[str]:
    if every and given:
        raise InputError("--all and names of environments exclude each other")
    if every or (not given and len(known) == 1):
        given = known
    if not given:
        raise InputError(
            "no environment named", fix=f"name one or use --all; there are: {', '.join(known)}"
        )
    return list(dict.fromkeys(given))


def _base(stack: ExitStack, root: Path, ref: str) -> Path:
    from stanchion_cli.report.base import worktree

    with step(f"checking out {ref}"):
        return stack.enter_context(worktree(root, ref))


def _evaluated(name: str, root: Path, policies: bool, base: str, base_root: Path | None) -> Report:
    from stanchion_cli import preview as offline
    from stanchion_cli.report.model import report_on

    with step(f"evaluating {name}") as running:
        evaluated = offline.run(name, root=root, policies=policies)
        running.note(f"{len(evaluated.resources)} resources")
    if base_root is None:
        return report_on(evaluated)
    before, note = _before(name, base, base_root)
    return report_on(evaluated, base=before, base_ref=base, base_note=note)


def _before(name: str, ref: str, base_root: Path) -> tuple[Preview | None, str]:
    """The environment at the base, or why it cannot be compared; both empty: it is new."""
    from stanchion_cli import preview as offline
    from stanchion_cli.preview.config import load_project

    try:
        with step(f"evaluating {name} at {ref}") as running:
            if name not in load_project(base_root).environments():
                running.note("not there yet")
                return None, ""
            return offline.run(name, root=base_root, policies=False), ""
    except StanchionError as error:
        return None, f"the base could not be evaluated: {error}"
