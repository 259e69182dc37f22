"""`gateway` and `shadow` of a service file, and the Gateway of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gateway_config import GatewayConfig
from service import check_services
from service_files import load_services
from service_lock import Pin
from unit.stacks.bad_files import SERVICE
from unit.stacks.examples import environment
from validation import InvalidFileError

HOST = "gateway: {hostnames: [wine.models.example.com]}"
CANARY = "rollout: {strategy: canary, traffic: gateway, steps: [{weight: 1}]}"
PUBLIC = GatewayConfig(name="public", namespace="gateways")
PRIVATE = GatewayConfig.model_validate(
    {"name": "private", "namespace": "gateways", "className": "gke-l7-rilb"}
)
CANDIDATE = Pin(model="wine-cultivar", version="7", digest="sha256:" + "b" * 64)


def problems(
    folder: Path,
    *lines: str,
    at: GatewayConfig | None = PUBLIC,
    shadows: Mapping[str, Pin] | None = None,
) -> tuple[str, ...]:
    """What is wrong with a service file in an environment with or without a Gateway."""
    (folder / "wine.yaml").write_text("\n".join([SERVICE.rstrip(), *lines, ""]))
    try:
        check_services(
            load_services(folder, "prod-aws"),
            environment="prod-aws",
            tenants=["demo"],
            min_replicas=2,
            gateway=at,
            shadows=shadows or {},
        )
    except InvalidFileError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    "lines",
    [
        [HOST],
        [HOST, CANARY],
        [HOST, "shadow: {}"],
        [HOST, CANARY, "shadow: {percent: 20, replicas: 3}"],
        [HOST, "rollout: {strategy: blueGreen}"],
    ],
)
def test_sound_files_have_no_problem(tmp_path: Path, lines: list[str]) -> None:
    assert problems(tmp_path, *lines) == ()


@pytest.mark.parametrize(
    ("lines", "at", "told"),
    [
        (
            [HOST],
            None,
            "services/wine: gateway: needs what prod-aws lacks: name and namespace of a Gateway "
            "under stanchion:gateway; add it, or remove gateway",
        ),
        (
            [CANARY],
            PUBLIC,
            "services/wine: rollout.traffic: needs `gateway`, which weighs or mirrors the "
            "requests; add `gateway: {hostnames: [...]}`, or remove rollout.traffic",
        ),
        (
            ["shadow: {}"],
            PUBLIC,
            "services/wine: shadow: needs `gateway`, which weighs or mirrors the requests; add "
            "`gateway: {hostnames: [...]}`, or remove shadow",
        ),
        (
            [HOST, "shadow: {percent: 20}"],
            PRIVATE,
            "services/wine: shadow.percent: 20 is not known to be heeded by gke-l7-rilb, which "
            "would mirror all requests; write 100, or leave it out",
        ),
        (
            [HOST, "rollout: {strategy: canary, traffic: gateway, surge: 2}"],
            PUBLIC,
            "services/wine: rollout.surge: says nothing with rollout.traffic: gateway, where both "
            "versions are at their full number in the end; remove it",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, lines: list[str], at: GatewayConfig | None, told: str
) -> None:
    assert problems(tmp_path, *lines, at=at) == (told,)


def test_a_host_that_is_none_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "gateway: {hostnames: [Wine]}")
    assert found == (
        "wine.yaml: gateway.hostnames[0]: 'Wine' is no host; write one as wine.example.com"
    )
    (found,) = problems(tmp_path, "gateway: {hostnames: []}")
    assert found.startswith("wine.yaml: gateway.hostnames: has 0 hosts; name 1 to 16")


def test_a_host_of_two_services_is_refused_with_both_paths(tmp_path: Path) -> None:
    other = SERVICE.replace("name: wine", "name: beer")
    shared = "gateway: {hostnames: [beer.example.com, wine.models.example.com]}"
    (tmp_path / "beer.yaml").write_text(f"{other}{shared}\n")
    assert problems(tmp_path, HOST) == (
        "services/wine: gateway.hostnames[0]: 'wine.models.example.com' is also services/beer: "
        "gateway.hostnames[1], and of two routes for a host the younger gets nothing; write "
        "another in one of them",
    )


def test_a_candidate_of_a_service_without_a_shadow_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, HOST, shadows={"wine": CANDIDATE}) == (
        "prod-aws.lock.yaml: shadows.wine: services/wine has no `shadow`; add `shadow: {}` there, "
        "or remove it here",
    )


def test_a_candidate_of_another_model_is_refused(tmp_path: Path) -> None:
    other = CANDIDATE.model_copy(update={"model": "beer"})
    (found,) = problems(tmp_path, HOST, "shadow: {}", shadows={"wine": other})
    assert found.startswith("prod-aws.lock.yaml: shadows.wine.model: 'beer' is not the service's")


@pytest.mark.parametrize(
    ("stack", "gateway", "told"),
    [
        ("prod-gcp", {}, "gateway.className: envoy is not of this cloud; write one that begins"),
        ("prod-aws", {"className": "gke-l7-rilb"}, "gateway.className: gke-l7-rilb is not of this"),
        (
            "prod-gcp",
            {"className": "gke-l7-gxlb"},
            "gateway: className: gke-l7-gxlb is the classic load balancer, which has neither",
        ),
        ("local", {}, "gateway: the bundled node has no Gateway API; remove it"),
    ],
)
def test_a_gateway_that_an_environment_cannot_have_is_refused(
    stack: str, gateway: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidFileError) as refused:
        environment(stack, gateway={"name": "public", "namespace": "gateways", **gateway})
    assert any(told in problem for problem in refused.value.problems), refused.value.problems


def test_an_environment_without_envoy_gateway_has_no_gateway_of_its_class() -> None:
    with pytest.raises(InvalidFileError) as refused:
        environment(
            "prod-aws",
            gateway={"name": "public", "namespace": "gateways"},
            operators={"enabled": ["kube-prometheus-stack", "argo-rollouts"]},
        )
    assert "envoy needs envoy-gateway under operators.enabled" in str(refused.value)


def test_requests_come_from_the_operators_proxies_or_from_balancers() -> None:
    hosts = ("wine.example.com",)
    assert PUBLIC.arguments(hosts, ["10.0.0.0/23"])["proxies_namespace"] == "envoy-gateway-system"
    assert PRIVATE.arguments(hosts, ["10.0.0.0/23"])["proxy_cidrs"] == ["10.0.0.0/23"]
