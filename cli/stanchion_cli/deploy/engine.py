"""The Pulumi engine, where it is installed: how any environment is run for real."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanchion_cli.deploy.applyset import ApplySet
from stanchion_cli.deploy.environment import prepare
from stanchion_cli.deploy.local_backend import LocalBackend
from stanchion_cli.deploy.state import State
from stanchion_cli.deploy.target import Target
from stanchion_cli.deploy.turns import BusyError, in_turn
from stanchion_cli.errors import StanchionError
from stanchion_cli.preview import Preview
from stanchion_cli.preview.config import load_project
from stanchion_cli.preview.layers import built_on
from stanchion_cli.progress import console

if TYPE_CHECKING:
    from pulumi import automation


def available() -> bool:
    """Whether the engine's command is on PATH."""
    return shutil.which("pulumi") is not None


def up(root: Path, preview: Preview) -> None:
    """Run `pulumi up` through the Automation API, with the policy pack.

    A bundled node is started and has its images by then, as on the other way. While another run
    of the engine changes the stack, it waits.

    Raises:
        BusyError: when that one takes over ten minutes; nothing was changed.
        StanchionError: when uv is not on PATH, by which Pulumi.yaml has the program started, when
            the environment was brought up without the engine, or the engine fails; its own output
            has been shown by then.
    """
    if shutil.which("uv") is None:
        raise StanchionError(
            "the Pulumi engine starts the program with uv, which is not on PATH",
            where=preview.environment,
            fix='install uv, or take the one that `make` has installed: export PATH="$PATH:'
            f'{root / ".tools" / "bin"}"',
        )
    _refuse_applyset(prepare(preview), preview.environment)
    from pulumi import automation

    console.print(f"{preview.environment}: `pulumi up` runs")
    pack, levels = root / "policies", root / "policies" / "environments" / f"{preview.profile}.json"

    def begin() -> None:
        try:
            _stack(root, preview.environment).up(
                on_output=_show,
                on_error=_show,
                policy_packs=[str(pack)],
                policy_pack_configs=[str(levels)],
            )
        except automation.ConcurrentUpdateError:
            raise _busy(preview.environment) from None

    try:
        in_turn(preview.environment, begin)
    except automation.CommandError as error:
        raise _failed(preview.environment, "up", error) from None


def down(root: Path, environment: str, *, drain: bool = True) -> None:
    """Run `pulumi destroy` through the Automation API, once nothing is left that would block it.

    Only a cluster that the environment itself made is drained. Without `drain`, what controllers
    made in the cloud stays there for someone to delete.

    Raises:
        StanchionError: when something is protected, cannot be drained or carries another stack,
            and nothing has been destroyed; or when the engine fails; its own output has been
            shown by then.
    """
    from pulumi import automation

    stack = _stack(root, environment, create=False)
    state = _state(stack, environment)
    if state.empty:
        console.print(f"{environment}: the engine has nothing of it; it is down")
        return
    for above in built_on(load_project(root), environment):
        if not _state(_stack(root, above, create=False), above).empty:
            raise StanchionError(
                f"carries {above}, which is up; nothing was touched",
                where=environment,
                fix=f"take that down first: `stanchion down {above}`",
            )
    if state.protected:
        raise _protected(environment, state.protected)
    if state.retained:
        kept = ", ".join(state.retained)
        console.print(f"{environment}: the engine lets go of these and leaves them: {kept}")
    if drain:
        _drain(state)
    try:
        stack.destroy(on_output=_show, on_error=_show)
    except automation.CommandError as error:
        raise _failed(environment, "destroy", error) from None


def outputs_of(root: Path, environment: str) -> Mapping[str, Any]:
    """What the stack of `environment` exports, with secrets readable: never print all of it.

    Empty for one that is not up.

    Raises:
        StanchionError: when the engine cannot read it.
    """
    from pulumi import automation

    try:
        stack = _stack(root, environment, create=False)
        found = stack.outputs() if stack else {}
    except automation.CommandError as error:
        raise _failed(environment, "stack output", error, fix=_OPENING) from None
    return {name: output.value for name, output in found.items()}


