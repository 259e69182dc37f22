"""Runs the pack's rules over manifests, in this process and its forks, without an engine."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from stanchion_cli.check.manifests import Manifest
from stanchion_cli.policies.model import Finding, Level, PolicyError, PolicyInfo, Severity
from stanchion_policies import RULES
from stanchion_policies.rules import Rule, Settings
from stanchion_policies.running import WHOLE, CheckCrashedError, Judged, Run

_WORTH_A_FORK: Final = 1000
"""Objects from which on a second process saves more time than it takes."""
_FORK: Final = "fork"

_shared: list[tuple[Judged, Sequence[tuple[Rule, Settings]]]] = []
"""What forks judge: they have it without being sent it."""


class Verdict(NamedTuple):
    """What the rules say.

    Attributes:
        findings: In the order of the objects, and for each in the order of the policies.
        places: The place in the manifests of the object that each URN is for.
        titles: How messages name it; those with findings alone.
    """

    findings: Sequence[Finding]
    places: Mapping[str, int]
    titles: Mapping[str, str]


@dataclass(slots=True)
class _Declared:
    """A manifest as rules see resources."""

    resource_type: str
    props: Mapping[str, Any]
    urn: str
    name: str
    provider: None = None


class _Told(NamedTuple):
    """What a rule says: `exemption` is its place in the settings, -1 where there is none."""

    rule: int
    urn: str
    message: str
    undecided: bool = False
    exemption: int = -1


def policy_infos() -> list[PolicyInfo]:
    """The pack's policies at their defaults: what the pack tells the engine of itself."""
    return [_info(rule) for rule in RULES]


def judge(objects: Sequence[Manifest], policies: Iterable[PolicyInfo]) -> Verdict:
    """Hold objects to policies.

    Args:
        objects: The objects, which are one cluster's to rules that look at several.
        policies: The policies with the levels and settings in force.

    Raises:
        PolicyError: A check has a fault.
    """
    enabled = [policy for policy in policies if policy.level is not Level.DISABLED]
    rules = {rule.name: rule for rule in RULES}
    configured = [
        (rules[policy.name], Settings(rules[policy.name].settings or {}, policy.settings))
        for policy in enabled
    ]
    resources = _resources(objects)
    judged = Judged(resources)
    try:
        told = _told(judged, configured, len(objects))
    except CheckCrashedError as error:
        raise PolicyError(f"a check of the policy pack crashed: {error}") from None
    places = {resource.urn: place for place, resource in enumerate(resources)}
    told.sort(key=lambda each: (places[each.urn], each.rule))
    about = {each.urn for each in told}
    return Verdict(
        findings=[_finding(enabled[each.rule], each) for each in told],
        places=places,
        titles={item.urn: item.title for item in judged.stack.cluster.objects if item.urn in about},
    )


def _resources(objects: Sequence[Manifest]) -> list[_Declared]:
    seen: Counter[str] = Counter()
    made = []
    for place, body in objects:
        token = f"kubernetes:{body['apiVersion']}:{body['kind']}"
        metadata = body.get("metadata")
        known = metadata if isinstance(metadata, dict) else {}
        name = str(known.get("name") or known.get("generateName") or "")
        where = f"{known['namespace']}/" if known.get("namespace") else ""
        urn = f"urn:pulumi:check::manifests::{token}::{place.file}#{where}{name}"
        seen[urn] += 1
        if seen[urn] > 1:
            urn = f"{urn}#{seen[urn]}"
        made.append(_Declared(token, body, urn, name))
    return made


def _told(judged: Judged, configured: Sequence[tuple[Rule, Settings]], objects: int) -> list[_Told]:
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    forks = _FORK in multiprocessing.get_all_start_methods()
    if objects < _WORTH_A_FORK or workers < 2 or not forks:
        return _part(judged, configured, WHOLE)
    judged.stack.cluster.of()  # indexed before the forks, so that each has it
    gc.freeze()
    _shared[:] = [(judged, configured)]
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context(_FORK)) as pool:
            parts = pool.map(
                _shared_part, [slice(first, None, workers) for first in range(workers)]
            )
            return [told for part in parts for told in part]
    except BrokenProcessPool:
        raise PolicyError(
            "a process that checked was ended", fix="give it more memory, or fewer files at once"
        ) from None
    finally:
        _shared.clear()
        gc.unfreeze()


def _shared_part(part: slice) -> list[_Told]:
    return _part(*_shared[0], part)


def _part(judged: Judged, configured: Sequence[tuple[Rule, Settings]], part: slice) -> list[_Told]:
    """What the rules say of a part of what each looks at."""
    told: list[_Told] = []
    for place, (rule, settings) in enumerate(configured):
        run = Run(rule, settings, partial(_tell, told, place))
        run.over(judged, part)
        told += [_Told(place, urn, reason, True) for urn, reason in run.undecided.items()]
        told += [_Told(place, urn, message, False, number) for number, urn, message in run.exempted]
    return told


def _tell(told: list[_Told], place: int, message: str, urn: str) -> None:
    told.append(_Told(place, urn, message))


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


def _finding(policy: PolicyInfo, told: _Told) -> Finding:
    return policy.finding(
        told.message,
        told.urn,
        undecided=told.undecided,
        exemption=policy.exemptions[told.exemption] if told.exemption >= 0 else None,
    )
