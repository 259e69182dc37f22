"""Components built against a monitor that keeps what the SDK's own mock forgets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

RANDOM_PASSWORD = "random:index/randomPassword:RandomPassword"
SECRET_MARK = "4dabf18193072939515e22adb298388d"
IMAGE = "registry.example.com/stanchion"
DIGEST = "sha256:" + "a" * 64


@dataclass(frozen=True)
class Registered:
    """A resource as the program registered it."""

    urn: str
    type: str
    name: str
    parent: str
    inputs: Mapping[str, Any]
    provider: str
    dependencies: frozenset[str]
    protect: bool
    retain: bool
    timeouts: Mapping[str, str]
    ignores: tuple[str, ...]
    wire: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name of a Kubernetes object."""
        return self.inputs["kind"], self.inputs["metadata"]["name"]


@dataclass
class World:
    """Everything a program registered, and what it exported."""

    resources: list[Registered] = field(default_factory=list)
    exports: Any = None

    @property
    def manifests(self) -> list[Mapping[str, Any]]:
        """Every Kubernetes object."""
        return [r.inputs for r in self._kubernetes()]

    @property
    def objects(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Kubernetes objects by kind and name; of those that share both, the last."""
        return {r.key: r.inputs for r in self._kubernetes()}

    def object(self, kind: str, name: str | None = None) -> Mapping[str, Any]:
        """The one object of the kind, and of the name where given."""
        (found,) = [o for (k, n), o in self.objects.items() if k == kind and name in {None, n}]
        return found

    def registered(self, kind: str, name: str) -> Registered:
        """The registration of a Kubernetes object."""
        (found,) = [r for r in self._kubernetes() if r.key == (kind, name)]
        return found

    def waits_for(self, later: Registered, earlier: Registered) -> bool:
        """Whether `later` depends on `earlier`, directly or through others."""
        by_urn = {r.urn: r for r in self.resources}
        seen: set[str] = set()
        frontier = set(later.dependencies)
        while frontier:
            urn = frontier.pop()
            if urn == earlier.urn:
                return True
            if urn not in seen and urn in by_urn:
                seen.add(urn)
                frontier |= by_urn[urn].dependencies
        return False

    def pods(self) -> dict[str, Mapping[str, Any]]:
        """Every pod template, by kind and name of its workload."""
        return {
            f"{kind}/{name}": item["spec"]["template"]
            for (kind, name), item in self.objects.items()
            if kind in {"Deployment", "StatefulSet", "Job"}
        }

    def containers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every container with the name of its workload."""
        for name, template in self.pods().items():
            for container in template["spec"]["containers"]:
                yield name, container

    def _kubernetes(self) -> list[Registered]:
        return [
            r
            for r in self.resources
            if r.type.startswith("kubernetes:") and not r.type.startswith("kubernetes:helm.sh/")
        ]


def deploy(
    program: Callable[[], Any],
    *,
    preview: bool = False,
    into: World | None = None,
    computed: Mapping[str, Mapping[str, Any]] | None = None,
) -> World:
    """Run `program` to its end and return what it registered.

    Args:
        program: Makes resources and returns what it exports.
        preview: Whether to run it as a preview does.
        into: Filled as the program goes, for one that fails on the way.
        computed: What the provider fills in, by resource type.

    Raises:
        Exception: whatever the program raised.
    """
    world = into if into is not None else World()

    class Answers(Mocks):
        def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            password = {"result": generated(args.name)} if args.typ == RANDOM_PASSWORD else {}
            filled_in = (computed or {}).get(args.typ, {})
            return f"{args.name}-id", {**args.inputs, **password, **filled_in}

        def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
            raise AssertionError(f"a component called the provider function {args.token}")

    class Monitor(MockMonitor):
        def RegisterResource(self, request: Any) -> Any:  # noqa: N802
            answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
            if request.type == "pulumi:pulumi:Stack":
                return answer
            wire = json_format.MessageToDict(request.object)
            world.resources.append(
                Registered(
                    urn=answer.urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    inputs=_plain(wire),
                    provider=request.provider,
                    dependencies=frozenset(request.dependencies),
                    protect=request.protect,
                    retain=request.retainOnDelete,
                    ignores=tuple(request.ignoreChanges),
                    timeouts=json_format.MessageToDict(request.customTimeouts),
                    wire=wire,
                )
            )
            return answer

    # An asynchronous test that ran before in this process leaves the thread without a loop.
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
    mocks = Answers()
    pulumi.runtime.set_mocks(mocks, preview=preview, monitor=Monitor(mocks))

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> Any:
        def keep(exports: Any) -> None:
            world.exports = exports

        return pulumi.Output.from_input(program()).apply(keep)

    run()
    return world


def generated(name: str) -> str:
    """The password that the random provider would have made for a resource."""
    return f"generated-{name}"


def text(value: Any) -> str:
    """A value as one searchable line."""
    return json.dumps(value, sort_keys=True)


def _plain(value: Any) -> Any:
    """Inputs as a provider sees them: secrets opened, whole numbers whole."""
    if isinstance(value, dict):
        if SECRET_MARK in value:
            return _plain(value["value"])
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
