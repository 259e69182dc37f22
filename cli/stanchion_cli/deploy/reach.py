"""The cluster of an environment that is up, reached from this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stanchion_cli.deploy.target import Target, target_in, target_of
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview import Preview, contains_unknown
from stanchion_cli.preview import run as run_preview
from stanchion_cli.preview.config import load_project
from stanchion_cli.preview.layers import environment_of, holder

_BY_CONTEXT = "name a context of your kubeconfig that is its cluster with --context"


def preview_with(root: Path, name: str, layer: str) -> tuple[str, Preview]:
    """The environment that `name` is a stack of, and its stack that holds `layer`, evaluated.

    A pin that does not go with its service's file counts as none: it is mended by another pin.

    Args:
        root: The project's directory.
        name: The environment, or any stack of it.
        layer: foundation, platform or services.

    Raises:
        InputError: when there is no such environment or a file of it is wrong.
        StanchionError: when its program fails.
    """
    project = load_project(root)
    stack = holder(project, name, layer)
    found = run_preview(stack, root=root, policies=False, fitting_pins_alone=True)
    return environment_of(project, stack), found


@contextmanager
def reached(root: Path, environment: str, preview: Preview, context: str = "") -> Iterator[Target]:
    """The cluster of an environment, for as long as the block runs.

    Args:
        root: The project's directory.
        environment: The environment.
        preview: A stack of it, evaluated.
        context: A context of the user's own kubeconfig, used whatever the environment says;
            empty: what the program names, or in a cloud what the environment's stack exports.

    Raises:
        InputError: when there is no such context.
        StanchionError: naming what is missing: the engine, the stack's output, or the command
            that gives credentials.
    """
    if context:
        yield _of_context(environment, context)
    elif contains_unknown((preview.outputs.get("cluster") or {}).get("kubeconfig")):
        kubeconfig = _exported_kubeconfig(root, environment)
        _require_credentials(environment, kubeconfig)
        with target_in(environment, kubeconfig) as target:
            yield target
    else:
        yield target_of(preview)


def _of_context(environment: str, context: str) -> Target:
    from kubernetes import config

    try:
        contexts, _ = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise InputError(
            f"your kubeconfig cannot be used: {error}",
            where=f"--context {context}",
            fix="name a file that can with KUBECONFIG",
        ) from None
    known = [str(each["name"]) for each in contexts]
    if context not in known:
        raise InputError(
            "the kubeconfig has no such context",
            where=f"--context {context}",
            fix=f"there are: {', '.join(known) or 'none'}",
        )
    return Target(environment, bundled=None, kubeconfig=None, context=context)


def _exported_kubeconfig(root: Path, environment: str) -> str:
    from stanchion_cli.deploy import engine

    if not engine.available():
        raise StanchionError(
            "its cluster is known from the engine's state, and `pulumi` is not on PATH",
            where=environment,
            fix=f"install it as https://www.pulumi.com/docs/install/ says, or {_BY_CONTEXT}",
        )
    cluster = engine.outputs_of(root, environment).get("cluster") or {}
    if not cluster.get("kubeconfig"):
        raise StanchionError(
            "its stack exports no cluster, so it is not up, or not since it does",
            where=environment,
            fix=f"run `stanchion up {environment}`, or {_BY_CONTEXT}",
        )
    return str(cluster["kubeconfig"])


def _require_credentials(environment: str, kubeconfig: str) -> None:
    """Refuse early, where a client would go on without credentials and be turned away."""
    for user in json.loads(kubeconfig).get("users") or []:
        command = (user["user"].get("exec") or {}).get("command")
        if command is not None and shutil.which(command) is None:
            raise StanchionError(
                f"its cluster asks `{command}` for credentials, which is not on PATH",
                where=environment,
                fix=f"install it and sign in to the cloud, or {_BY_CONTEXT}",
            )
