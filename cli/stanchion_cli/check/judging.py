"""Runs the pack's rules over manifests, in this process and its forks, without an engine."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final

from stanchion_cli.check.findings import Findings, Told
from stanchion_cli.check.manifests import Manifest
from stanchion_cli.check.objects import Objects
from stanchion_cli.policies.model import Level, PolicyError, PolicyInfo, Severity
from stanchion_policies import RULES
from stanchion_policies.cluster import Cluster
from stanchion_policies.kubernetes import KubernetesObject
from stanchion_policies.rules import Rule, Settings
from stanchion_policies.running import Around, CheckCrashedError, Judged, Run
from stanchion_policies.stack import CloudResource

_WORTH_A_FORK: Final = 1000
"""Objects from which on a second process saves more time than it takes."""
_AT_ONCE: Final = 250
"""Objects that a process is given at a time."""
_COLLECTED: Final = 20_000
"""Containers made since, at which cycles are looked for; Python's own number is 700."""
_FORK: Final = "fork"

_shared: list[_Judging] = []
"""What forks judge with: they have it without being sent it."""


def policy_infos() -> list[PolicyInfo]:
    """The pack's policies at their defaults: what the pack tells the engine of itself."""
    return [_info(rule) for rule in RULES]


def judge(objects: Iterable[Manifest], policies: Iterable[PolicyInfo]) -> Findings:
    """Hold objects to policies.

    Args:
        objects: The objects, which are one cluster's to rules that look at several; gone over once.
        policies: The policies with the levels and settings in force.

    Raises:
        PolicyError: A check has a fault.
    """
    enabled = [policy for policy in policies if policy.level is not Level.DISABLED]
    held, findings = Objects(), Findings(enabled)
    with _few_collections():
        for each in objects:
            held.add(each)
        held.settle()
        try:
            for told in _told(_Judging(held, enabled)):
                findings.add(told)
        except CheckCrashedError as error:
            raise PolicyError(f"a check of the policy pack crashed: {error}") from None
    return findings


@contextmanager
def _few_collections() -> Iterator[None]:
    """Seldom look for cycles, which manifests have none of: it takes a tenth of the time."""
    before = gc.get_threshold()
    gc.freeze()  # what there is need not be looked at, nor be copied by forks that do
    gc.set_threshold(_COLLECTED)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class _Judging:
    """The rules, made to run over objects part by part.

    Args:
        objects: The objects.
        policies: The policies that are asked.
    """

    def __init__(self, objects: Objects, policies: Iterable[PolicyInfo]) -> None:
        self.objects = objects
        resources = [each.resource for each in objects.resources.values()]
        judged = Judged(resources, Cluster(objects, resources, objects.identities))
        self._said: list[str] = []
        self._runs: dict[str, list[tuple[int, Run, Around]]] = {}
        rules = {rule.name: rule for rule in RULES}
        for place, policy in enumerate(policies):
            rule = rules[policy.name]
            run = Run(rule, Settings(rule.settings or {}, policy.settings), self._say)
            for kind in rule.kinds:
                self._runs.setdefault(kind, []).append((place, run, judged.around(rule)))

    def part(self, places: range) -> list[Told]:
        """What the rules say of some of the objects, in the order of these and of the policies."""
        looked_at: dict[str, list[tuple[int, KubernetesObject | CloudResource]]] = {}
        for place in places:
            item = self.objects[place]
            if item.is_a(item.kind):
                looked_at.setdefault(item.kind, []).append((place, item))
            if item.urn in self.objects.resources:
                resource = self.objects.resources[item.urn]
                looked_at.setdefault(resource.type, []).append((place, resource))
        told: dict[int, list[Told]] = {}
        # Rule by rule: a processor is half again as fast at what it has just done.
        for kind, items in looked_at.items():
            for rule, run, around in self._runs.get(kind, ()):
                for place, each in items:
                    run.on(each, around)
                    if self._said or run.undecided or run.exempted:
                        told.setdefault(place, []).extend(self._taken(rule, run, place))
        return [each for place in sorted(told) for each in sorted(told[place], key=_policy)]

    def _taken(self, rule: int, run: Run, place: int) -> list[Told]:
        """What a rule said of an object, which it now has forgotten."""
        item, (file, line) = self.objects.held(place)
        answers = [
            *((message, False, -1) for message in self._said),
            *((reason, True, -1) for reason in run.undecided.values()),
            *((message, False, exemption) for exemption, _, message in run.exempted),
        ]
        for said in (self._said, run.undecided, run.exempted):
            said.clear()
        return [Told(rule, *answer, item.urn, item.title, file, line) for answer in answers]

    def _say(self, message: str, _urn: str) -> None:
        self._said.append(message)


def _policy(told: Told) -> int:
    return told.policy


def _told(judging: _Judging) -> Iterator[Told]:
    objects = len(judging.objects)
    parts = [range(first, min(first + _AT_ONCE, objects)) for first in range(0, objects, _AT_ONCE)]
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    forks = _FORK in multiprocessing.get_all_start_methods()
    if objects < _WORTH_A_FORK or workers < 2 or not forks:
        for part in parts:
            yield from judging.part(part)
        return
    _shared[:] = [judging]
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context(_FORK)) as pool:
            for told in pool.map(_shared_part, parts):
                yield from told
    except BrokenProcessPool:
        raise PolicyError(
            "a process that checked was ended", fix="give it more memory, or fewer files at once"
        ) from None
    finally:
        _shared.clear()


def _shared_part(part: range) -> list[Told]:
    return _shared[0].part(part)


def _info(rule: Rule) -> PolicyInfo:
    schema = rule.schema
    return PolicyInfo(
        name=rule.name,
        description=rule.description,
        kind="stack" if rule.sees_stack else "resource",
        level=Level.MANDATORY,
        settings={name: entry["default"] for name, entry in schema.items()},
        schema=schema,
        severity=Severity(rule.severity.value),
        framework=" ".join(rule.framework or ()),
        tags=rule.marks,
        remediation=rule.fix,
        url=rule.url,
    )
