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
from typing import Any

from stanchion_policies.kubernetes import KubernetesObject, Resource, objects_of
from stanchion_policies.rules import Rule, Scope, Settings
from stanchion_policies.stack import CloudResource, Stack
from stanchion_policies.unknown import UnknownValueError

Report = Callable[[str, str], None]
"""Takes a message and the URN of the resource that it is about."""


class CheckCrashedError(Exception):
    """A check has a fault; ends the run, because a policy that did not run has not passed."""


class Run:
    """One run of a rule.

    Args:
        rule: The rule.
        settings: Its settings in force.
        report: Takes each violation.

    Attributes:
        undecided: The reason for each URN that could not be decided.
    """

    def __init__(self, rule: Rule, settings: Settings, report: Report) -> None:
        self._rule, self._settings, self._report = rule, settings, report
        self.undecided: dict[str, str] = {}

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

    def _judge(self, item: KubernetesObject | CloudResource, *around: Any) -> None:
        """Run the check where it is for such an item."""
        kinds = self._rule.kinds
        meant = item.is_a(*kinds) if isinstance(item, KubernetesObject) else item.type in kinds
        if not meant:
            return
        check = partial(self._rule.check, item, *around, self._settings)
        for message in self._guarded(item.urn, f"{item.title}: ", check):
            self._report(f"{item.title}: {message}", item.urn)

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
