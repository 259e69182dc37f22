"""`gateway` and `shadow` of a service file: its hosts, and a candidate that is asked along."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from gateway_config import GatewayConfig
from pydantic import AfterValidator, Field
from stanchion.serving.gateway import HOST, LONGEST_HOST, MOST_HOSTS, unfit_percent
from stanchion.serving.rollout import ModelRollout, weighs_at_gateway
from validation import Strict

if TYPE_CHECKING:
    from service import ModelServiceFile


def _host(text: str) -> str:
    if len(text) > LONGEST_HOST or not re.fullmatch(HOST, text):
        raise ValueError(f"'{text}' is no host; write one as wine.example.com")
    return text


def _some(hosts: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(hosts) <= MOST_HOSTS:
        raise ValueError(f"has {len(hosts)} hosts; name 1 to {MOST_HOSTS} that lead to the service")
    return hosts


_Host = Annotated[str, AfterValidator(_host)]


class GatewayRoute(Strict):
    """What the service has at the environment's Gateway."""

    hostnames: Annotated[tuple[_Host, ...], AfterValidator(_some)]
    """Hosts that lead to it, of no other service."""


class Shadow(Strict):
    """A candidate, pinned under `shadows` of the lock file, that requests are mirrored to.

    Its answers are dropped; it is left out where none is pinned, or where that one is live.
    """

    percent: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the requests that it gets too."""
    replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    """Its replicas, always as many; default: 1 in dev, else 2."""


def gateway_problems(
    route: GatewayRoute | None,
    shadow: Shadow | None,
    rollout: ModelRollout,
    at: GatewayConfig | None,
    environment: str,
) -> list[str]:
    """What is wrong with them in an environment.

    Args:
        route: What the file says of its Gateway.
        shadow: What it says of a candidate.
        rollout: How its new versions take over.
        at: The environment's Gateway, where it has one.
        environment: Name of the environment.
    """
    problems = []
    if route is not None and at is None:
        problems.append(
            f"gateway: needs what {environment} lacks: name and namespace of a Gateway under "
            "stanchion:gateway; add it, or remove gateway"
        )
    for field, needs in (
        ("rollout.traffic", weighs_at_gateway(rollout)),
        ("shadow", shadow is not None),
    ):
        if needs and route is None:
            problems.append(
                f"{field}: needs `gateway`, which weighs or mirrors the requests; add "
                f"`gateway: {{hostnames: [...]}}`, or remove {field}"
            )
    unfit = unfit_percent(shadow.percent, at.class_name) if shadow and at else None
    if unfit is not None:
        problems.append(f"shadow.percent: {unfit[0]}; {unfit[1]}")
    return problems


def host_problems(services: Sequence[ModelServiceFile]) -> list[str]:
    """Hosts that two services claim, or one of them twice."""
    claimed: dict[str, str] = {}
    problems = []
    for service in services:
        for at, host in enumerate(service.gateway.hostnames if service.gateway else ()):
            path = f"services/{service.name}: gateway.hostnames[{at}]"
            if host in claimed:
                problems.append(
                    f"{path}: '{host}' is also {claimed[host]}, and of two routes for a host the "
                    "younger gets nothing; write another in one of them"
                )
            claimed.setdefault(host, path)
    return problems


def shadow_problems(
    services: Sequence[ModelServiceFile], pinned: Mapping[str, str], lock: str
) -> list[str]:
    """What is wrong with candidates of the lock file.

    Args:
        services: The files.
        pinned: Models of the candidates, by service.
        lock: Name of the lock file.
    """
    problems = []
    for service in services:
        model, where = pinned.get(service.name), f"{lock}: shadows.{service.name}"
        if model is None:
            continue
        if service.shadow is None:
            problems.append(
                f"{where}: services/{service.name} has no `shadow`; add `shadow: {{}}` there, or "
                "remove it here"
            )
        if model != service.model:
            problems.append(
                f"{where}.model: '{model}' is not the service's model '{service.model}'; pin a "
                "version of that"
            )
    return problems
