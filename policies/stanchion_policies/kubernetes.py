"""Kubernetes objects, and the pods they make: one way to reach the pod of every workload kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from stanchion_policies.jobs_made import jobs_of
from stanchion_policies.reading import entries, get, items, present, text
from stanchion_policies.unknown import UnknownValueError

REPLICATED = frozenset(
    {"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout"}
    | {"DeploymentConfig"}
)
"""Kinds with a number of replicas."""

LONG_RUNNING = REPLICATED | {"DaemonSet", "Pod"}
"""Kinds whose containers are to run until they are told to stop."""

WORKLOADS = LONG_RUNNING | {"Job", "CronJob"}
"""Every kind that makes pods."""

_GROUPS = {
    "Deployment": ("apps", "extensions", ""),
    "StatefulSet": ("apps", ""),
    "DaemonSet": ("apps", "extensions", ""),
    "ReplicaSet": ("apps", "extensions", ""),
    "Rollout": ("argoproj.io",),
    "DeploymentConfig": ("apps.openshift.io", ""),
    "Job": ("batch", ""),
    "RayJob": ("ray.io",),
    "RayCluster": ("ray.io",),
    "RayService": ("ray.io",),
    "CronJob": ("batch", ""),
    "Pod": ("",),
    "ReplicationController": ("",),
    "Service": ("",),
    "Release": ("helm.sh",),
    "Ingress": ("networking.k8s.io", "extensions"),
    "NetworkPolicy": ("networking.k8s.io", "extensions"),
}
"""API groups of the kinds that other groups use too (Knative has a Service, Cilium a policy).

A workload of the core group, `apiVersion: v1`, is a common mistake: it is judged all the same.
"""

_POD_PATHS = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_RESOLVED = frozenset(
    {"runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "seLinuxOptions"}
    | {"appArmorProfile", "windowsOptions"}
)
"""Security settings that a pod hands down to containers that do not say otherwise."""


class ContainerKind(StrEnum):
    """What a container is in its pod; the words messages use."""

    MAIN = "container"
    INIT = "init container"
    EPHEMERAL = "ephemeral container"


class Provider(Protocol):
    """What is read of a resource's provider."""

    props: Mapping[str, Any]


