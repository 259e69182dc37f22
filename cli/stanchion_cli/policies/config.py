"""Policy configuration files: the format of `--policy-pack-config`, checked as the engine does not.

The engine accepts an unknown policy name and an unknown setting without a word, and a mistyped
one falls back to nothing. Here each is an error with the nearest name that exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from stanchion_cli.errors import InputError
from stanchion_cli.policies.model import EXEMPTIONS, PROD, REMEDIABLE, Level, PolicyInfo, Severity

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

LEVEL_KEY = "enforcementLevel"
ALL = "all"
MAX_BYTES = 1 << 20

SCHEMA_KEYWORDS = frozenset(
    {"type", "description", "default", "enum", "minimum", "maximum", "items"}
)
"""The JSON schema keywords that settings may use, because `_problems_of` understands them."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def read_config(
    path: Path, policies: Iterable[PolicyInfo], *, today: date | None = None
) -> tuple[PolicyInfo, ...]:
    """The policies with the levels and settings that `path` gives them.

    Args:
        path: A JSON object from policy name to a level, or to an object with `enforcementLevel`
            and settings. The name `all` sets the level of every policy not named itself.
        policies: The pack's policies with their defaults.
        today: What day it is for exemptions, in UTC unless told otherwise.

    Raises:
        InputError: The file is missing or malformed, names a policy or setting that does not
            exist, gives a value of the wrong type, or has an exemption that is incomplete, past
            its day, or in `prod.json` for a critical policy; every problem is listed at once.
    """
    known = {policy.name: policy for policy in policies}
    entries = _load(path)
    problems: list[str] = []
    configured = dict(known)
    if ALL in entries:
        level = _level(ALL, entries.pop(ALL), problems)
        configured = {name: replace(policy, level=level) for name, policy in known.items()}
    for name, entry in entries.items():
        if name not in known:
            problems.append(f"{name}: no such policy{nearest(name, [*known, ALL])}")
        elif isinstance(entry, dict):
            configured[name] = _configure(configured[name], entry, problems)
            if EXEMPTIONS in known[name].schema and EXEMPTIONS in entry:
                exempted = entry[EXEMPTIONS]
                problems += _exemption_problems(known[name], exempted, path.stem, today)
        else:
            configured[name] = replace(configured[name], level=_level(name, entry, problems))
    problems += _unremediable(known.values(), configured, entries)
    if problems:
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise InputError(
            f"{count} in the policy configuration",
            where=str(path),
            problems=tuple(problems),
        )
    return tuple(configured.values())


def _unremediable(
    policies: Iterable[PolicyInfo],
    configured: Mapping[str, PolicyInfo],
    entries: Mapping[str, Any],
) -> Iterator[str]:
    """The policies that are to mend what they cannot; the engine takes it for `mandatory`."""
    mending = [policy.name for policy in policies if REMEDIABLE in policy.tags]
    for name in entries:
        level = configured[name].level if name in configured else None
        if level is Level.REMEDIATE and name not in mending:
            yield (
                f"{name}: it cannot mend what violates it, so it cannot have the level "
                f"{Level.REMEDIATE}; {', '.join(mending) or 'no policy'} can"
            )


def _exemption_problems(
    policy: PolicyInfo, entries: object, profile: str, today: date | None
) -> Iterator[str]:
    """What is wrong with a policy's exemptions in an environment of this profile."""
    from stanchion_policies.exemptions import Exemption, mistakes

    where = f"{policy.name}.{EXEMPTIONS}"
    if not isinstance(entries, list):
        yield f"{where}: expected array, found {type(entries).__name__}"
        return
    if entries and profile == PROD and policy.severity is Severity.CRITICAL:
        yield f"{where}: the policy is critical, and prod has no exemption from such; mend it"
    for index, entry in enumerate(entries):
        found = list(mistakes(entry))
        for key, problem in found:
            yield f"{where}[{index}]{key and f'.{key}'}: {problem}"
        if not found and Exemption.read(entry).expired(today):
            yield (
                f"{where}[{index}].expires: {entry['object']} was exempt until {entry['expires']}; "
                f"mend it, or have {entry['owner']} decide on another day"
            )


def nearest(word: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the name most like `word`, or an empty string."""
    close = get_close_matches(word, list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _load(path: Path) -> dict[str, Any]:
    where = str(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=where, fix="name an existing JSON file"
        ) from None
    if len(text) > MAX_BYTES:
        raise InputError(f"is larger than {MAX_BYTES >> 20} MiB", where=where)
    try:
        loaded = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        raise InputError(
            f"is not JSON: {error.msg}", where=f"{where}:{error.lineno}:{error.colno}"
        ) from None
    except RecursionError:
        raise InputError("is nested too deeply", where=where) from None
    except ValueError as error:
        raise InputError(str(error), where=where) from None
    if not isinstance(loaded, dict):
        raise InputError(
            "must be an object from policy name to level or settings",
            where=where,
            fix='write {"all": "advisory"} for instance',
        )
    return loaded


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"names {name!r} twice")
        entries[name] = value
    return entries


def _level(where: str, value: object, problems: list[str]) -> Level:
    if isinstance(value, str) and value in Level.__members__.values():
        return Level(value)
    levels = ", ".join(Level)
    shown = value if isinstance(value, str) else type(value).__name__
    problems.append(f"{where}: {shown!r} is not a level; write one of {levels}")
    return Level.DISABLED


def _configure(policy: PolicyInfo, entry: Mapping[str, Any], problems: list[str]) -> PolicyInfo:
    level, settings = policy.level, dict(policy.settings)
    for key, value in entry.items():
        where = f"{policy.name}.{key}"
        if key == LEVEL_KEY:
            level = _level(where, value, problems)
        elif key not in policy.schema:
            problems.append(f"{where}: no such setting{nearest(key, [*policy.schema, LEVEL_KEY])}")
        else:
            if key != EXEMPTIONS:
                problems.extend(_problems_of(where, value, policy.schema[key]))
            settings[key] = value
    return replace(policy, level=level, settings=settings)


def _problems_of(where: str, value: object, schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with `value` under a schema of `SCHEMA_KEYWORDS`."""
    expected = schema.get("type", "")
    wrong_type = expected in _TYPES and (
        not isinstance(value, _TYPES[expected])
        or (isinstance(value, bool) and expected != "boolean")
    )
    if wrong_type:
        return [f"{where}: expected {expected}, found {type(value).__name__}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: must be one of {', '.join(map(str, schema['enum']))}"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            return [f"{where}: must be at least {schema['minimum']:g}"]
        if "maximum" in schema and value > schema["maximum"]:
            return [f"{where}: must be at most {schema['maximum']:g}"]
    if isinstance(value, list) and "items" in schema:
        return [
            problem
            for index, item in enumerate(value)
            for problem in _problems_of(f"{where}[{index}]", item, schema["items"])
        ]
    return []
