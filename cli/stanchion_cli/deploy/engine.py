"""The Pulumi engine, where it is installed: how any environment is run for real."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from stanchion_cli.deploy.applyset import ApplySet
from stanchion_cli.deploy.target import target_of
from stanchion_cli.errors import StanchionError
from stanchion_cli.preview import Preview
from stanchion_cli.progress import console


def available() -> bool:
    """Whether the engine's command is on PATH."""
    return shutil.which("pulumi") is not None


def up(root: Path, preview: Preview) -> None:
    """Run `pulumi up` through the Automation API, with the policy pack.

    Raises:
        StanchionError: when the environment was brought up without the engine, or the engine
            fails; its own output has been shown by then.
    """
    _refuse_applyset(preview)
    from pulumi import automation

    stack = _stack(root, preview.environment)
    pack, levels = root / "policies", root / "policies" / "environments" / f"{preview.profile}.json"
    try:
        stack.up(on_output=_show, policy_packs=[str(pack)], policy_pack_configs=[str(levels)])
    except automation.CommandError as error:
        raise _failed(preview.environment, "up", error) from None


def down(root: Path, preview: Preview) -> None:
    """Run `pulumi destroy` through the Automation API.

    Raises:
        StanchionError: when the engine fails; its own output has been shown by then.
    """
    from pulumi import automation

    try:
        _stack(root, preview.environment).destroy(on_output=_show)
    except automation.CommandError as error:
        raise _failed(preview.environment, "destroy", error) from None


def _stack(root: Path, environment: str):  # type: ignore[no-untyped-def]
    from pulumi import automation

    settings = None
    if environment == "local" and "PULUMI_BACKEND_URL" not in os.environ:
        settings = automation.LocalWorkspaceOptions(env_vars=_local_backend())
    return automation.create_or_select_stack(environment, work_dir=str(root), opts=settings)


def _local_backend() -> dict[str, str]:
    """The local environment's state stays on this machine, beside its cluster's."""
    from stanchion_cli.cluster.layout import state_parent

    folder = state_parent() / "pulumi"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passphrase = folder / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(32))
    return {
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
    }


def _refuse_applyset(preview: Preview) -> None:
    target = target_of(preview)
    if target.kubeconfig is not None and not target.kubeconfig.exists():
        return
    if ApplySet(preview.environment).exists(target.api()):
        raise StanchionError(
            "was brought up without the engine, as an ApplySet",
            where=preview.environment,
            fix=f"take it down that way first: `stanchion down {preview.environment} --no-engine`",
        )


def _show(line: str) -> None:
    console.print(line.rstrip(), markup=False)


def _failed(environment: str, verb: str, error: Exception) -> StanchionError:
    # The command's own output has been streamed; its exception repeats all of it.
    return StanchionError(
        f"`pulumi {verb}` failed ({type(error).__name__})",
        where=environment,
        fix="see the engine's messages above",
    )
