"""Placeholders: what a file says in place of a value that is secret or not known yet.

`${web-password.result}` is the output `result` of the resource `web-password`.
`${web-secret:stringData.token}` is the place itself, where no single output can be named: a
secret of the configuration, for example, or a text in which an output is only a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanchion_cli.preview.model import UNKNOWN, Preview, leaves, replace_leaves
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
        self._traced = (
            {item.urn: dict(leaves(item.manifest)) for item in objects(traced)} if traced else {}
        )
        self.used: list[Placeholder] = []

    def fill(self, item: KubernetesObject) -> Any:
        """The object's manifest as it is written: nothing secret, nothing unknown left in it."""
        secrets = frozenset(item.secrets)
        given = self._given.get(item.urn) or self._given.get(name_of(item.urn)) or {}

        def written(path: str, value: Any) -> Any:
            secret = path in secrets
            if not secret and value is not UNKNOWN:
                return value
            if not secret and path in given:
                return given[path]
            text = self._text(item.urn, path)
            self.used.append(Placeholder(text, str(item), path, secret))
            return text

        return replace_leaves(item.manifest, written)

    def _text(self, urn: str, path: str) -> str:
        traced = self._traced.get(urn, {}).get(path)
        followed = MARK.fullmatch(traced) if isinstance(traced, str) else None
        if followed:
            return "${" + f"{self._label(followed[1])}.{followed[2]}" + "}"
        return "${" + f"{self._label(urn)}:{path}" + "}"

    def _label(self, urn: str) -> str:
        name = name_of(urn)
        return name if name in self._unique else urn
