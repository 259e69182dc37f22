"""Policy documents of AWS: what they allow, to whom, under which conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stanchion_policies.reading import entries, get, parsed


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document.

    Attributes:
        place: `Statement[0]`, for messages.
        body: The statement as written.
    """

    place: str
    body: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        """Whether it grants rather than denies."""
        return bool(get(self.body, "Effect") == "Allow")

    @property
    def actions(self) -> Sequence[str]:
        """Its actions, in lower case as AWS compares them; `*` where it lists what it spares."""
        if get(self.body, "NotAction") is not None:
            return ["*"]
        return [action.lower() for action in listed(get(self.body, "Action"))]

    @property
    def resources(self) -> Sequence[str]:
        """The resources it is about; `*` where it lists what it spares."""
        if get(self.body, "NotResource") is not None:
            return ["*"]
        return listed(get(self.body, "Resource"))

    @property
    def principals(self) -> Mapping[str, Sequence[str]]:
        """Whom it is about, by the kind of principal; `*` as `AWS`, which it means."""
        if get(self.body, "NotPrincipal") is not None:
            return {"AWS": ["*"]}
        named = get(self.body, "Principal")
        if isinstance(named, Mapping):
            return {str(kind): listed(named[kind]) for kind in named}
        return {"AWS": listed(named)} if named is not None else {}

    @property
    def conditions(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Operator, key and values of each condition, operator and key in lower case."""
        for operator, keys in entries(self.body, "Condition").items():
            for key in entries(keys):
                yield str(operator).lower(), str(key).lower(), listed(keys[key])

    @property
    def is_anonymous(self) -> bool:
        """Whether it names everybody."""
        return "*" in self.principals.get("AWS", ())


def statements(document: Any) -> list[Statement]:
    """The statements of a document, which is JSON or already a mapping; none where it is neither.

    Raises:
        UnknownValueError: It, or what is read of it, is not known yet.
    """
    if isinstance(document, str):
        document = parsed({"document": document}, "document")
    found = get(document, "Statement")
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [
        Statement(f"Statement[{place}]", body)
        for place, body in enumerate(found)
        if isinstance(body, Mapping)
    ]


def listed(value: Any) -> list[str]:
    """One string or a list of them, as a list: AWS takes either."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Sequence):
        return [str(element) for element in value]
    return [] if value is None else [str(value).lower()]
