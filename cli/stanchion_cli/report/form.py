"""The names of the formats, apart from what it takes to write them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What `--format` takes."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"


class TextOrJson(StrEnum):
    """What `--format` takes where there are people and tools alone to read it."""

    TEXT = "text"
    JSON = "json"


class CheckFormat(StrEnum):
    """What `--format` takes where nothing but findings is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
