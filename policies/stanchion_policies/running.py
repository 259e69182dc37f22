"""Running rules over resources, wherever they come from.

What every check needs is seen to here: a value that is not known before deployment leaves that one
object undecided, not all of them; a check that crashes ends the run with the names of the policy
and the resource.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from stanchion_policies.kubernetes import KubernetesObject, Resource, objects_of
from stanchion_policies.rules import Rule, Scope, Settings
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.unknown import UnknownValueError

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

    def over(self, resources: Sequence[Resource]) -> None:
        """Judge the resources: each by itself, or as a stack where the rule needs to see it."""
        rule = self._rule
        if rule.scope is Scope.OBJECT:
            for item in self._objects(resources):
                self._judge(item)
        elif rule.scope is Scope.RESOURCE:
            for resource in resources:
                self._judge(CloudResource(resource))
        else:
            stack = Stack(resources, self._objects(resources))
            if rule.scope is Scope.CLUSTER:
                for item in stack.cluster.objects:
                    self._judge(item, stack.cluster)
            else:
                for found in stack.of(*rule.kinds):
                    self._judge(found, stack)

    def mend(self, resource: Resource) -> bool:
        """Apply the rule's remedy to the objects of a resource that no exemption covers.

        Its properties are changed in place; whether any was is returned.
        """
        remedy, mended = self._rule.remedy, False
        for item in self._objects([resource]) if remedy else ():
            if item.is_a(*self._rule.kinds) and self._exemption_of(item.title) is None:
                for done in self._guarded(item.urn, "", partial(map, remedy, (item,))):
                    mended = mended or done
        return mended

    def _judge(self, item: KubernetesObject | CloudResource, *around: Any) -> None:
        """Run the check where it is for such an item."""
        kinds = self._rule.kinds
        meant = item.is_a(*kinds) if isinstance(item, KubernetesObject) else item.type in kinds
        if not meant:
            return
        title, urn = item.title, item.urn
        exemption = self._exemption_of(title)
        check = partial(self._rule.check, item, *around, self._settings)
        for message in self._guarded(urn, f"{title}: ", check):
            if exemption is None:
                self._report(f"{title}: {message}{self._lapsed(title)}", urn)
            else:
                self.exempted.append(Exempted(exemption, urn, f"{title}: {message}"))
        if exemption is not None and self.undecided.get(urn, "").startswith(f"{title}: "):
            self.exempted.append(Exempted(exemption, urn, self.undecided.pop(urn)))

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

    def _objects(self, resources: Iterable[Resource]) -> list[KubernetesObject]:
        """The objects of all resources, those left out whose list cannot be read yet."""
        found: list[KubernetesObject] = []
        for resource in resources:
            found.extend(self._guarded(resource.urn, "", partial(objects_of, resource)))
        return found

    def _guarded(self, urn: str, title: str, read: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        try:
            yield from read()
        except UnknownValueError as unknown:
            self.undecided[urn] = f"{title}{unknown.message}"
        except Exception as error:  # noqa: BLE001 - any fault of a check must name it
            # The exception's own text may hold a value of the resource, so it is not repeated.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            raise CheckCrashedError(
                f"policy '{self._rule.name}' on {urn}: {type(error).__name__} at {place}"
            ) from None
