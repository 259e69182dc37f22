"""Whether a model version says what it is for: its model card."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stanchion_models import ModelVersion, Registry

from stanchion_cli.models.judging import Outcome
from stanchion_cli.models.registry_access import file_of

FILES = ("model_card.md", "README.md")
_HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<title>.+?)\s*#*\s*$", re.MULTILINE)


def judge(service: str, card: str, sections: Sequence[str]) -> Outcome:
    """Whether the card has every section, with text below its heading."""
    if not card.strip():
        fix = f"write the version's description in MLflow, or log {' or '.join(FILES)} with it"
        return Outcome(service, "model card", failures=(f"there is none; {fix}",))
    found = _sections(card)
    failures = [f"no section '{name}'" for name in sections if name.casefold() not in found]
    failures += [
        f"section '{name}' is empty" for name in sections if found.get(name.casefold()) == ""
    ]
    return Outcome(service, "model card", f"{len(found)} sections", tuple(failures))


def of(registry: Registry, version: ModelVersion) -> str:
    """The version's card: its description, else a file beside it, else the model's description.

    Empty when there is none of them.

    Raises:
        mlflow.exceptions.MlflowException: The registry does not answer.
        StanchionError: its artifacts cannot be read.
    """
    client = registry.client()
    described = client.get_model_version(version.name, version.version).description
    return (
        described
        or _beside(registry, version)
        or client.get_registered_model(version.name).description
        or ""
    )


def _beside(registry: Registry, version: ModelVersion) -> str:
    for name in FILES:
        found = file_of(registry, version.name, version.version, name)
        if found is not None:
            return found.decode("utf-8", errors="replace")
    return ""


def _sections(card: str) -> dict[str, str]:
    """Each heading, in lower case, and what stands below it, headings of lower rank included."""
    headings = list(_HEADING.finditer(card))
    found = {}
    for index, heading in enumerate(headings):
        rank = len(heading["level"])
        ends = (after.start() for after in headings[index + 1 :] if len(after["level"]) <= rank)
        found[heading["title"].casefold()] = card[heading.end() : next(ends, len(card))].strip()
    return found
