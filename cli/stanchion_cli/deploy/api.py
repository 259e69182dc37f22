"""The few calls to a Kubernetes API server that applying, waiting and pruning need."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import (
    ConflictError,
    DynamicApiError,
    NotFoundError,
    ResourceNotFoundError,
)
from urllib3.exceptions import HTTPError

from stanchion_cli.errors import StanchionError

FIELD_MANAGER = "stanchion"
Manifest = Mapping[str, Any]
_TURNED_AWAY = (401, 403)
_DELETION = "pulumi.com/deletionPropagationPolicy"


@dataclass(frozen=True, order=True)
class Ref:
    """Which object: enough to find it again."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The reference of a manifest."""
        metadata = manifest["metadata"]
        return cls(
            manifest["apiVersion"],
            manifest["kind"],
            metadata.get("namespace", ""),
            metadata["name"],
        )

    @property
    def group(self) -> str:
        """API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Which object it is, under whichever of its API versions it is asked for."""
        return self.group, self.kind, self.namespace, self.name

    def __str__(self) -> str:
        """`Kind namespace/name`, as messages show it."""
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


class UnreachableError(StanchionError):
    """The API server did not answer, perhaps because it starts anew; reads may be tried again."""


class Api:
    """A connection to one context of one kubeconfig, never to any other.

    Raises:
        StanchionError: when the kubeconfig, the context or the server cannot be reached.
    """

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        self._where = f"context {context or 'current'} of {kubeconfig or 'the default kubeconfig'}"
        try:
            self._client = config.new_client_from_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig) if kubeconfig else None, context=context
            )
        except (config.ConfigException, OSError) as error:
            raise StanchionError(
                f"cannot be used: {error}",
                where=self._where,
                fix="start the cluster with `stanchion cluster up`, or name an existing context "
                "under stanchion:provider",
            ) from None

    @cached_property
    def _dynamic(self) -> DynamicClient:
        # A discovery cache of its own: the shared default outlives clusters at one address.
        self._cache = tempfile.TemporaryDirectory(prefix="stanchion-discovery-")
        try:
            cache = f"{self._cache.name}/discovery.json"
            return DynamicClient(self._client, cache_file=cache)  # type: ignore[no-untyped-call]
        except (HTTPError, ApiException) as error:
            raise self._unreachable(error) from None

    def _resource(self, api_version: str, kind: str) -> Any:
        try:
            return self._dynamic.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError:
            raise StanchionError(
                f"the cluster has no kind {kind} in {api_version}",
                where=self._where,
                fix="install what defines it, or turn the feature off in the environment file",
            ) from None
        except (HTTPError, ApiException) as error:
            raise self._unreachable(error) from None

    def knows(self, api_version: str, kind: str) -> bool:
        """Whether the cluster has this kind: not before its definition is there."""
        try:
            self._dynamic.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError:
            return False
        except (HTTPError, ApiException) as error:
            raise self._unreachable(error) from None
        return True

    def serves(self, group: str, kind: str) -> str:
        """The API version under which the cluster serves a kind, its preferred one; empty: none."""
        try:
            found = self._dynamic.resources.search(
                prefix="apis" if group else "api", group=group, kind=kind
            )
        except ResourceNotFoundError:
            return ""
        except (HTTPError, ApiException) as error:
            raise self._unreachable(error) from None
        best = sorted(found, key=lambda each: not each.preferred)
        return str(best[0].group_version) if best else ""

    def get(self, ref: Ref) -> dict[str, Any] | None:
        """The object as the server has it; None when there is none."""
        resource = self._resource(ref.api_version, ref.kind)
        try:
            return dict(resource.get(name=ref.name, namespace=ref.namespace or None).to_dict())
        except NotFoundError:
            return None
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("read", ref, error) from None

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str = "",
        selector: str = "",
        field: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Every object of a kind in `namespace` (all: empty) that matches the selectors."""
        resource = self._resource(api_version, kind)
        try:
            found = resource.get(
                namespace=namespace or None,
                label_selector=selector or None,
                field_selector=field or None,
            )
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("list", Ref(api_version, kind, namespace, ""), error) from None
        for item in found.to_dict().get("items") or []:
            yield {"apiVersion": api_version, "kind": kind, **item}

    def apply(self, manifest: Manifest) -> dict[str, Any]:
        """Apply server-side with strict field validation; an equal object stays as it is."""
        ref = Ref.of(manifest)
        resource = self._resource(ref.api_version, ref.kind)
        try:
            return dict(
                resource.server_side_apply(
                    body=manifest,
                    name=ref.name,
                    namespace=ref.namespace or None,
                    field_manager=FIELD_MANAGER,
                    force_conflicts=True,
                    field_validation="Strict",
                ).to_dict()
            )
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("apply", ref, error) from None

    def create(self, manifest: Manifest) -> bool:
        """Create it; False, and nothing happens, when it is there already."""
        ref = Ref.of(manifest)
        resource = self._resource(ref.api_version, ref.kind)
        try:
            resource.create(body=manifest, namespace=ref.namespace or None)
        except ConflictError:
            return False
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("create", ref, error) from None
        return True

    def replace(self, manifest: Manifest) -> bool:
        """Replace it; False, and nothing happens, when it is gone or has changed since.

        Since when says `metadata.resourceVersion`.
        """
        ref = Ref.of(manifest)
        resource = self._resource(ref.api_version, ref.kind)
        try:
            resource.replace(body=manifest, name=ref.name, namespace=ref.namespace or None)
        except (ConflictError, NotFoundError):
            return False
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("replace", ref, error) from None
        return True

    def patch(self, ref: Ref, change: Mapping[str, Any], *, manager: str) -> None:
        """Merge `change` into the object, its fields then owned by `manager`."""
        resource = self._resource(ref.api_version, ref.kind)
        try:
            resource.patch(
                body=change,
                name=ref.name,
                namespace=ref.namespace or None,
                content_type="application/merge-patch+json",
                field_manager=manager,
            )
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("change", ref, error) from None

    def delete(self, ref: Ref) -> None:
        """Delete it with what it owns, dependents first; nothing happens when it is gone.

        Not dependents first where the object's annotation says so, as the engine's provider reads.
        """
        live = self.get(ref)
        if live is None:
            return
        said = (live["metadata"].get("annotations") or {}).get(_DELETION, "foreground")
        resource = self._resource(ref.api_version, ref.kind)
        try:
            resource.delete(
                name=ref.name,
                namespace=ref.namespace or None,
                body={"propagationPolicy": said.capitalize()},
            )
        except NotFoundError:
            return
        except (HTTPError, DynamicApiError) as error:
            raise self._failed("delete", ref, error) from None

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool) -> str:
        """The last lines a container wrote; empty when there are none."""
        try:
            return str(
                client.CoreV1Api(self._client).read_namespaced_pod_log(
                    pod, namespace, container=container, tail_lines=lines, previous=previous
                )
            )
        except (HTTPError, ApiException):
            return ""

    def _unreachable(self, error: Exception) -> StanchionError:
        if isinstance(error, ApiException) and error.status in _TURNED_AWAY:
            return StanchionError(
                f"the API server turns these credentials away ({error.status} {error.reason})",
                where=self._where,
                fix="sign in as someone whom the cluster admits",
            )
        return UnreachableError(
            f"the API server does not answer ({type(error).__name__})",
            where=self._where,
            fix="see whether it runs, the bundled node with `stanchion cluster status`, and "
            "whether this machine is in a network that reaches it",
        )

    def _failed(self, verb: str, ref: Ref, error: Exception) -> StanchionError:
        if isinstance(error, HTTPError):
            return self._unreachable(error)
        return StanchionError(
            f"the API server refused to {verb} it: {_message(error)}", where=str(ref)
        )


def _message(error: Exception) -> str:
    """The server's own sentence, out of the status object it answers with."""
    body = getattr(error, "body", None)
    try:
        return str(json.loads(body)["message"]) if body else str(error)
    except (ValueError, KeyError, TypeError):
        return str(getattr(error, "reason", None) or error)
