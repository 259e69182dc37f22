"""What language models and gateways promise: the rules that are made of it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import stanchion
from stanchion_cli.preview import typecheck
from unit.components.programs import llm_gateway
from unit.components.test_llm_service import llm
from unit.components.world import World

ROOT = Path(__file__).parents[3]
FIRST: dict[str, Any] = {"milliseconds": 1000, "percent": 99}
EACH: dict[str, Any] = {"milliseconds": 50, "percent": 99}


def rules(world: World) -> list[Mapping[str, Any]]:
    groups = world.object("PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts(world: World) -> set[str]:
    return {rule["alert"] for rule in rules(world) if "alert" in rule}


def test_a_model_promises_availability_until_its_file_says_more() -> None:
    assert alerts(llm()) == {"LlmServiceErrorBudgetBurn", "LlmServiceNotServing"}
    assert alerts(llm(slo={"first_token": FIRST, "token_time": EACH})) == {
        "LlmServiceErrorBudgetBurn",
        "LlmServiceFirstTokenBudgetBurn",
        "LlmServiceNotServing",
        "LlmServiceTokenTimeBudgetBurn",
    }


def test_behind_a_gateway_the_gateway_promises_that_requests_do_not_fail() -> None:
    assert alerts(llm(guardrail="assistant")) == {"LlmServiceNotServing"}
    made = alerts(llm_gateway(monitoring=True))
    assert made == {"LlmGatewayErrorBudgetBurn", "LlmGatewayNotScraped"}


TRACES = {"tracking": {"url": "http://mlflow:5000", "namespace": "mlflow", "secret_name": "user"}}


def test_a_gateway_that_traces_tells_of_lost_traces_and_of_ungrounded_answers() -> None:
    always = {"LlmGatewayErrorBudgetBurn", "LlmGatewayNotScraped", "LlmGatewayTracesLost"}
    assert alerts(llm_gateway(monitoring=True, traces=TRACES)) == always
    scored = {**TRACES, "groundedness": {"minimum": 0.6, "roles": ["tool"]}}
    world = llm_gateway(monitoring=True, traces=scored)
    assert alerts(world) == {*always, "LlmGatewayUngrounded"}
    compared = {
        r["labels"]["against"] for r in rules(world) if r.get("alert", "")[10:] == "Ungrounded"
    }
    assert compared == {"past", "minimum"}
    (told,) = (
        document
        for document in world.object("ConfigMap")["data"].values()
        if "groundedness" in document
    )
    assert "minimum" not in told


@pytest.mark.parametrize(
    ("minimum", "monitoring", "message"),
    [
        (0, True, r"traces\.groundedness\.minimum: is 0; write more than 0, and 1 at most"),
        (1.5, True, r"traces\.groundedness\.minimum: is 1.5; write more than 0"),
        (0.6, False, r"traces\.groundedness\.minimum: is judged by metrics"),
    ],
)
def test_a_minimum_that_nobody_could_hold_it_to_is_refused(
    minimum: float, monitoring: bool, message: str
) -> None:
    scored = {**TRACES, "groundedness": {"minimum": minimum}}
    with pytest.raises(stanchion.ArgumentsError, match=message):
        llm_gateway(monitoring=monitoring, traces=scored)


def test_without_monitoring_nothing_is_made_and_a_promise_is_refused() -> None:
    world = llm(monitoring=False, autoscaling={"min_replicas": 1, "max_replicas": 1})
    assert not [kind for kind, _ in world.objects if kind == "PrometheusRule"]
    with pytest.raises(stanchion.ArgumentsError, match=r"slo: is judged by metrics"):
        llm(
            monitoring=False,
            autoscaling={"min_replicas": 1, "max_replicas": 1},
            slo={"first_token": FIRST},
        )
    with pytest.raises(stanchion.ArgumentsError, match=r"slo: is judged by metrics"):
        llm_gateway(monitoring=False, slo={"availability": 99.0})


@pytest.mark.parametrize(
    "world",
    [
        llm(slo={"first_token": FIRST, "token_time": EACH, "availability": 99.9}),
        llm_gateway(monitoring=True),
    ],
    ids=["model", "gateway"],
)
def test_every_alert_says_whose_it_is_how_urgent_and_what_to_do(world: World) -> None:
    assert not typecheck.check(
        [{"urn": r.urn, "type": r.type, "inputs": r.wire} for r in world.resources[1:]]
    )
    for rule in rules(world):
        promql_parser.parse(rule["expr"])
        if "alert" in rule:
            assert {"owner", "severity", "tenant", "namespace", "service"} <= set(rule["labels"])
            assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
            assert "$value" in rule["annotations"]["summary"]
            assert rule["annotations"]["dashboard"].startswith("/d/stanchion-llm-service?")


def test_groups_of_two_services_have_different_names() -> None:
    groups = llm().object("PrometheusRule")["spec"]["groups"]
    groups += llm_gateway(monitoring=True).object("PrometheusRule")["spec"]["groups"]
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)


def test_a_promise_asks_for_the_bound_as_prometheus_stores_it() -> None:
    asked = json.dumps([rule["expr"] for rule in rules(llm(slo={"first_token": FIRST}))])
    assert 'le=\\"1.0\\"' in asked


@pytest.mark.parametrize(
    ("slo", "told"),
    [
        (
            {"first_token": {"milliseconds": 800, "percent": 99}},
            "slo.first_token.milliseconds: 800 is no bound of the histogram by which the server "
            "measures; write 750 or 1000",
        ),
        (
            {"token_time": {"milliseconds": 60, "percent": 99}},
            "slo.token_time.milliseconds: 60 is no bound of the histogram by which the server "
            "measures; write 50 or 75",
        ),
        (
            {"first_token": {"milliseconds": 640_000, "percent": 99}},
            "slo.first_token.milliseconds: 640000 is not below stream_seconds: 300",
        ),
        ({"first_token": {"milliseconds": 1000, "percent": 90}}, "slo.first_token.percent: 90"),
        ({"availability": 100}, "slo.availability: 100 leaves no error budget"),
        ({"window_days": 90}, "slo.window_days: 90 is out of range"),
        ({"latency": FIRST}, "slo.latency: is no argument"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_can(slo: dict[str, Any], told: str) -> None:
    with pytest.raises(stanchion.ArgumentsError) as error:
        llm(slo=slo)
    assert told in str(error.value)


def test_a_gateway_promises_no_times() -> None:
    with pytest.raises(stanchion.ArgumentsError, match=r"slo\.first_token: is no argument"):
        llm_gateway(monitoring=True, slo={"first_token": FIRST})
