"""What the engine's state says of an environment that has been up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from stanchion_cli.deploy.target import PROVIDER, Target, target_in

_CLUSTER = "stanchion:index:Cluster"
_PLAINTEXT = "plaintext"


@dataclass(frozen=True)
class State:
    """The resources of one stack, as the engine exports them with secrets readable.

    Never print an instance: it holds secret values.
    """

    environment: str
    resources: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, environment: str, deployment: Mapping[str, Any]) -> Self:
        """The state of `environment` out of an exported deployment."""
        return cls(environment, tuple(deployment.get("resources") or ()))

    def __repr__(self) -> str:
        return f"State({self.environment!r}, {len(self.resources)} resources)"

    @property
    def empty(self) -> bool:
        """Whether nothing is there any more; the stack itself is no resource."""
        return all(found["type"] == "pulumi:pulumi:Stack" for found in self.resources)

    @property
    def protected(self) -> list[str]:
        """URNs of what the engine refuses to delete, in the order it was made."""
        return [found["urn"] for found in self.resources if found.get("protect")]

    @property
    def retained(self) -> list[str]:
        """Names of what the engine lets go of without deleting it, outside of the cluster."""
        return [
            found["urn"].rpartition("::")[2]
            for found in self.resources
            if found.get("retainOnDelete") and not found["type"].startswith("kubernetes:")
        ]

    @contextmanager
    def own_cluster(self) -> Iterator[Target | None]:
        """The cluster that the environment made, reached as its provider reaches it.

        None where there is none any more, and for a cluster that existed before the environment:
        what others run there is not the environment's to touch.
        """
        kubeconfig = self._kubeconfig()
        if kubeconfig is None:
            yield None
            return
        with target_in(self.environment, kubeconfig) as target:
            yield target

    def _kubeconfig(self) -> str | None:
        if not any(found["type"] == _CLUSTER for found in self.resources):
            return None
        for found in self.resources:
            if found["type"] == PROVIDER and (given := found.get("inputs", {}).get("kubeconfig")):
                return _readable(given)
        return None


def _readable(value: Any) -> str:
    """A property as the export has it: a text, or the JSON of one inside a secret's envelope."""
    if isinstance(value, Mapping):
        return str(json.loads(value[_PLAINTEXT]))
    return str(value)
