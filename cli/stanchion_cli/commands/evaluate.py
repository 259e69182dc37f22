"""`stanchion evaluate`: a language model's answers, asked at its own address and judged."""

from __future__ import annotations

from typing import Annotated

import typer

from stanchion_cli.commands.status import Context
from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console, step
from stanchion_cli.project import find_root


def evaluate(
    service: Annotated[str, typer.Argument(help="Name of a service of kind LlmService.")],
    environment: Annotated[str, typer.Option("--env", help="Environment that runs it.")] = "local",
    context: Context = "",
) -> None:
    """Ask the service its pinned data set, score the answers, and hold them to its file's gates.

    Every figure stays in MLflow as an evaluation run. Its id, written as `evaluation` into the
    service's file, is what the next revision is compared with.
    """
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.llm import gates
    from stanchion_cli.models.registry_access import open_registry

    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    asked = gates.service_of(root, preview.outputs, service, environment)
    with (
        reached(root, environment, preview, context) as target,
        open_registry(target, target.api(), preview.outputs["tracking"]) as registry,
        gates.reached(asked, target) as endpoint,
    ):
        live = gates.live_scores(registry.client(), asked)
        tags = {
            "stanchion.environment": environment,
            "stanchion.revision": str(asked.declared["revision"] or ""),
        }
        with step(f"gate: {len(asked.rows)} rows answered by {service}") as running:
            found = gates.measured(asked, endpoint, registry.tracking_uri, tags)
            outcome = gates.judged(registry.client(), asked, found, live)
            running.note(outcome.figures)
    if outcome.failures:
        raise StanchionError(
            "does not pass:\n  " + "\n  ".join(outcome.failures),
            where=f"service {service}",
            fix=f"every figure and answer stands in MLflow's run {found.run_id}",
        )
    console.print(
        f"{service} passes; write `evaluation: {found.run_id}` into its file", style="bold"
    )
