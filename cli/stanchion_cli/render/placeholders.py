"""Placeholders: what a file says in place of a value that is secret or not known yet.

`${web-password.result}` is the output `result` of the resource `web-password`;
`${config.token}` is an encrypted value of the environment file; `${web-secret:stringData.url}` is
the place itself, where no single value can be named: a text of which a secret is only a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanchion_cli.preview.model import UNKNOWN, Preview, member, replace_leaves
from stanchion_cli.preview.trace import MARK
from stanchion_cli.preview.urn import name_of
from stanchion_cli.render.objects import KubernetesObject, objects


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder in one object: its text, where it stands, and whether it hides a secret."""

    text: str
    object: str
    path: str
    secret: bool


class Placeholders:
    """Fills one preview's objects with placeholders and keeps the list of them.

    Args:
        preview: The preview whose objects are filled.
        traced: The same program evaluated with traces, or None where that failed.
        given: Values by URN or unique resource name, then by path, for what is unknown.
    """

    def __init__(
        self,
        preview: Preview,
        traced: Preview | None,
        given: Mapping[str, Mapping[str, Any]],
    ) -> None:
        names = [resource.name for resource in preview.resources]
        self._unique = {name for name in names if names.count(name) == 1}
        self._given = given
        self.used: list[Placeholder] = []
        self._traced = {item.urn: item.manifest for item in objects(traced)} if traced else {}

    def fill(self, item: KubernetesObject) -> Any:
        """The object's manifest as it is written: nothing secret, nothing unknown left in it."""
        return self._filled(item, item.manifest, self._traced.get(item.urn), "")

    def _filled(self, item: KubernetesObject, value: Any, traced: Any, path: str) -> Any:
        """`value` filled; `traced` is what stands at the same place in the traced evaluation."""
        if isinstance(value, Mapping) and value:
            inside = traced if isinstance(traced, Mapping) else {}
            return {
                key: self._filled(item, below, inside.get(key), member(path, str(key)))
                for key, below in value.items()
            }
        if isinstance(value, list) and value:
            same = isinstance(traced, list) and len(traced) == len(value)
            return [
                self._filled(item, below, traced[index] if same else None, f"{path}[{index}]")
                for index, below in enumerate(value)
            ]
        secret = path in item.secrets
        if not secret and value is not UNKNOWN:
            return value
        given = self._given.get(item.urn) or self._given.get(name_of(item.urn)) or {}
        if not secret and path in given:
            return given[path]
        # One unknown member makes all of an object unknown; the traced one still has its members.
        return replace_leaves(
            traced, lambda below, mark: self._placeholder(item, below, mark, secret), path
        )

    def _placeholder(self, item: KubernetesObject, path: str, mark: Any, secret: bool) -> str:
        followed = MARK.fullmatch(mark) if isinstance(mark, str) else None
        if followed:
            text = f"{self._label(followed[1])}.{followed[2]}"
        else:
            text = f"{self._label(item.urn)}:{path}"
        self.used.append(Placeholder("${" + text + "}", str(item), path, secret))
        return "${" + text + "}"

    def _label(self, urn: str) -> str:
        if not urn.startswith("urn:"):
            return urn
        name = name_of(urn)
        return name if name in self._unique else urn
