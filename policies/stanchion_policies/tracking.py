"""The experiment tracker and model registry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from stanchion_policies.kubernetes import WORKLOADS, Container, KubernetesObject
from stanchion_policies.reading import get, present
from stanchion_policies.rules import Settings, Severity, flag, object_policy

OWN_SERVER = "stanchion-mlflow"
"""Our image's command: it always turns authentication on, so only the hosts are left to it."""

DATABASE = re.compile(r"(?:postgresql|mysql|mssql)(?:\+\w+)?://|\$")
"""A database server's address, or a reference that the shell or Kubernetes resolves."""


@object_policy(
    "mlflow-secured",
    kinds=WORKLOADS,
    severity=Severity.CRITICAL,
    fix="Start it with --app-name basic-auth and --allowed-hosts with each name it is called by, "
    "with and without its port.",
)
def mlflow_secured(item: KubernetesObject, _settings: Settings) -> Iterator[str]:
    """An MLflow server knows its users and its own names."""
    for container in item.pod.main if item.pod else ():
        words = words_of(container)
        if runs(words, OWN_SERVER, "serve"):
            yield from _hosts(container, words, "ALLOWED_HOSTS")
        elif runs(words, "mlflow", "server") or runs(words, "mlflow", "ui"):
            if option(words, "--app-name") != "basic-auth":
                yield f"{container.title} serves MLflow to everybody; add --app-name basic-auth"
            yield from _hosts(container, words, "MLFLOW_SERVER_ALLOWED_HOSTS")


@object_policy(
    "mlflow-database",
    kinds=WORKLOADS,
    severity=Severity.HIGH,
    fix="Give it a PostgreSQL database that is backed up.",
    settings={"files": flag("Whether SQLite and plain files are allowed.", default=False)},
)
def mlflow_database(item: KubernetesObject, settings: Settings) -> Iterator[str]:
    """An MLflow server keeps its records in a database server."""
    for container in item.pod.main if item.pod and not settings.flag("files") else ():
        words = words_of(container)
        if not runs(words, "mlflow", "server"):
            continue
        store = option(words, "--backend-store-uri")
        entry = dict(container.env).get("MLFLOW_BACKEND_STORE_URI", {})
        if store is None and present(entry, "valueFrom"):
            continue
        if store is None:
            store = str(get(entry, "value", default=""))
        if not DATABASE.match(store):
            kind = "SQLite" if store.startswith("sqlite") else "files"
            yield f"{container.title} keeps MLflow's records in {kind}, lost with the container"


def words_of(container: Container) -> list[str]:
    """The command line, a shell script taken apart into its words."""
    return [word.strip("'\";") for text in container.words() for word in text.split()]


def runs(words: Sequence[str], program: str, subcommand: str) -> bool:
    """Whether a command line runs a program's subcommand."""
    return any(
        word.rpartition("/")[2] == program and following == subcommand
        for word, following in pairwise(words)
    )


def option(words: Sequence[str], name: str) -> str | None:
    """An option's value on a command line; None where it is not given."""
    for word, following in pairwise([*words, ""]):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _hosts(container: Container, words: Sequence[str], variable: str) -> Iterator[str]:
    env = dict(container.env)
    hosts = option(words, "--allowed-hosts")
    if hosts is None and variable in env:
        hosts = str(get(env[variable], "value", default=""))
    if not hosts:
        yield f"{container.title} answers to any Host header; name its hosts in {variable}"
    elif "*" in hosts.split(","):
        yield f"{container.title} allows the host *, which is any; name its hosts"
