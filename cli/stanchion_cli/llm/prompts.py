"""A version of a prompt: read from MLflow's registry, judged, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stanchion_serving.prompts import PromptError, digest, filled, messages_of, variables

from stanchion_cli.errors import InputError
from stanchion_cli.llm import gates
from stanchion_cli.llm.endpoint import Endpoint
from stanchion_cli.llm.evaluating import Measured
from stanchion_cli.models.gates import GateError
from stanchion_cli.models.lockfile import PromptPin
from stanchion_cli.models.records import STATE, Records

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion
    from mlflow.tracking import MlflowClient

    from stanchion_cli.models.judging import Outcome

DIGEST = "stanchion.digest"
"""Tag with the digest that the messages had when they were first promoted: tags hold a prompt's
text in MLflow, and tags can be changed."""
CHAMPION, PREVIOUS = "champion", "previous"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow answers about a version, and about an alias, that there is none of."""


@dataclass(frozen=True)
class Version:
    """A version of a prompt as the registry has it."""

    name: str
    pin: PromptPin

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"prompt {self.name} version {self.pin.version}"


def read(client: MlflowClient, name: str, version: str) -> Version:
    """A version from the registry.

    Raises:
        GateError: when there is none, it is no list of texts, or its text was changed since it was
            first promoted.
    """
    where = f"prompt {name} version {version}"
    found = _found(client, name, version)
    if found is None:
        raise GateError(
            "is not in the registry", where=where, fix="see what is registered in MLflow"
        )
    try:
        messages = messages_of(found.template)
    except PromptError as error:
        raise GateError(
            str(error), where=where, fix="register a text, or a list of messages of texts"
        ) from None
    actual = digest(messages)
    recorded = found.tags.get(DIGEST, actual)
    if recorded != actual:
        raise GateError(
            f"has digest {actual}, and {recorded} was recorded when it was first promoted: its "
            "text was changed",
            where=where,
            fix="register the text as a version of its own",
        )
    return Version(name, PromptPin(str(version), actual, tuple(messages)))


def _found(client: MlflowClient, name: str, version: str) -> PromptVersion | None:
    """The registry's own account of a version; None where it has none."""
    return _if_there(lambda: client.get_prompt_version(name, version))


def _if_there(asked: Callable[[], PromptVersion | None]) -> PromptVersion | None:
    from mlflow.exceptions import MlflowException

    try:
        return asked()
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        return None


def judged(
    client: MlflowClient,
    version: Version,
    service: gates.Service,
    endpoint: Endpoint,
    *,
    tracking: str,
    live: PromptPin | None,
) -> Outcome:
    """Ask the service's data set with this version, and with the live one where it is compared.

    Raises:
        InputError: when the data set does not have the variables of either.
    """
    called = {"stanchion.prompt": version.name}
    scores = None
    if live is not None and service.wanted["notWorseThanLiveBy"]:
        theirs = _measured(service, endpoint, tracking, live, called)
        scores = theirs.scores
    found = _measured(service, endpoint, tracking, version.pin, called)
    return gates.judged(
        client, service, found, scores, f"version {live.version}" if live else "the live version"
    )


def _measured(
    service: gates.Service,
    endpoint: Endpoint,
    tracking: str,
    pin: PromptPin,
    tags: Mapping[str, str],
) -> Measured:
    wanted = set(variables(pin.messages))

    def messages(inputs: Mapping[str, object]) -> list[dict[str, str]]:
        return filled(pin.messages, {key: inputs[key] for key in inputs if key in wanted})

    for number, row in enumerate(service.rows, 1):
        try:
            messages(row["inputs"])
        except PromptError as error:
            raise InputError(
                f"row {number} does not fit version {pin.version}: {error}",
                where=f"services/{service.name}: gates.evaluation.data",
                fix="give every row's `inputs` the prompt's variables",
            ) from None
    named = {**tags, "stanchion.version": pin.version, DIGEST: pin.digest}
    return gates.measured(service, endpoint, tracking, named, messages)


def refuse(version: Version, outcomes: list[Outcome]) -> None:
    """Refuse the version when a gate failed.

    Raises:
        GateError: with every failure.
    """
    failures = [f"{each.service}: {failure}" for each in outcomes for failure in each.failures]
    if failures:
        raise GateError(
            "does not pass its gates, and nothing was pinned:\n  " + "\n  ".join(failures),
            where=version.where,
            fix="every figure and answer stands in MLflow, in the services' evaluation experiments",
        )


class PromptRecords(Records):
    """What is kept in the registry of a prompt version's way into an environment."""

    def _tag(self, suffix: str, value: str) -> None:
        name, version = self._version.name, self._version.version
        self._client.set_prompt_version_tag(name, version, f"{STATE}{suffix}", value)

    def _tags(self) -> Mapping[str, str] | None:
        found = _found(self._client, self._version.name, self._version.version)
        return None if found is None else found.tags


def keep_digest(client: MlflowClient, version: Version) -> None:
    """Record the digest by which a later change of the text is seen."""
    client.set_prompt_version_tag(version.name, version.pin.version, DIGEST, version.pin.digest)


def alias(client: MlflowClient, name: str, called: str) -> str | None:
    """The version that an alias stands for; None where there is no such alias."""
    found = _if_there(lambda: client.get_prompt_version_by_alias(name, called))
    return None if found is None else str(found.version)


def move_champion(client: MlflowClient, name: str, version: str) -> str | None:
    """Point `champion` at a version and `previous` at what it was; returns the latter."""
    before = alias(client, name, CHAMPION)
    if before == version:
        return None
    if before is not None:
        client.set_prompt_alias(name, PREVIOUS, int(before))
    client.set_prompt_alias(name, CHAMPION, int(version))
    return before


def take_back_champion(client: MlflowClient, name: str, version: str) -> None:
    """Point `champion` back at a version; there is no `previous` then, until one is promoted."""
    client.set_prompt_alias(name, CHAMPION, int(version))
    if alias(client, name, PREVIOUS) is not None:
        client.delete_prompt_alias(name, PREVIOUS)