def _state(stack: automation.Stack | None, environment: str) -> State:
    deployment = stack.export_stack().deployment if stack else None
    return State.of(environment, deployment or {})


def _protected(environment: str, urns: Sequence[str]) -> StanchionError:
    listed = "\n".join(f"  pulumi state unprotect -s {environment} '{urn}'" for urn in urns)
    return StanchionError(
        f"protects {len(urns)} resources, and nothing was touched. For each that may be lost with "
        f"what it holds:\n{listed}\nthen run this again",
        where=environment,
        fix="a cloud's own deletion protection is turned off with the resource's settings",
    )


def _drain(state: State) -> None:
    from stanchion_cli.deploy.drain import drain

    with state.own_cluster() as target:
        if target is None:
            return
        console.print(f"{state.environment}: its cluster is drained")
        try:
            drain(target.api())
        except StanchionError as error:
            raise StanchionError(
                f"its cluster is not drained, and nothing was destroyed: {error}",
                where=state.environment,
                fix="run this again where its API can be reached, or with --no-drain: load "
                "balancers, disks and machines that controllers made are then left in the cloud",
            ) from None


def forget(root: Path, environment: str) -> None:
    """Drop the state of an environment whose node is gone, with all that the state describes.

    Raises:
        StanchionError: when the engine fails; its own output has been shown by then.
    """
    if backend := LocalBackend.of(environment):
        backend.forget()
        return
    if not available():
        return
    from pulumi import automation

    settings = automation.LocalWorkspaceOptions(env_vars={"PULUMI_K8S_DELETE_UNREACHABLE": "true"})
    try:
        stack = automation.select_stack(environment, work_dir=str(root), opts=settings)
        stack.destroy(on_output=_show, on_error=_show)
    except automation.StackNotFoundError:
        return
    except automation.CommandError as error:
        raise _failed(environment, "destroy", error) from None


def _stack(root: Path, environment: str, *, create: bool = True):  # type: ignore[no-untyped-def]
    """The environment's stack; None where there is none and none is to be made.

    Raises:
        StanchionError: when the engine cannot open it, for want of a login perhaps.
    """
    from pulumi import automation

    backend = LocalBackend.of(environment)
    folder, variables = backend.prepare(root) if backend else (root, {})
    settings = automation.LocalWorkspaceOptions(env_vars=variables)
    find = automation.create_or_select_stack if create else automation.select_stack
    try:
        stack = find(environment, work_dir=str(folder), opts=settings)
    except automation.StackNotFoundError:
        return None
    except automation.CommandError as error:
        raise _failed(environment, "stack select", error, fix=_OPENING) from None
    if backend and backend.abandoned():
        console.print(f"{environment}: an earlier run was ended by force; going on from there")
        stack.cancel()
    return stack


def _refuse_applyset(target: Target, environment: str) -> None:
    if target.kubeconfig is not None and not target.kubeconfig.exists():
        return
    if ApplySet(environment).exists(target.api()):
        raise StanchionError(
            "was brought up without the engine, as an ApplySet",
            where=environment,
            fix=f"go on that way with `stanchion up {environment} --no-engine`, "
            f"or give it up first with `stanchion down {environment} --no-engine`",
        )


def _busy(environment: str) -> BusyError:
    fix = "wait until that has ended, then run this again"
    if not LocalBackend.of(environment):  # there the next run takes away what a killed one left
        fix += f" (the lock of one that was killed goes with `pulumi cancel -s {environment}`)"
    return BusyError("another run of the engine is changing it", where=environment, fix=fix)


def _show(line: str) -> None:
    console.print(line.rstrip(), markup=False)


_OPENING = "see which backend and which login are meant with `pulumi whoami -v`"


def _failed(
    environment: str,
    verb: str,
    error: automation.CommandError,
    *,
    fix: str = "see the engine's messages above",
) -> StanchionError:
    lines = [line for line in str(error).splitlines() if "error:" in line]
    return StanchionError(
        f"`pulumi {verb}` failed: {lines[-1].partition('error:')[2].strip()}"
        if lines
        else f"`pulumi {verb}` failed",
        where=environment,
        fix=fix,
    )
