"""The gateway's configuration: one YAML or JSON file, checked whole before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError
from pydantic import model_validator as checked_together

from stanchion_llm_gateway.guard_configuration import Guardrails, Name, Part, Seconds
from stanchion_llm_gateway.prompts import Prompt
from stanchion_llm_gateway.tracing.configuration import Traces

if TYPE_CHECKING:
    from collections.abc import Iterable

ANONYMOUS: Final = "anonymous"
"""The consumer that everyone is where nobody is asked who they are."""
TOTAL: Final = "*"
"""Whom usage of the whole gateway is counted for."""

Count = Annotated[int, Field(ge=1)]
Dollars = Annotated[float, Field(gt=0)]


class ConfigurationError(ValueError):
    """The file cannot be used; one line per problem in `problems`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class Backend(Part):
    """An OpenAI-compatible API that answers."""

    name: Name
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+.*[^/]$")]
    """Its base address, as http://llama.demo.svc.cluster.local/v1, without a slash at the end."""
    external: bool = False
    """Whether it is somebody else's: then personal data is redacted from whatever goes there."""
    api_key_file: Path | None = None
    """File with the key that is sent to it; read again when it changes."""
    connect_seconds: Seconds = 2.0
    """Longest wait for a connection."""
    first_byte_seconds: Seconds = 60.0
    """Longest wait for the beginning of a streamed answer; then the next target."""
    answer_seconds: Seconds | None = None
    """Longest wait for an answer that is not streamed, which begins when it is whole; then the
    next target. Default: `stream_seconds`."""
    idle_seconds: Seconds = 60.0
    """Longest silence in an answer that has begun; then it fails, since it cannot begin anew."""
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    """Further attempts here, before the first byte alone, until the next target is tried; none
    after 429, nor where no answer began in time: the work was done for nothing once already."""


class Target(Part):
    """Where a model's requests may go."""

    backend: Name
    model: Name | None = None
    """The model's name there. Default: the name clients use."""
    input_price: Annotated[float, Field(ge=0)] = 0.0
    """Dollars for 1,000 tokens of prompt."""
    output_price: Annotated[float, Field(ge=0)] = 0.0
    """Dollars for 1,000 tokens of answer."""


class Model(Part):
    """A model as clients name it."""

    name: Name
    targets: Annotated[list[Target], Field(min_length=1)]
    """In order: a later one is asked when those before it fail."""


class Limits(Part):
    """What may be used; unset is without limit."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    dollars_per_day: Dollars | None = None


class Consumer(Part):
    """Who asks."""

    name: Name
    models: list[Name] | None = None
    """The models it may use. Default: all."""
    limits: Limits = Limits()


class Authentication(Part):
    """How a request says who asks: a key, or a header that something before us vouches for."""

    keys_dir: Path | None = None
    """Folder with a file per consumer, named as it, each line the SHA-256 of an API key in hex."""
    identity_header: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")] | None = None
    """Header with the consumer's name. Whoever reaches the gateway can write it: only behind a
    proxy or mesh that sets it."""

    @checked_together(mode="after")
    def _one_way(self) -> Self:
        if self.keys_dir is not None and self.identity_header is not None:
            raise ValueError("keys_dir and identity_header exclude each other; leave one out")
        return self


class Ledger(Part):
    """Where usage is counted. Without either, in this process alone until it ends."""

    url_file: Path | None = None
    """File with the address of a PostgreSQL database, shared by all replicas."""
    file: Path | None = None
    """A SQLite file, for one replica: it outlives a restart."""
    sync_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """How often replicas tell each other; a limit may be overrun by what they use in between."""

    @checked_together(mode="after")
    def _one_place(self) -> Self:
        if self.url_file is not None and self.file is not None:
            raise ValueError("url_file and file exclude each other; leave one out")
        return self


class Audit(Part):
    """A line per request on standard output, and in a file where one is named."""

    content: bool = True
    """Whether lines hold prompts and answers, redacted; else only their sizes."""
    max_chars: Annotated[int, Field(ge=0, le=1_000_000)] = 4000
    """Most characters kept of a prompt and of an answer."""
    file: Path | None = None
    """Kept besides standard output."""
    file_megabytes: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Size at which a file is set aside."""
    files: Annotated[int, Field(ge=1, le=1000)] = 10
    """Most files that are set aside."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Age at which a file set aside is deleted."""


