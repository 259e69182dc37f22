"""Personal data and credentials, found by patterns and checksums.

Presidio's recognizers do the work, each asked directly, without a language model: its engine spends
ten times as long on tokens, copies and bookkeeping as the recognizers on the text. So what has a
form is found: numbers, addresses of machines and mail, keys. What takes understanding is not: names
of people, places and firms, dates of birth, postal addresses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import phonenumbers
import regex
import tldextract
from presidio_analyzer import LocalRecognizer, RecognizerResult
from presidio_analyzer import predefined_recognizers as known

from stanchion_llm_gateway.guardrails.hits import PII, Hit, slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from presidio_analyzer import EntityRecognizer, Pattern
    from presidio_analyzer.nlp_engine import NlpArtifacts

_LANGUAGE: Final = "en"
_TELLING: Final = re.compile(r"[\d@]")
"""What every match of a recognizer holds: far from it there is nothing to look at."""
_AROUND: Final = 100
"""How far a match, or the word that explains it, may reach from such a character."""
_NOTHING: Final[Any] = None
"""In place of what a language model would have said about the text."""
_CONTEXT: Final = 60
_CONTEXT_GAIN: Final = 0.35
_NUMBER: Final = re.compile(r"(?<![\w.])\+?\(?\d[\d\s().\-/]{5,20}\d(?![\w])")
_REGIONS: Final = {"US": "", "GB": "0"}
"""Whose numbers are known without the country's code, and what those begin with."""
_WITHIN: Final = re.compile(r"\d\.?\Z")
"""Before digits that are a part of a longer number, whatever their checksum."""
_SUFFIXES: Final = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
"""Over the list that comes with the library: by default it is fetched, in the midst of a request.
"""
_KEY_BEGINS: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_ENDS: Final = r"-----END [A-Z0-9 ]{0,40}-----"
_KEY_FACTS: Final = "(?:Proc-Type|DEK-Info|Version|Comment)"
_GAP: Final = r"(?:\s|\\[nr])*+"
"""Between the lines of a key, which JSON writes with the letters of an escape."""
_CREDENTIALS: Final = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"
    r"|\bsk-[A-Za-z0-9_-]{20,}"  # OpenAI and Anthropic
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|\bAIza[0-9A-Za-z_-]{35}"  # Google
    r"|\b[rs]k_live_[0-9a-zA-Z]{20,}"  # Stripe
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"  # JSON web token
    # A private key, to its end; where that is missing, as far as there is nothing else.
    rf"|{_KEY_BEGINS}(?:(?:(?!-----BEGIN)[\s\S]){{0,16384}}?{_KEY_ENDS}"
    rf"|(?:{_GAP}(?:{_KEY_FACTS}: ?[^\n\\]{{0,200}}|[A-Za-z0-9+/]{{16,}}+={{0,2}}))*)"
)
_UNFINISHED: Final = re.compile(
    r"(?:\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|sk-[\w-]{20,}|[rs]k_live_\w{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|eyJ[\w-]{8,}(?:\.(?:e|ey|eyJ[\w-]*(?:\.[\w-]*)?)?)?)"
    rf"|{_KEY_BEGINS}(?:(?!{_KEY_ENDS})[\w+/=\s\\:,-])*)\Z"
)
"""At the end of a text, what may be the beginning of a credential of any length."""
CREDENTIAL: Final = "CREDENTIAL"
_RECOGNIZERS: Final = (
    known.CreditCardRecognizer,
    known.CryptoRecognizer,
    known.IbanRecognizer,
    known.IpRecognizer,
    known.MacAddressRecognizer,
    known.UsSsnRecognizer,
    known.UsItinRecognizer,
    known.UsPassportRecognizer,
    known.UsBankRecognizer,
    known.NhsRecognizer,
    known.UkNinoRecognizer,
    known.EsNifRecognizer,
    known.EsNieRecognizer,
    known.ItFiscalCodeRecognizer,
    known.PlPeselRecognizer,
    known.InAadhaarRecognizer,
    known.AuTfnRecognizer,
    known.CaSinRecognizer,
    known.SgFinRecognizer,
    known.DeTaxIdRecognizer,
    known.FiPersonalIdentityCodeRecognizer,
)


class _Email(known.EmailRecognizer):
    """Presidio's, without its way to the Internet."""

    def validate_result(self, pattern_text: str) -> bool:
        return bool(_SUFFIXES(pattern_text).top_domain_under_public_suffix)


class _Phone(LocalRecognizer):
    """Telephone numbers: international ones, and those of a few countries without their code.

    Presidio's own goes through all of a text once per country, which takes longer than all else
    together; this one asks the same library about what looks like a number.
    """

    def __init__(self) -> None:
        super().__init__(["PHONE_NUMBER"], name="Phone", context=["phone", "call", "tel", "mobile"])

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self,
        text: str,
        entities: list[str],  # noqa: ARG002 - the interface's
        nlp_artifacts: NlpArtifacts | None = None,  # noqa: ARG002
    ) -> list[RecognizerResult]:
        return [
            RecognizerResult("PHONE_NUMBER", found.start(), found.end(), score)
            for found in _NUMBER.finditer(text)
            if (score := _phone_score(found.group())) > 0
        ]


