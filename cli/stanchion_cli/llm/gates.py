"""The gates of a language model's service: its data set asked at its own address, and judged."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanchion_cli.deploy.api import Ref
from stanchion_cli.deploy.forward import forward
from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.llm import judging
from stanchion_cli.llm.endpoint import Endpoint
from stanchion_cli.llm.evaluating import Measured, Messages, as_messages, evaluate, read_rows
from stanchion_cli.models.lease import who
from stanchion_cli.models.measuring import read_data

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from stanchion_cli.models.judging import Outcome

PORT = 80
"""Of the address that clients have."""
_KEY = "api-key"
DATA = "stanchion.data"
"""Tag of a run with the SHA-256 of its data set: scores of other data are not compared."""
PASSED = "stanchion.gates"


@dataclass(frozen=True)
class Service:
    """A service of language models that declares gates, and its data set."""

    name: str
    declared: Mapping[str, Any]
    """As the program's outputs describe it."""
    rows: list[dict[str, Any]]

    @property
    def wanted(self) -> Mapping[str, Any]:
        """Its file's `gates.evaluation`."""
        found: Mapping[str, Any] = self.declared["gates"]["evaluation"]
        return found

    @property
    def experiment(self) -> str:
        """Experiment of its evaluation runs."""
        return f"{self.name}-evaluation"


def service_of(root: Path, outputs: Mapping[str, Any], name: str, environment: str) -> Service:
    """A service with its data set.

    Raises:
        InputError: when there is no such service, it declares no gates, or its data set is not the
            one that is pinned.
    """
    known: Mapping[str, Mapping[str, Any]] = outputs.get("llmServices") or {}
    if name not in known:
        raise InputError(
            f"{environment} has no such LlmService (it has: {', '.join(sorted(known)) or 'none'})",
            where=f"service {name}",
            fix="write the name of one",
        )
    declared = known[name]
    if declared["gates"] is None:
        raise InputError(
            "declares no gates",
            where=f"services/{name}",
            fix="write `gates: {evaluation: …}` into its file; docs/llm.md shows one",
        )
    wanted = declared["gates"]["evaluation"]
    content = read_data(root, name, wanted) or ""
    rows = read_rows(content, f"services/{name}: gates.evaluation.data")
    return Service(name, declared, rows)


@contextmanager
def reached(service: Service, target: Target) -> Iterator[Endpoint]:
    """The service's address from this machine, asked as the consumer that its file names.

    Raises:
        StanchionError: when it is not up, or the consumer's key is not there.
    """
    namespace = str(service.declared["namespace"])
    ref = Ref("v1", "Secret", namespace, str(service.wanted["credentials"]))
    live = target.api().get(ref)
    encoded = (live or {}).get("data", {}).get(_KEY)
    if encoded is None:
        raise StanchionError(
            f"does not exist, or has no key '{_KEY}'",
            where=str(ref),
            fix="make it with the API key of one of the gateway's consumers; docs/llm.md shows how",
        )
    key = base64.b64decode(encoded).decode().strip()
    with forward(target.kubectl(), namespace, service.name, PORT) as url:
        yield Endpoint(f"{url}/v1", service.name, service.wanted["maxTokens"], key)


def measured(
    service: Service,
    endpoint: Endpoint,
    tracking: str,
    tags: Mapping[str, str],
    messages: Callable[[Mapping[str, Any]], Messages] = as_messages,
) -> Measured:
    """Ask the data set and score the answers, as one run of the service's experiment."""
    return evaluate(
        service.rows,
        endpoint,
        list(service.wanted["scorers"]),
        tracking=tracking,
        experiment=service.experiment,
        tags={
            "stanchion.service": service.name,
            "stanchion.by": who(),
            DATA: service.wanted["sha256"],
            **tags,
        },
        messages=messages,
    )


def live_scores(client: MlflowClient, service: Service) -> Mapping[str, float] | None:
    """The scores of the run that the file names as that of what is live; None where it names none.

    Raises:
        StanchionError: when it was measured on other data.
    """
    from stanchion_cli.llm import scorers

    run_id = service.declared["evaluation"]
    if run_id is None or not service.wanted["notWorseThanLiveBy"]:
        return None
    run = client.get_run(run_id)
    if run.data.tags.get(DATA) != service.wanted["sha256"]:
        raise StanchionError(
            f"run {run_id} was measured on other data, and cannot be compared with",
            where=f"services/{service.name}: evaluation",
            fix="evaluate what is live on this data first: leave `evaluation` out for one run",
        )
    found = {name: run.data.metrics.get(scorers.metric(name)) for name in scorers.NAMES}
    return {name: value for name, value in found.items() if value is not None}


def judged(
    client: MlflowClient,
    service: Service,
    found: Measured,
    live: Mapping[str, float] | None,
    called: str = "the live run",
) -> Outcome:
    """What passed and what did not; the run says so."""
    outcome = judging.answers(service.name, service.wanted, found, live, called)
    client.set_tag(found.run_id, PASSED, "failed" if outcome.failures else "passed")
    document = {"figures": outcome.figures, "failures": list(outcome.failures)}
    client.log_dict(found.run_id, document, "gates.json")
    return outcome