class Configuration(Part):
    """The whole file."""

    backends: Annotated[list[Backend], Field(min_length=1)]
    models: Annotated[list[Model], Field(min_length=1)]
    prompts: tuple[Prompt, ...] = ()
    """What chats may name instead of writing it out."""
    consumers: tuple[Consumer, ...] = ()
    """Who may ask. Default: everyone, as `anonymous`, without limits."""
    authentication: Authentication = Authentication()
    total: Limits = Limits()
    """What all consumers may use together."""
    guardrails: Guardrails = Guardrails()
    ledger: Ledger = Ledger()
    audit: Audit = Audit()
    traces: Traces | None = None
    """Where sampled requests go as traces, with as much of their texts as `audit` keeps."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    """Largest request body; larger ones get 413."""
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    """How long to go on accepting after SIGTERM, while unready."""
    stream_seconds: Annotated[float, Field(ge=1, le=3600)] = 300.0
    """Longest time an answer may take; also how long a leaving gateway waits for the last."""

    @checked_together(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._doubles(), *self._dangling(), *self._who()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _doubles(self) -> Iterable[str]:
        for field, parts in (
            ("backends", self.backends),
            ("models", self.models),
            ("prompts", self.prompts),
            ("consumers", self.consumers),
        ):
            names = [part.name for part in parts]
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{field}: '{name}' is there twice; rename or remove one"

    def _dangling(self) -> Iterable[str]:
        backends = {backend.name for backend in self.backends}
        models = {model.name for model in self.models}
        wanted = [
            (f"models[{at}].targets[{place}].backend", target.backend)
            for at, model in enumerate(self.models)
            for place, target in enumerate(model.targets)
        ]
        if self.guardrails.model is not None:
            wanted.append(("guardrails.model.backend", self.guardrails.model.backend))
        for path, name in wanted:
            if name not in backends:
                yield f"{path}: '{name}' is no backend; known are {', '.join(sorted(backends))}"
        for at, consumer in enumerate(self.consumers):
            for name in consumer.models or ():
                if name not in models:
                    known = ", ".join(sorted(models))
                    yield f"consumers[{at}].models: '{name}' is no model; known are {known}"

    def _who(self) -> Iterable[str]:
        how = self.authentication
        known = how.keys_dir is not None or how.identity_header is not None
        if self.consumers and not known:
            yield (
                "authentication: consumers are listed, and nothing tells who asks; "
                "add keys_dir or identity_header"
            )
        if known and not self.consumers:
            yield "consumers: is empty, so nobody may ask; list them"


def load(path: Path) -> Configuration:
    """Read and check the file.

    Raises:
        ConfigurationError: With every problem found, each naming its place.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: is no YAML or JSON: {error}"]) from None
    return parse(values)


def parse(values: Any) -> Configuration:
    """The configuration that `values` describe.

    Raises:
        ConfigurationError: With every problem found, each naming its place.
    """
    try:
        return Configuration.model_validate(values)
    except ValidationError as error:
        problems = [line for detail in error.errors() for line in _problem(detail)]
        raise ConfigurationError(problems) from None


def _problem(detail: Any) -> list[str]:
    path = ""
    for part in detail["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if detail["type"] == "value_error":
        reason = str(detail["ctx"]["error"])
        return [f"{path}: {reason}"] if path else reason.splitlines()
    reason = {
        "missing": "is missing; add it",
        "extra_forbidden": "is not known; remove it or correct its name",
    }.get(detail["type"], detail["msg"].removeprefix("Input ").removeprefix("String "))
    return [f"{path or 'the file'}: {reason}"]
