"""Prompt injections, by a dated list of rules over text made plain."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import yaml

from stanchion_llm_gateway.guardrails.hits import INJECTION, Hit, slices

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED_FROM: Final = 1.0
_LOOK_ALIKES: Final = str.maketrans("асеорхуіѕԁһӏԛԝᴀαεοικντρυ", "aceopxyisdhlqwaaeoikvtpu")
_QUOTES: Final = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_DIGITS_AS_LETTERS: Final = str.maketrans("013457@$", "oieastas")
_SPACED_OUT: Final = re.compile(r"\b(?:\w[ .\-_*]){4,}\w\b")
_DISGUISED: Final = re.compile(r"[a-z][013457@$]|[013457@$][a-z]")
_BASE64: Final = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{24,}={0,2}(?![\w+/=])")
_SPACES: Final = re.compile(r"[^\S\n]+")


@dataclass(frozen=True)
class _Rule:
    name: str
    weight: float
    pattern: re.Pattern[str]


class InjectionFinder:
    """Finds prompt injections; `date` is that of the list of rules."""

    def __init__(self) -> None:
        listed = yaml.safe_load(
            (files("stanchion_llm_gateway.guardrails") / "injection_rules.yaml").read_text("utf-8")
        )
        self.date = str(listed["date"])
        self._rules = [
            _Rule(
                rule["name"],
                float(rule["weight"]),
                re.compile(rule["pattern"]),
            )
            for rule in listed["rules"]
        ]

    def find(self, text: str, action: str) -> list[Hit]:
        """The rules that together refuse the text; none where they do not suffice."""
        best: dict[str, float] = {}
        for form in (form for _, part in slices(text) for form in _forms(part)):
            found = {rule.name: rule.weight for rule in self._rules if rule.pattern.search(form)}
            if sum(found.values()) > sum(best.values()):
                best = found
            if sum(best.values()) >= _REFUSED_FROM:
                return [Hit(INJECTION, name, action) for name in best]
        return []


def _forms(text: str) -> Iterator[str]:
    """The text made plain, and as it reads with the usual disguises taken off."""
    for plain in _lines(text):
        yield plain
        if (latin := plain.translate(_LOOK_ALIKES)) != plain:
            yield latin
        if _DISGUISED.search(plain):
            yield plain.translate(_DIGITS_AS_LETTERS)
        if _SPACED_OUT.search(plain):
            yield _SPACED_OUT.sub(lambda run: re.sub(r"[ .\-_*]", "", run.group()), plain)
    for found in _BASE64.finditer(text):
        try:
            hidden = base64.b64decode(found.group() + "=" * (-len(found.group()) % 4))
            yield from _lines(hidden.decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError):
            continue


def _lines(text: str) -> Iterator[str]:
    """The text made plain with its lines as they are, for forged turns, and then as one."""
    yield (plain := _plain(text))
    if (joined := " ".join(plain.split())) != plain.strip():
        yield joined


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return _SPACES.sub(" ", visible).lower()
