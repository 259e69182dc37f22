"""MLflow of production outside its cluster: the server, its walls and the way there agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stanchion_cli import preview
from stanchion_cli.render import objects

ROOT = Path(__file__).parents[2]
HOST = "mlflow.ml-prod.example.com"
BALANCERS = {
    "aws": ["10.40.204.0/22", "10.40.208.0/22", "10.40.212.0/22"],
    "gcp": ["10.40.240.0/23", "35.191.0.0/16", "130.211.0.0/22"],
}


@pytest.fixture(scope="module", params=["aws", "gcp"])
def production(request: pytest.FixtureRequest) -> tuple[str, preview.Preview]:
    return request.param, preview.run(f"prod-{request.param}", root=ROOT, policies=False)


def _server(evaluated: preview.Preview, kind: str, name: str = "mlflow") -> dict[str, Any]:
    (found,) = [
        item.manifest
        for item in objects(evaluated)
        if (item.kind, item.manifest["metadata"]["name"]) == (kind, name)
        and item.manifest["metadata"]["namespace"] == "tracking"
    ]
    return dict(found)


def test_mlflow_answers_to_the_name_and_its_own_pages_may_write(
    production: tuple[str, preview.Preview],
) -> None:
    _, evaluated = production
    (container,) = _server(evaluated, "Deployment")["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value", "") for each in container["env"]}
    assert {HOST, f"{HOST}:443"} <= set(told["ALLOWED_HOSTS"].split(","))
    assert told["CORS_ALLOWED_ORIGINS"] == f"https://{HOST}"
    assert evaluated.outputs["tracking"]["privateUrl"] == f"https://{HOST}"


def test_load_balancers_get_in_and_no_other_address_does(
    production: tuple[str, preview.Preview],
) -> None:
    cloud, evaluated = production
    policy = _server(evaluated, "NetworkPolicy", "mlflow-server")
    admitted = [
        (peer["ipBlock"]["cidr"], [port["port"] for port in rule["ports"]])
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        if "ipBlock" in peer
    ]
    assert admitted == [(cidr, [5000]) for cidr in BALANCERS[cloud]]


def test_the_way_there_is_for_the_same_name(production: tuple[str, preview.Preview]) -> None:
    cloud, evaluated = production
    if cloud == "aws":
        (rule,) = _server(evaluated, "Ingress")["spec"]["rules"]
        assert rule["host"] == HOST
    else:
        assert _server(evaluated, "HTTPRoute")["spec"]["hostnames"] == [HOST]


def test_an_environment_that_does_not_ask_has_no_way_in() -> None:
    evaluated = preview.run("dev-aws", root=ROOT, policies=False)
    assert not [item for item in objects(evaluated) if item.kind in {"Ingress", "Gateway"}]
    policy = _server(evaluated, "NetworkPolicy", "mlflow-server")
    assert "ipBlock" not in str(policy["spec"]["ingress"])
    assert evaluated.outputs["tracking"]["privateUrl"] is None