class Resource(Protocol):
    """What is read of a resource, in resource and stack policies both."""

    resource_type: str
    props: Mapping[str, Any]
    urn: str
    name: str

    @property
    def provider(self) -> Any: ...  # noqa: D102
    @property
    def opts(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class KubernetesObject:
    """One Kubernetes object that a resource declares.

    Attributes:
        urn: The URN of the resource.
        resource_name: The resource's Pulumi name, for objects whose own name is not known yet.
        group: API group, empty for the core group.
        kind: `Deployment`, `Service` and so on.
        body: The object itself.
        provider_namespace: The namespace that the provider gives objects without one.
        ignored: Paths, as `spec.replicas`, that the program states once and leaves to others then.
    """

    urn: str
    resource_name: str
    group: str
    kind: str
    body: Mapping[str, Any]
    provider_namespace: str | None = None
    ignored: frozenset[str] = frozenset()

    def is_a(self, *kinds: str) -> bool:
        """Whether it is of one of the kinds, in the API group that the kind belongs to."""
        return self.kind in kinds and self.group in _GROUPS.get(self.kind, (self.group,))

    @property
    def name(self) -> str:
        """`metadata.name`, or the resource's name where the provider is to choose one."""
        return str(get(self.body, "metadata", "name", default=self.resource_name))

    @property
    def namespace(self) -> str:
        """The namespace it lands in, `default` where nothing says otherwise."""
        inherited = self.provider_namespace or "default"
        return str(get(self.body, "metadata", "namespace", default=inherited))

    @property
    def labels(self) -> Mapping[str, Any]:
        """`metadata.labels`."""
        return entries(self.body, "metadata", "labels")

    @property
    def title(self) -> str:
        """`Deployment ml/churn`, for messages; never stops a check."""
        try:
            namespace = get(self.body, "metadata", "namespace", default=self.provider_namespace)
            name = self.name
        except UnknownValueError:
            return f"{self.kind} {self.resource_name}"
        return f"{self.kind} {namespace}/{name}" if namespace else f"{self.kind} {name}"

    def declares(self, *path: str) -> bool:
        """Whether the program sets the field, and not only to begin with.

        After a deployment, stack policies see live objects, in which the API server and
        controllers have set fields too; then it counts who applied the field. A live object
        that does not say who did is given the benefit of the doubt.
        """
        within = {".".join(path[:end]) for end in range(1, len(path) + 1)}
        if not present(self.body, *path) or within & self.ignored:
            return False
        if not present(self.body, "metadata", "uid"):
            return True
        keys = ("fieldsV1", *(f"f:{key}" for key in path))
        return any(
            text(manager, "operation") == "Apply" and present(manager, *keys)
            for manager in items(self.body, "metadata", "managedFields")
        )

    @cached_property
    def pod(self) -> Pod | None:
        """The pod it makes; None for other kinds and for a Rollout that refers to a Deployment."""
        if not self.is_a(*WORKLOADS):
            return None
        if self.kind == "Rollout" and present(self.body, "spec", "workloadRef"):
            return None
        path = _POD_PATHS.get(self.kind, ("spec", "template"))
        template = get(self.body, *path, default={}) if path else self.body
        return Pod(entries(template, "metadata", "labels"), entries(template, "spec"), template)

    def containers(self) -> Iterator[Container]:
        """The containers of every kind in its pod: an init container can do the same harm."""
        if self.pod is not None:
            yield from self.pod.containers()

    def security_contexts(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each security context as it is written, with the words for whose it is."""
        if self.pod is not None:
            yield "the pod", entries(self.pod.spec, "securityContext")
        for container in self.containers():
            yield container.title, entries(container.body, "securityContext")


@dataclass(frozen=True)
class Container:
    """A container of any kind in a pod.

    Attributes:
        kind: Whether it is a main, init or ephemeral container.
        body: The container itself.
        pod: The pod's spec, for what containers take over from it.
        index: Its place in its list, to name it where it has no name.
    """

    kind: ContainerKind
    body: Mapping[str, Any]
    pod: Mapping[str, Any]
    index: int

    @property
    def title(self) -> str:
        """`init container 'migrate'`, for messages."""
        return f"{self.kind} {get(self.body, 'name', default=str(self.index))!r}"

    def security(self, setting: str) -> Any:
        """A setting of the security context in force: the container's, else the pod's."""
        own = get(self.body, "securityContext", setting)
        if own is None and setting in _RESOLVED:
            return get(self.pod, "securityContext", setting)
        return own

    @property
    def env(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Environment entries with their names, in order; of a repeated name the last one wins."""
        for entry in items(self.body, "env"):
            yield str(get(entry, "name", default="")), entry

    def words(self) -> Sequence[str]:
        """Command and arguments as one list."""
        return [str(word) for key in ("command", "args") for word in items(self.body, key)]


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of pods.

    Attributes:
        labels: The pod's labels.
        spec: The pod's spec.
        template: The whole template, or the Pod object itself.
    """

    labels: Mapping[str, Any]
    spec: Mapping[str, Any]
    template: Mapping[str, Any]
    _known: dict[ContainerKind, list[Container]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def containers(self, *kinds: ContainerKind) -> Iterator[Container]:
        """Containers of the given kinds, of every kind where none is given."""
        lists = {
            ContainerKind.INIT: "initContainers",
            ContainerKind.MAIN: "containers",
            ContainerKind.EPHEMERAL: "ephemeralContainers",
        }
        for kind, key in lists.items():
            if not kinds or kind in kinds:
                yield from self._known.get(kind) or self._listed(kind, key)

    def _listed(self, kind: ContainerKind, key: str) -> Iterator[Container]:
        """The containers of a kind, remembered once all of them are known."""
        found: list[Container] = []
        for index, body in enumerate(items(self.spec, key)):
            found.append(Container(kind, body, self.spec, index))
            yield found[-1]
        self._known[kind] = found

    @property
    def main(self) -> Iterator[Container]:
        """The main containers."""
        return self.containers(ContainerKind.MAIN)

    @property
    def service_account(self) -> str:
        """The name of its service account; a field of an older name still counts."""
        fields = ("serviceAccountName", "serviceAccount")
        return next(filter(None, (text(self.spec, field) for field in fields)), "default")


def objects_of(resource: Resource) -> list[KubernetesObject]:
    """The Kubernetes objects a resource declares: one, the members of a List, or none.

    A JobSet or RayJob comes with the Jobs that it amounts to, so that they are judged as any.
    Patch resources are left out: they hold a part of an object that something else owns.
    """
    package, _, rest = resource.resource_type.partition(":")
    api_version, _, kind = rest.partition(":")
    if package != "kubernetes" or not kind or kind.endswith("Patch"):
        return []
    group = api_version.rpartition("/")[0]
    provider = resource.provider
    namespace = get(provider.props, "namespace") if provider is not None else None
    group = "" if group == "core" else group
    ignored = frozenset(resource.opts.ignore_changes if resource.opts is not None else ())
    listed = kind.endswith("List") and "items" in resource.props
    bodies = items(resource.props, "items") if listed else [resource.props]
    declared = [
        KubernetesObject(
            urn=resource.urn,
            resource_name=resource.name,
            group=group,
            kind=text(body, "kind", default=kind.removesuffix("List")) if listed else kind,
            body=body,
            provider_namespace=namespace,
            ignored=ignored,
        )
        for body in bodies
    ]
    return [each for item in declared for each in (item, *jobs_of(item))]
