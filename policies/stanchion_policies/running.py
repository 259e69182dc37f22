"""Running rules over resources, wherever they come from.

What every check needs is seen to here: a value that is not known before deployment leaves that one
object undecided, not all of them; a check that crashes ends the run with the names of the policy
and the resource. What rules look at is made of the resources once for all rules.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject, Resource, objects_of
from stanchion_policies.rules import OF_OBJECTS, Rule, Scope, Settings
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.unknown import UnknownValueError

Around = tuple[Cluster] | tuple[Stack] | tuple[()]
"""What a rule looks at something among."""

Report = Callable[[str, str], None]
"""Takes a message and the URN of the resource that it is about."""


class CheckCrashedError(Exception):
    """A check has a fault; ends the run, because a policy that did not run has not passed."""


class Exempted(NamedTuple):
    """A violation that an exemption covers, or one that could not be told.

    Attributes:
        exemption: The exemption's place in the rule's settings.
        urn: The resource.
        message: What the rule says.
    """

    exemption: int
    urn: str
    message: str


class Judged:
    """The resources that rules are run over, and what is made of them once for all rules.

    Args:
        resources: The resources, in the order of their registration.
        cluster: The Kubernetes objects, where they are not to be made of the resources.

    Attributes:
        unreadable: The reason for each list of objects that cannot be read yet, by its URN; known
            from the first use of `stack`.
    """

    def __init__(self, resources: Sequence[Resource], cluster: Cluster | None = None) -> None:
        self._resources, self._cluster = resources, cluster
        self.unreadable: dict[str, str] = {}

    @cached_property
    def stack(self) -> Stack:
        """All resources, and all Kubernetes objects that can be read."""
        return Stack(self._resources, self._cluster or self._declared())

    def _declared(self) -> Cluster:
        objects: list[KubernetesObject] = []
        for resource in self._resources:
            try:
                objects.extend(objects_of(resource))
            except UnknownValueError as unknown:
                self.unreadable[resource.urn] = unknown.message
        return Cluster(objects, self._resources)

    def of(self, rule: Rule) -> Sequence[KubernetesObject | CloudResource]:
        """What a rule looks at."""
        kinds = sorted(rule.kinds)
        return self.stack.cluster.of(*kinds) if rule.scope in OF_OBJECTS else self.stack.of(*kinds)

    def around(self, rule: Rule) -> Around:
        """What a rule looks at it among."""
        if rule.scope is Scope.CLUSTER:
            return (self.stack.cluster,)
        return (self.stack,) if rule.scope is Scope.STACK else ()


class Run:
    """One run of a rule.

    Args:
        rule: The rule.
        settings: Its settings in force.
        report: Takes each violation.

    Attributes:
        undecided: The reason for each URN that could not be decided.
        exempted: What exemptions cover.
    """

    def __init__(self, rule: Rule, settings: Settings, report: Report) -> None:
        self._rule, self._settings, self._report = rule, settings, report
        self.undecided: dict[str, str] = {}
        self.exempted: list[Exempted] = []

    def over(self, judged: Judged) -> None:
        """Judge what the rule is for, each by itself or, where it takes that, among all.

        Raises:
            CheckCrashedError: The check has a fault.
        """
        around = judged.around(self._rule)
        for item in judged.of(self._rule):
            self.on(item, around)
        if self._rule.scope is not Scope.RESOURCE:
            self.undecided |= judged.unreadable

    def mend(self, resource: Resource) -> bool:
        """Apply the rule's remedy to the objects of a resource that no exemption covers.

        Its properties are changed in place; whether any was is returned.
        """
        remedy, mended = self._rule.remedy, False
        for item in Judged([resource]).of(self._rule) if remedy else ():
            if self._exemption_of(item.title) is None:
                for done in self._guarded(item, partial(map, remedy, (item,))):
                    mended = mended or done
        return mended

    def on(self, item: KubernetesObject | CloudResource, around: Around) -> None:
        """Judge one of those that the rule is for.

        Args:
            item: What the rule looks at.
            around: What it looks at it among, as `Judged.around` has it.

        Raises:
            CheckCrashedError: The check has a fault.
        """
        check = partial(self._rule.check, item, *around, self._settings)
        messages = [*self._guarded(item, check)]
        if messages or item.urn in self.undecided:
            self._tell(item, messages)

    def _tell(self, item: KubernetesObject | CloudResource, messages: Sequence[str]) -> None:
        title, urn = item.title, item.urn
        told = [f"{title}: {message}" for message in messages]
        exemption = self._exemption_of(title)
        if exemption is None:
            lapsed = self._lapsed(title)
            for message in told:
                self._report(f"{message}{lapsed}", urn)
            return
        if self.undecided.get(urn, "").startswith(f"{title}: "):
            told.append(self.undecided.pop(urn))
        self.exempted += [Exempted(exemption, urn, message) for message in told]

    def _exemption_of(self, title: str) -> int | None:
        """The place of the exemption in force that covers an object."""
        for place, exemption in enumerate(self._settings.exemptions):
            if exemption.covers(title) and not exemption.expired():
                return place
        return None

    def _lapsed(self, title: str) -> str:
        """What a message adds where an exemption of the object is past its day."""
        days = [each.expires for each in self._settings.exemptions if each.covers(title)]
        return f" (it was exempt until {max(days)}, which is over)" if days else ""

    def _guarded(
        self, item: KubernetesObject | CloudResource, read: Callable[[], Iterable[Any]]
    ) -> Iterator[Any]:
        try:
            yield from read()
        except UnknownValueError as unknown:
            self.undecided[item.urn] = f"{item.title}: {unknown.message}"
        except Exception as error:  # noqa: BLE001 - any fault of a check must name it
            # The exception's own text may hold a value of the resource, so it is not repeated.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            raise CheckCrashedError(
                f"policy '{self._rule.name}' on {item.urn}: {type(error).__name__} at {place}"
            ) from None