def _phone_score(number: str) -> float:
    """How sure it is that this is a telephone number; bare digits alone are not enough."""
    digits = "".join(character for character in number if character.isdigit())
    if not 7 <= len(digits) <= 15:
        return 0
    if number.startswith("+"):
        return 0.6 if _is_phone(number, None) else 0
    if any(digits.startswith(first) and _is_phone(number, of) for of, first in _REGIONS.items()):
        return 0.4 if len(digits) < len(number) else 0.3
    return 0


def _is_phone(number: str, region: str | None) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
    except phonenumbers.NumberParseException:
        return False


class PiiFinder:
    """Finds personal data.

    Args:
        entities: Kinds looked for, by Presidio's names. None looks for all.
        minimum_score: Confidence from which a match counts.

    Raises:
        ValueError: for a kind that is not known.
    """

    def __init__(self, entities: Iterable[str] | None = None, minimum_score: float = 0.4) -> None:
        recognizers: list[EntityRecognizer] = [
            *(make(supported_language=_LANGUAGE) for make in _RECOGNIZERS),
            # The others of its patterns are any ten characters.
            known.InPanRecognizer(
                patterns=[p for p in known.InPanRecognizer.PATTERNS if p.score >= 0.5]
            ),
            _Email(),
            _Phone(),
        ]
        kinds = {CREDENTIAL, *(e for each in recognizers for e in each.supported_entities)}
        wanted = kinds if entities is None else set(entities)
        if wanted - kinds:
            raise ValueError(
                f"{', '.join(sorted(wanted - kinds))} not known; "
                f"known are {', '.join(sorted(kinds))}"
            )
        self.entities = frozenset(wanted)
        self._minimum = minimum_score
        self._recognizers = [
            _Asked(each) for each in recognizers if wanted.intersection(each.supported_entities)
        ]

    def find(self, text: str, action: str) -> list[Hit]:
        """Every match, with what is to follow from it; none inside another that is surer."""
        scored = [
            (score, Hit(PII, kind, action, start, end))
            for kind, start, end, score in self._matches(text)
            if score >= self._minimum
        ]
        scored.sort(key=lambda each: (-each[0], each[1].start))
        kept: list[Hit] = []
        for _, hit in scored:
            if not any(other.start <= hit.start and hit.end <= other.end for other in kept):
                kept.append(hit)
        return kept

    def unfinished(self, text: str) -> int:
        """Where a credential begins that may go on after the text's end; else that end.

        For what comes in pieces: keys and tokens are longer than what is held back of others.
        """
        found = _UNFINISHED.search(text) if CREDENTIAL in self.entities else None
        return found.start() if found else len(text)

    def _matches(self, text: str) -> Iterator[tuple[str, int, int, float]]:
        if CREDENTIAL in self.entities:
            for found in _CREDENTIALS.finditer(text):
                yield CREDENTIAL, found.start(), found.end(), 1.0
        for start, part in _parts(text):
            for recognizer in self._recognizers:
                for match, before in recognizer.matches(part):
                    if part[match.start : match.end].isdigit() and (
                        _WITHIN.search(before) or part[match.end : match.end + 1].isdigit()
                    ):
                        continue
                    yield match.entity_type, start + match.start, start + match.end, match.score


class _Asked:
    """A recognizer, asked only where one of its patterns is: asking costs more than looking."""

    def __init__(self, recognizer: EntityRecognizer) -> None:
        self._recognizer = recognizer
        self._kinds = recognizer.supported_entities
        patterns: list[Pattern] = getattr(recognizer, "patterns", [])
        flags: int = getattr(recognizer, "global_regex_flags", 0)
        self._patterns = [regex.compile(each.regex, flags) for each in patterns]
        self._context = _any_of(recognizer.context)

    def matches(self, part: str) -> Iterator[tuple[RecognizerResult, str]]:
        """Every match, surer where a word before it explains it; with what is before it."""
        if self._patterns and not any(pattern.search(part) for pattern in self._patterns):
            return
        for match in self._recognizer.analyze(part, self._kinds, _NOTHING):
            before = part[max(0, match.start - _CONTEXT) : match.start]
            if self._context is not None and self._context.search(before):
                match.score = round(match.score + _CONTEXT_GAIN, 2)
            yield match, before


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a text where something may be, with their beginnings; none very long."""
    for start, end in _regions(text):
        for offset, part in slices(text[start:end]):
            yield start + offset, part


def _regions(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text where something may be, apart from each other."""
    start, end = 0, 0
    for found in _TELLING.finditer(text):
        if end and found.start() - _AROUND > end:
            yield start, end
            end = 0
        if not end:
            start = max(0, found.start() - _AROUND)
        end = min(len(text), found.end() + _AROUND)
    if end:
        yield start, end


def _any_of(words: Iterable[str] | None) -> re.Pattern[str] | None:
    """Words that make a match likely; whole ones, since "tel" is in "tell"."""
    known_words = "|".join(re.escape(word) for word in words or ())
    return re.compile(rf"(?<!\w)(?:{known_words})(?!\w)", re.IGNORECASE) if known_words else None
