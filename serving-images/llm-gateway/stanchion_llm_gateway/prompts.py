"""Pinned prompts: a request names one, and the gateway fills it in.

The form is that of OpenAI's Responses API: `"prompt": {"id": …, "version": …, "variables": {…}}`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, StringConstraints
from pydantic import model_validator as checked_together
from stanchion_serving.prompts import PromptError, digest, filled

from stanchion_llm_gateway.errors import GatewayError, bad_request
from stanchion_llm_gateway.guard_configuration import Name, Part
from stanchion_llm_gateway.texts import DOCUMENT, Text

if TYPE_CHECKING:
    from collections.abc import Iterable


class PromptMessage(Part):
    """One message, with variables as {{ question }}."""

    role: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]
    content: Annotated[str, StringConstraints(max_length=100_000)]


class Prompt(Part):
    """The one version of a prompt that requests may name."""

    name: Name
    version: Annotated[str, StringConstraints(pattern=r"^[1-9]\d*$")]
    digest: str
    """sha256: and 64 hexadecimal digits; with other messages nothing is served."""
    messages: Annotated[tuple[PromptMessage, ...], Field(min_length=1)]

    @checked_together(mode="after")
    def _unchanged(self) -> Self:
        found = digest(self.plain)
        if found != self.digest:
            raise ValueError(
                f"version {self.version} of '{self.name}' has digest {found}, and {self.digest} "
                "is pinned; promote it again, or restore the lock file"
            )
        return self

    @property
    def plain(self) -> list[dict[str, str]]:
        """Its messages."""
        return [each.model_dump() for each in self.messages]


class Prompts:
    """All that requests may name."""

    def __init__(self, prompts: Iterable[Prompt]) -> None:
        self._prompts = {prompt.name: prompt for prompt in prompts}

    def apply(self, body: dict[str, Any]) -> tuple[Prompt | None, list[Text]]:
        """Put a named prompt's messages before those of the request.

        Returns:
            The prompt, and the values of its variables: words from outside, in whatever role of
            message they have come to stand.

        Raises:
            GatewayError: 404 for a prompt or version that is not served, 400 for wrong variables.
        """
        named = body.get("prompt")
        if not isinstance(named, dict):
            return None, []
        prompt = self._find(named)
        values = named.get("variables") or {}
        if not isinstance(values, dict):
            raise bad_request("prompt.variables is no object")
        try:
            messages = filled(prompt.plain, values)
        except PromptError as error:
            raise bad_request(f"prompt '{prompt.name}': {error}") from None
        own = body.get("messages") or []
        if not isinstance(own, list):
            raise bad_request("messages is no list")
        del body["prompt"]
        body["messages"] = [*messages, *own]
        written = {name: str(value) for name, value in values.items()}
        return prompt, [Text(written, name, DOCUMENT) for name in written]

    def _find(self, named: dict[str, Any]) -> Prompt:
        found = self._prompts.get(named["id"]) if isinstance(named.get("id"), str) else None
        if found is None:
            known = ", ".join(sorted(self._prompts)) or "none"
            raise _not_found(f"no such prompt; prompt.id may be: {known}")
        asked = named.get("version")
        if asked is not None and str(asked) != found.version:
            raise _not_found(f"prompt '{found.name}' is served in version {found.version} alone")
        return found


def _not_found(message: str) -> GatewayError:
    return GatewayError(HTTPStatus.NOT_FOUND, message, code="prompt_not_found")
