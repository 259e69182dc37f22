from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from stanchion import ArgumentsError
from stanchion_llm_gateway.configuration import Configuration, parse
from unit.components.programs import GATEWAY, llm_gateway
from unit.components.world import World

DAILY = [{"name": "chat", "limits": {"dollars_per_day": 5}}]
LEDGER = {
    "url": {"secret_name": "usage-database"},
    "pods": {"namespace": "tracking", "pod_labels": {"app": "db"}},
}


def _pod(world: World) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = world.object("Deployment")["spec"]["template"]["spec"]
    return pod


def _configuration(world: World) -> Configuration:
    return parse(json.loads(world.object("ConfigMap")["data"]["gateway.json"]))


def _files(world: World) -> dict[str, str]:
    """Each file of a secret in the pod, with the Secret it comes from."""
    (volume,) = [v for v in _pod(world)["volumes"] if v["name"] == "secrets"]
    return {
        f"/run/secrets/stanchion/{item['path']}": source["secret"]["name"]
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def _egress(world: World) -> list[Mapping[str, Any]]:
    rules: list[Mapping[str, Any]] = world.object("NetworkPolicy")["spec"]["egress"]
    return rules


def test_the_gateway_understands_everything_it_is_told() -> None:
    world = llm_gateway(
        total={"dollars_per_day": 100},
        consumers=[{"name": "chat", "models": ["assistant"], "limits": {"tokens_per_day": 9}}],
        ledger=LEDGER,
        guardrails={
            "input_pii": "block",
            "output_pii": "off",
            "pii_entities": ["EMAIL_ADDRESS"],
            "injection": "report",
            "input_policies": [{"name": "weapons", "pattern": "bomb"}],
            "output_policies": [{"name": "codename", "pattern": "aurora", "action": "redact"}],
            "allowed_topics": ["wine"],
            "model": {"backend": "llama", "model": "guard", "on_output": True},
            "stream_window_chars": 64,
        },
        audit={"content": False, "retention_days": 3},
    )
    told = _configuration(world)
    assert [(b.name, b.external) for b in told.backends] == [("llama", False), ("provider", True)]
    assert told.models[0].targets[1].output_price == 1
    assert (told.consumers[0].models, told.consumers[0].limits.tokens_per_day) == (["assistant"], 9)
    assert told.total.dollars_per_day == 100
    rails = told.guardrails
    assert (rails.input.pii.action, rails.output.pii.action) == ("block", "off")
    assert rails.input.pii.entities == rails.output.pii.entities == ["EMAIL_ADDRESS"]
    assert (rails.input.injection, rails.output.window_chars) == ("report", 64)
    assert [rule.action for rule in (*rails.input.policy, *rails.output.policy)] == [
        "block",
        "redact",
    ]
    assert rails.input.allowed_topics == ("wine",)
    assert rails.model is not None
    assert (rails.model.on, rails.model.on_failure) == (("input", "output"), "block")
    assert (told.audit.content, told.audit.retention_days) == (False, 3)


def test_every_file_it_is_told_of_is_in_the_pod() -> None:
    world = llm_gateway(ledger=LEDGER)
    told, files = _configuration(world), _files(world)
    assert files[str(told.ledger.url_file)] == "usage-database"
    assert files[str(told.backends[1].api_key_file)] == "gateway-backend-provider"
    assert files[f"{told.authentication.keys_dir}/chat"] == "gateway-consumers"
    (container,) = _pod(world)["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "configuration"]
    (variable,) = [v for v in container["env"] if v["name"] == "CONFIGURATION"]
    assert variable["value"] == f"{mount['mountPath']}/gateway.json"


def test_a_providers_key_comes_from_external_secrets_before_the_pods() -> None:
    world = llm_gateway()
    made = world.object("ExternalSecret")
    assert made["metadata"]["name"] == "gateway-backend-provider"
    assert made["spec"]["data"] == [
        {"secretKey": "token", "remoteRef": {"key": "demo/provider", "property": "token"}}
    ]
    assert world.waits_for(
        world.registered("Deployment", "gateway"),
        world.registered("ExternalSecret", "gateway-backend-provider"),
    )


def test_a_changed_configuration_is_a_rollout_and_an_unchanged_one_is_none() -> None:
    def mark(**changes: Any) -> str:
        template = llm_gateway(**changes).object("Deployment")["spec"]["template"]
        value: str = template["metadata"]["annotations"]["stanchion.dev/configuration-hash"]
        return value

    assert mark() == mark()
    assert mark() != mark(consumers=[{"name": "other"}])


def test_a_backend_without_pods_is_a_providers_and_gets_redacted_prompts() -> None:
    told = _configuration(llm_gateway())
    assert {backend.name: backend.external for backend in told.backends} == {
        "llama": False,
        "provider": True,
    }


def test_the_way_out_is_dns_the_backends_and_public_addresses() -> None:
    dns, llama, public = _egress(llm_gateway())
    assert {port["port"] for port in dns["ports"]} == {53}
    assert llama["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/instance": "llama"}
    assert [port["port"] for port in llama["ports"]] == [8000]
    assert [port["port"] for port in public["ports"]] == [443]
    assert "10.0.0.0/8" in public["to"][0]["ipBlock"]["except"]


def test_without_a_provider_nothing_leaves_the_cluster() -> None:
    models = [{"name": "assistant", "targets": [{"backend": "llama"}]}]
    rules = _egress(llm_gateway(backends=GATEWAY["backends"][:1], models=models))
    assert not [peer for rule in rules for peer in rule["to"] if "ipBlock" in peer]


def test_the_ledger_is_reached_where_it_is() -> None:
    rules = _egress(llm_gateway(ledger=LEDGER))
    (there,) = [rule for rule in rules if rule["ports"][0]["port"] == 5432]
    assert there["to"][0]["podSelector"]["matchLabels"] == {"app": "db"}


def test_traces_have_a_login_and_a_way_to_mlflow_alone() -> None:
    tracking = {
        "url": "http://mlflow.tracking.svc.cluster.local:5000",
        "namespace": "tracking",
        "secret_name": "gateway-mlflow",
    }
    world = llm_gateway(traces={"tracking": tracking, "sample_percent": 2.5})
    told, files = _configuration(world).traces, _files(world)
    assert told is not None
    assert (told.url, told.experiment, told.sample_percent) == (tracking["url"], "gateway", 2.5)
    for name in ("username", "password"):
        assert files[f"{told.credentials_dir}/{name}"] == "gateway-mlflow"
    (mlflow,) = [rule for rule in _egress(world) if rule["ports"][0]["port"] == 5000]
    (there,) = mlflow["to"]
    assert there["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "tracking"}
    assert _configuration(llm_gateway()).traces is None


def test_a_share_of_traces_that_is_none_is_refused() -> None:
    tracking = {"url": "http://x", "namespace": "tracking", "secret_name": "gateway-mlflow"}
    for percent in (0, 100.5):
        with pytest.raises(ArgumentsError, match=r"traces\.sample_percent: is"):
            llm_gateway(traces={"tracking": tracking, "sample_percent": percent})


def test_callers_do_not_reach_the_metrics_that_name_consumers() -> None:
    world = llm_gateway(allow_from=["web"], monitoring=True)
    callers, scrapers = world.object("NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in callers["ports"]] == [8080]
    assert len(callers["from"]) == 2
    assert [port["port"] for port in scrapers["ports"]] == [9090]
    assert world.object("ServiceMonitor")["spec"]["endpoints"][0]["port"] == "metrics"


def test_a_leaving_replica_has_time_for_the_longest_answer() -> None:
    spec = _pod(llm_gateway(drain_seconds=20, stream_seconds=900))
    assert spec["terminationGracePeriodSeconds"] > 920


def test_replicas_belong_to_the_autoscaler_and_the_budget_holds_them() -> None:
    world = llm_gateway()
    assert world.object("Deployment")["spec"]["replicas"] == 2
    assert world.registered("Deployment", "gateway").ignores == ("spec.replicas",)
    assert world.object("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2
    assert world.object("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_audit_files_fit_the_pods_scratch_volume() -> None:
    world = llm_gateway()
    audit = _configuration(world).audit
    (scratch,) = [v for v in _pod(world)["volumes"] if v["name"] == "tmp"]
    assert scratch["emptyDir"]["sizeLimit"] == "1Gi"
    assert audit.file_megabytes * (audit.files + 1) < 500


def test_no_secret_is_in_the_configuration_or_the_environment() -> None:
    world = llm_gateway(ledger=LEDGER)
    (container,) = _pod(world)["containers"]
    assert {variable["name"] for variable in container["env"]} == {
        "CONFIGURATION",
        "PORT",
        "METRICS_PORT",
    }
    assert "Secret" not in {item["kind"] for item in world.manifests}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"consumers": DAILY}, "consumers[0].limits.dollars_per_day: needs ledger"),
        ({"total": {"tokens_per_day": 5}}, "total.tokens_per_day: needs ledger"),
        ({"total": {"tokens_per_minute": 0}}, "total.tokens_per_minute: is 0"),
        ({"consumers": []}, "consumers: is empty, so nobody may ask"),
        ({"consumer_keys": None}, "consumer_keys: is missing, and so is identity_header"),
        ({"identity_header": "x-user"}, "consumer_keys: and identity_header are both there"),
        ({"consumer_keys": {}}, "consumer_keys: names not exactly one secret"),
        ({"backends": []}, "models[0].targets[0].backend: 'llama' is unknown"),
        (
            {"backends": [{"name": "provider", "url": "http://api.example.com/v1"}]},
            "backends[0].url: prompts and keys would leave the cluster unencrypted",
        ),
        (
            {"backends": [{"name": "provider", "url": "https://x.com/v1", "port": 1}]},
            "backends[0].port: is 1, without backends[0].pods",
        ),
        (
            {"consumers": [{"name": "chat", "models": ["gpt"]}]},
            "consumers[0].models: 'gpt' is unknown; write one of assistant",
        ),
        (
            {"guardrails": {"input_policies": [{"name": "x", "pattern": "("}]}},
            "guardrails.input_policies[0].pattern: '(' is no regular expression",
        ),
        ({"guardrails": {"input_pii": "hide"}}, "guardrails.input_pii: 'hide' is unknown"),
        (
            {"guardrails": {"model": {"backend": "llama", "model": "g", "on_input": False}}},
            "guardrails.model.on_input: and on_output are false",
        ),
        ({"image": "x/llm-gateway"}, "names no version"),
        ({"stream_seconds": 0}, "stream_seconds: 0 is out of range"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        llm_gateway(**wrong)
    assert told in str(error.value)


def test_prices_may_be_whole_numbers() -> None:
    target = _configuration(llm_gateway()).models[0].targets[1]
    assert (target.input_price, target.output_price) == (0.01, 1.0)
