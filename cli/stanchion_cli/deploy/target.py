"""Which cluster an environment means, read from the provider that its program declares."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stanchion_cli.deploy.api import Api
from stanchion_cli.deploy.forward import kubectl_command
from stanchion_cli.errors import StanchionError

if TYPE_CHECKING:
    from stanchion_cli.preview import Preview

PROVIDER = "pulumi:providers:kubernetes"
"""Type of the resource that says which cluster."""


@dataclass(frozen=True)
class Target:
    """One context of one kubeconfig; `bundled` names the node of our own, if it is one."""

    environment: str
    bundled: str | None
    kubeconfig: Path | None
    context: str | None

    def api(self) -> Api:
        """A connection to it."""
        return Api(self.kubeconfig, self.context)

    def kubectl(self) -> list[str]:
        """The kubectl command line that talks to it and to nothing else."""
        from stanchion_cli import cluster

        node = cluster.find(self.bundled) if self.bundled else None
        binary = node.kubectl_path if node else shutil.which("kubectl")
        if binary is None:
            raise StanchionError(
                "kubectl is not on PATH",
                fix="install it, as https://kubernetes.io/docs/tasks/tools/",
            )
        return kubectl_command(binary, self.kubeconfig, self.context)


@contextmanager
def target_in(environment: str, kubeconfig: str) -> Iterator[Target]:
    """The current context of a kubeconfig's text, in a file that only we can read."""
    with tempfile.TemporaryDirectory(prefix="stanchion-kubeconfig-") as folder:
        path = Path(folder) / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(kubeconfig, "utf-8")
        yield Target(environment, bundled=None, kubeconfig=path, context=None)


def target_of(preview: Preview) -> Target:
    """The cluster that `preview`'s environment runs on.

    Raises:
        StanchionError: when the environment declares no Kubernetes provider, or several.
    """
    providers = [resource for resource in preview.resources if resource.type == PROVIDER]
    if len(providers) != 1:
        raise StanchionError(
            f"declares {len(providers)} Kubernetes providers",
            where=preview.environment,
            fix="without the engine exactly one is needed; use `pulumi up` for several",
        )
    inputs = providers[0].inputs
    kubeconfig, context = inputs.get("kubeconfig"), inputs.get("context")
    cluster = preview.outputs.get("cluster") or {}
    return Target(
        environment=preview.environment,
        bundled=cluster.get("bundled"),
        kubeconfig=Path(str(kubeconfig)).expanduser() if kubeconfig else None,
        context=str(context) if context else None,
    )
