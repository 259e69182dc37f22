"""What `promote` and `rollback` share: how a pin is written and brought to users from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console, step
from stanchion_cli.project import find_root

if TYPE_CHECKING:
    from stanchion_cli.deploy.target import Target
    from stanchion_cli.models.lockfile import AdapterPins
    from stanchion_cli.models.pinning import Destination
    from stanchion_cli.models.proposal import Proposal
    from stanchion_cli.models.trial import RollOut
    from stanchion_cli.preview import Preview

Wait = Annotated[
    bool, typer.Option(help="Roll the pin out, wait until it is healthy and move the alias.")
]


@dataclass(frozen=True)
class Place:
    """Where a pin is written: an environment of a checkout, and its cluster."""

    root: Path
    environment: str
    preview: Preview
    target: Target
    wait: bool
    """Whether the pin is rolled out from here, too."""
    propose: bool = False
    """Whether it is written onto a branch for others to merge."""

    def destination(self, kind: str, name: str, version: str) -> Destination:
        """Where a version's pin is written.

        Args:
            kind: models, adapters or prompts.
            name: Its name in the registry.
            version: Its version.

        Raises:
            StanchionError: when nothing can be proposed from this checkout.
        """
        from stanchion_cli.models.pinning import Here

        proposal = self._proposal(kind, name, version)
        if not self.propose:
            return Here(self.root, proposal)
        proposal.check()
        return proposal

    def stands(self, kind: str, name: str, version: str) -> bool:
        """Whether a version's proposal is there, where it is to be proposed."""
        if not self.propose:
            return False
        proposal = self._proposal(kind, name, version)
        proposal.check()
        return proposal.exists

    def _proposal(self, kind: str, name: str, version: str) -> Proposal:
        from stanchion_cli.models.proposal import Proposal

        options = " --prompt" if kind == "prompts" else ""
        command = f"stanchion promote {name} {version}{options} --env {self.environment}"
        return Proposal(self.root, self.environment, kind, name, version, command)

    @property
    def stack(self) -> str:
        """The environment's stack that holds its services."""
        return self.preview.environment

    def roll_out_environment(self) -> RollOut | None:
        """What brings the environment up; None where that is left to others."""
        from stanchion_cli.commands.up import roll_out

        return (lambda: roll_out(self.root, self.stack)) if self.wait else None

    def roll_out_model(self, model: str) -> RollOut | None:
        """The same, and waits until the model's services serve one version."""
        from stanchion_cli.commands.up import roll_out
        from stanchion_cli.deploy.releases import settle
        from stanchion_cli.models.promotion import services_of

        def release() -> None:
            services = services_of(self.preview, model, self.stack)
            roll_out(self.root, self.stack)
            with step(f"release of {', '.join(services)}"):
                settle(self.target.api(), services)

        return release if self.wait else None


@dataclass(frozen=True)
class Pinned:
    """What is pinned now."""

    what: str
    """As people call it: `wine-cultivar version 3`."""
    option: str = ""
    """What the run after the next `up` needs besides, as `--to 3`."""


def release(
    environment: str,
    context: str,
    pin: Callable[[Place], Pinned | None],
    *,
    name: str,
    wait: bool,
    propose: bool = False,
) -> None:
    """Reach an environment, pin there, and say what serves or what is left to do.

    Args:
        environment: The environment, or any stack of it.
        context: A context of the user's own kubeconfig; empty: the environment's own.
        pin: Writes the pin, and rolls it out where the place says so; None: nothing was to do.
        name: Of what is pinned, as the command was given it.
        wait: Whether it is rolled out from here.
        propose: Whether it is proposed to others instead.

    Raises:
        StanchionError: before anything is begun, when it cannot be rolled out from here; and what
            `pin` raises.
    """
    from stanchion_cli.deploy.reach import preview_with, reached
    from stanchion_cli.models import lockfile

    root = find_root()
    environment, preview = preview_with(root, environment, "services")
    if wait:
        _needs_engine_or_no_wait(preview.environment)
        _needs_fitting_adapters(preview, lockfile.read_adapters(root, environment), besides=name)
    with reached(root, environment, preview, context) as target:
        pinned = pin(Place(root, environment, preview, target, wait, propose))
    if pinned is None:
        return
    if propose:
        console.print(
            f"once it is merged, the next `up` of {preview.environment} rolls it out; after a "
            "pull this command again without --propose moves the alias"
        )
        return
    if wait:
        console.print(f"{pinned.what} serves in {environment}", style="bold")
        return
    besides = f", with {pinned.option}," if pinned.option else ""
    console.print(
        f"commit {lockfile.path(root, environment).relative_to(root)}; the next `up` of "
        f"{preview.environment} rolls it out, and this command again without --no-wait{besides} "
        "moves the alias"
    )


def _needs_engine_or_no_wait(stack: str) -> None:
    """Make sure, before anything is begun, that what is pinned can be rolled out from here.

    Raises:
        StanchionError: when it takes the engine, which is not here.
    """
    from stanchion_cli.commands.up import use_engine

    try:
        use_engine(stack, None)
    except StanchionError as error:
        raise StanchionError(
            error.reason,
            where=error.where,
            fix=f"{error.fix}, or add --no-wait: the version is pinned here, and whoever has the "
            "engine rolls it out",
        ) from None


def _needs_fitting_adapters(preview: Preview, pins: AdapterPins, *, besides: str) -> None:
    """Make sure, before anything is begun, that no other pin has the rollout refused.

    Raises:
        StanchionError: when an adapter is pinned that does not go with its service's model.
    """
    for service, declared in (preview.outputs.get("llmServices") or {}).items():
        for adapter, served in declared["adapters"].items():
            pin = pins.get(service, {}).get(adapter)
            if pin is None or served["version"] is not None or adapter == besides:
                continue
            raise StanchionError(
                f"is pinned for {service}, whose model it does not go with any more: nothing can "
                "be rolled out",
                where=f"adapter {adapter} version {pin.version}",
                fix=f"promote one that was trained on {served['base']} with --no-wait, then run "
                "this again; or add --no-wait here",
            )
