"""Service files of kind LlmService: what is refused and where, and what becomes of the rest."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from llm_adapters import AdapterPin, fitting
from llm_adapters import unpinned as unpinned_adapters
from llm_arguments import gateway_args, llm_args
from llm_prompts import unpinned
from llm_service import LlmServiceFile
from llm_serving import check_llm_services
from schemas import service_schema
from service_files import load_service_files, load_services
from service_lock import LockFile, load_lock
from service_place import PoolOffer
from stanchion import ModelRegistryAccess, Placement
from stanchion_serving.prompts import digest
from unit.stacks import examples
from unit.stacks.bad_files import ROOT
from unit.stacks.examples import example
from validation import InvalidFileError

EXAMPLE = example("llm/assistant.yaml")
edited = partial(examples.edited, EXAMPLE)
L4: Placement = {**examples.L4, "device_memory": 21.9, "nvme_cache": True}
TENANTS = [
    {
        "name": "demo",
        "owner": "demo-team",
        "costCenter": "demo",
        "quota": {"cpu": "40", "memory": "120Gi", "gpus": 8},
    }
]
environment = partial(examples.environment, tenants=TENANTS)


def files(folder: Path, text: str, stack: str = "prod-aws") -> tuple[LlmServiceFile, ...]:
    (folder / "assistant.yaml").write_text(text)
    found = load_service_files(folder, stack)
    return tuple(file for file in found if isinstance(file, LlmServiceFile))


def problems(folder: Path, text: str, **changes: Any) -> list[str]:
    with pytest.raises(InvalidFileError) as error:
        check_llm_services(
            files(folder, text),
            environment(**changes),
            "prod-aws",
            {"l4": PoolOffer(L4), "cheap": PoolOffer(L4, interruptible=True)},
        )
    return list(error.value.problems)


def test_the_example_satisfies_the_schema_and_the_environment(tmp_path: Path) -> None:
    jsonschema.validate(yaml.safe_load(EXAMPLE), service_schema())
    found = files(tmp_path, EXAMPLE)
    assert [file.name for file in found] == ["assistant"]
    pools = {"l4": PoolOffer(L4)}
    check_llm_services(found, environment(), "prod-aws", pools)


@pytest.mark.parametrize("name", ["assistant", "in-cluster"])
def test_an_examples_data_set_is_the_one_that_it_pins(name: str) -> None:
    wanted = yaml.safe_load(example(f"llm/{name}.yaml"))["gates"]["evaluation"]
    assert hashlib.sha256((ROOT / wanted["data"]).read_bytes()).hexdigest() == wanted["sha256"]


def test_the_guides_file_and_its_refusal_are_true(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "llm.md").read_text("utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    jsonschema.validate(yaml.safe_load(text), service_schema())
    pools = {"l4": PoolOffer(L4)}
    check_llm_services(files(tmp_path, text), environment(), "prod-aws", pools)
    shown = guide.partition("```text\n")[2].partition("\n```")[0]
    engine = "{maxModelLen: 16384, weights: fp8, quantizeOnLoad: true, fullLengthRequests: 2}"
    large = edited((engine, "{maxModelLen: 40960, fullLengthRequests: 2}"))
    assert problems(tmp_path, large) == [shown]


def test_the_schema_refuses_a_misspelt_key_of_its_kind() -> None:
    wrong = yaml.safe_load(edited(("fullLengthRequests", "fullLengthRequest")))
    with pytest.raises(jsonschema.ValidationError, match="fullLengthRequest"):
        jsonschema.validate(wrong, service_schema())


def test_files_of_both_kinds_share_one_folder_and_its_names(tmp_path: Path) -> None:
    wine = (ROOT / "stacks" / "services" / "wine.yaml").read_text("utf-8")
    (tmp_path / "wine.yaml").write_text(wine)
    assert len(files(tmp_path, EXAMPLE)) == 1
    assert [file.name for file in load_services(tmp_path, "prod-aws")] == ["wine"]
    (tmp_path / "wine.yaml").write_text(wine.replace("name: wine", "name: assistant"))
    with pytest.raises(InvalidFileError, match=r"'assistant' is also in assistant\.yaml; rename"):
        load_services(tmp_path, "prod-aws")


def test_it_is_of_the_environments_that_it_names(tmp_path: Path) -> None:
    assert files(tmp_path, EXAMPLE, "local") == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("maxModelLen", "maxLen"), "assistant.yaml: engine.maxLen: unknown key; did you mean"),
        (("weights: fp8", "weights: fp9"), "assistant.yaml: engine.weights: 'fp9' is not allowed"),
        (("pool: l4\n", ""), "assistant.yaml: `model` needs `pool`; add it"),
        (("nodeNvme", "hostPath"), "assistant.yaml: storage.cache: 'hostPath' is not allowed"),
        (("revision: b968826d9c46dd6066d109eabc6255188de91218", ""), "model.revision: is required"),
        (("{cloudSecret: assistant-provider}", "{}"), "external[0].apiKey: needs exactly one of"),
        (
            ("input: 0.0005", "input: yes"),
            "external[0].price.input: True has the wrong type",
        ),
        (("input: 0.0005", "input: '1'"), "external[0].price.input: '1' has the wrong type"),
        (("contains: {min: 0.9}", "contains: {min: 90}"), "gates.evaluation: `contains` is 0 to 1"),
        (("{max: 5}", "{max: -5}"), "gates.evaluation: `latencySeconds` is at least 0, and never"),
        (("kind: LlmService", "kind: LLM"), "kind: 'LLM' is not allowed; write 'ModelService' or"),
    ],
)
def test_a_malformed_file_is_told_by_its_path(
    tmp_path: Path, changes: tuple[str, str], told: str
) -> None:
    with pytest.raises(InvalidFileError) as error:
        files(tmp_path, edited(changes))
    assert told in "\n".join(error.value.problems)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("tenant: demo", "tenant: demos"), "tenant: 'demos' is not declared; add it under"),
        (("pool: l4", "pool: l40"), "pool: 'l40' is not under stanchion:pools of prod-aws"),
        (("pool: l4", "pool: cheap"), "pool: 'cheap' of prod-aws has spot capacity alone"),
        (("de91218", "main"), "model.revision: 'b968826d9c46dd6066d109eabc6255188main' pins"),
        (("maxModelLen: 16384", "maxModelLen: 50000"), "engine.maxModelLen: 50000 is more than"),
        (
            ("fullLengthRequests: 2", "fullLengthRequests: 16"),
            "engine: Qwen/Qwen3-8B needs weights 8.8 + ",
        ),
        (("https://api.example.com/v1", "api.example.com/"), "external[0].url: "),
        (("model: chat-small", "model: a chat"), "external[0].model: 'a chat' is no model name"),
        (("gateway:\n", "gateway:\n  maxReplicas: 1\n"), "gateway.maxReplicas: 2 is above "),
        (("maxReplicas: 4", "maxReplicas: 1"), "autoscaling.minReplicas: 2 is above autoscaling."),
        (
            ("maxReplicas: 4", "maxReplicas: 8"),
            "autoscaling.maxReplicas: 8 and the 1 more that a rollout needs take 9 times 1 of gpus,"
            " and tenant 'demo' of prod-aws may have 8; raise quota.gpus of the tenant",
        ),
        (
            ("requestsPerMinute: 60}", "dollarsPerDay: 5}"),
            "gateway.consumers[1].limits.dollarsPerDay: ",
        ),
        (("weights: fp8", "weights: awq_int4"), "is given, and engine.weights is awq_int4; write"),
        (
            ("gateway:\n", "gateway:\n  guardrails: {allowedTopics: ['my_topic(']}\n"),
            "gateway.guardrails.allowedTopics[0]: 'my_topic(' is no regular expression: ",
        ),
    ],
)
def test_what_the_environment_cannot_hold_is_told_by_its_path(
    tmp_path: Path, changes: tuple[str, str], told: str
) -> None:
    found = problems(tmp_path, edited(changes))
    assert any(each.startswith("services/assistant: ") and told in each for each in found), found


def test_without_keda_nothing_would_scale_it(tmp_path: Path) -> None:
    enabled = ["external-secrets", "kube-prometheus-stack", "aws-load-balancer-controller"]
    (problem,) = problems(tmp_path, EXAMPLE, operators={"enabled": enabled})
    assert problem == (
        "services/assistant: autoscaling: needs keda, which operators.enabled of prod-aws lacks; "
        "add it"
    )


def test_a_fixed_number_of_replicas_needs_no_keda(tmp_path: Path) -> None:
    (file,) = files(tmp_path, edited(("maxReplicas: 4", "maxReplicas: 2")))
    enabled = ["external-secrets", "kube-prometheus-stack", "aws-load-balancer-controller"]
    declared = environment(operators={"enabled": enabled})
    check_llm_services([file], declared, "prod-aws", {"l4": PoolOffer(L4)})


def test_a_clouds_secret_needs_who_fetches_it(tmp_path: Path) -> None:
    written = yaml.safe_load(EXAMPLE)
    written["hubToken"] = {"cloudSecret": "hub"}
    written["gateway"]["ledger"] = {"kubernetesSecret": "usage"}
    enabled = ["keda", "kube-prometheus-stack", "aws-load-balancer-controller"]
    lacks = "needs what prod-aws lacks: external-secrets under operators.enabled; add it"
    assert problems(tmp_path, yaml.safe_dump(written), operators={"enabled": enabled}) == [
        f"services/assistant: external[0].apiKey.cloudSecret: {lacks}, or write kubernetesSecret",
        f"services/assistant: gateway.consumerKeys.cloudSecret: {lacks}, or write kubernetesSecret",
        f"services/assistant: hubToken: {lacks}",
    ]


def test_weights_are_in_a_bucket_of_the_environments_own_cloud(tmp_path: Path) -> None:
    written = yaml.safe_load(EXAMPLE)
    uri = f"gs://weights/qwen/{written['model']['revision']}"
    written["model"]["uri"], written["storage"] = uri, {"cache": "bucketMount"}
    assert problems(tmp_path, yaml.safe_dump(written)) == [
        f"services/assistant: model.uri: '{uri}' is in no bucket that prod-aws can mount; write "
        "one with s3://"
    ]


def test_the_own_model_is_asked_first_and_then_the_provider(tmp_path: Path) -> None:
    (file,) = files(tmp_path, EXAMPLE)
    args = gateway_args(file, environment(), "prod-aws", "demo")
    (model,) = args["models"]
    assert model["name"] == "assistant"
    assert [(t["backend"], t["model"]) for t in model["targets"]] == [
        ("own", "assistant-vllm"),
        ("provider", "chat-small"),
    ]
    own, provider = args["backends"]
    assert own["pods"]["namespace"] == "demo"
    assert "pods" not in provider
    assert provider["api_key"] == {"external_name": "assistant-provider"}
    assert llm_args(file, environment(), "prod-aws", L4, "demo")["guardrail"] == "assistant"


def test_a_provider_alone_needs_no_gpu(tmp_path: Path) -> None:
    written = yaml.safe_load(EXAMPLE)
    for key in ("model", "pool", "engine", "storage", "evaluation"):
        del written[key]
    found = files(tmp_path, yaml.safe_dump(written))
    check_llm_services(found, environment(), "prod-aws", {})
    args = gateway_args(found[0], environment(), "prod-aws", "demo")
    assert [backend["name"] for backend in args["backends"]] == ["provider"]


PODS = (
    "    url: https://api.example.com/v1\n",
    "    url: http://ollama.models.svc:11434/v1\n"
    "    pods: {labels: {app.kubernetes.io/name: ollama}, namespace: models, port: 11434}\n",
)
KEY = ("    apiKey: {cloudSecret: assistant-provider}\n", "")


def test_a_server_in_the_cluster_is_reached_at_its_pods_and_needs_no_key(tmp_path: Path) -> None:
    (file,) = found = files(tmp_path, edited(PODS, KEY))
    check_llm_services(found, environment(), "prod-aws", {"l4": PoolOffer(L4)})
    backend = gateway_args(file, environment(), "prod-aws", "demo")["backends"][1]
    assert backend == {
        "name": "provider",
        "url": "http://ollama.models.svc:11434/v1",
        "pods": {"namespace": "models", "pod_labels": {"app.kubernetes.io/name": "ollama"}},
        "port": 11434,
    }
    (own,) = files(tmp_path, edited(PODS, (" namespace: models,", "")))
    backend = gateway_args(own, environment(), "prod-aws", "demo")["backends"][1]
    assert backend["pods"]["namespace"] == "demo"
    assert backend["api_key"] == {"external_name": "assistant-provider"}


def test_the_gateways_own_size_is_the_files(tmp_path: Path) -> None:
    (usual,) = files(tmp_path, EXAMPLE)
    args = gateway_args(usual, environment(), "prod-aws", "demo")
    assert args["resources"] == {"cpu": "500m", "cpu_limit": "2", "memory": "512Mi"}
    (small,) = files(tmp_path, edited(("gateway:\n", "gateway:\n  resources: {cpu: 100m}\n")))
    args = gateway_args(small, environment(), "prod-aws", "demo")
    assert args["resources"] == {"cpu": "100m", "cpu_limit": "1", "memory": "512Mi"}


def test_what_goes_out_of_the_cluster_has_a_key_and_is_encrypted(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"external\[0\]: needs `apiKey`, or `pods` where"):
        files(tmp_path, edited(KEY))
    with pytest.raises(InvalidFileError, match=r"external\[0\]\.pods\.labels: "):
        files(tmp_path, edited(PODS, ("{app.kubernetes.io/name: ollama}", "{}")))
    assert problems(tmp_path, edited(("https://api.", "http://api."))) == [
        "services/assistant: external[0].url: prompts and keys would leave the cluster "
        "unencrypted; write https://, or add pods where it runs in the cluster"
    ]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("adapters: [{name: a, hubName: b/c, revision: d, rank: 8}]", "adapters"),
        ("evaluation: run", "evaluation"),
        ("pool: l4", "pool"),
    ],
)
def test_what_is_of_the_own_model_alone_needs_it(tmp_path: Path, line: str, field: str) -> None:
    written = yaml.safe_load(EXAMPLE)
    for key in ("model", "pool", "engine", "storage", "evaluation"):
        del written[key]
    with pytest.raises(InvalidFileError, match=f"`{field}` goes with `model`; add it or remove"):
        files(tmp_path, f"{yaml.safe_dump(written)}{line}\n")


def test_the_image_is_the_environments_copy_of_the_pinned_version(tmp_path: Path) -> None:
    (file,) = files(tmp_path, EXAMPLE)
    args = llm_args(file, environment(images={}), "prod-aws", L4, "demo")
    assert args["image"].startswith("333333333333.dkr.ecr.us-east-1.amazonaws.com/prod-aws/vllm-")
    assert args["image"].rpartition(":")[2] == "v0.26.0"


def test_traces_go_to_the_environments_mlflow_as_the_tenants_own_user(tmp_path: Path) -> None:
    (file,) = files(tmp_path, edited(("samplePercent: 10", "samplePercent: 5")))
    registry: ModelRegistryAccess = {
        "url": "http://mlflow.tracking.svc.cluster.local:5000",
        "namespace": "tracking",
        "username": "registry-reader",
        "password": "secret-of-reader",
    }
    args = gateway_args(file, environment(), "prod-aws", "demo", registry=registry)
    assert args["traces"] == {
        "sample_percent": 5.0,
        "groundedness": {
            "variables": ["context"],
            "roles": ["tool", "function", "document"],
        },
        "tracking": {
            "url": registry["url"],
            "namespace": "tracking",
            "secret_name": "assistant-mlflow",
        },
    }
    assert "secret-of-reader" not in str(args)


def test_a_share_of_traces_beyond_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "assistant.yaml").write_text(edited(("samplePercent: 10", "samplePercent: 101")))
    with pytest.raises(InvalidFileError, match=r"gateway\.traces\.samplePercent"):
        load_service_files(tmp_path, "prod-aws")


def test_a_file_promises_availability_at_the_address_that_callers_have(tmp_path: Path) -> None:
    slo = "slo: {availability: 99.9, firstToken: {milliseconds: 1000, percent: 99}}\n"
    (file,) = files(tmp_path, EXAMPLE + slo)
    model = llm_args(file, environment(), "prod-aws", L4, "demo")["slo"]
    assert "availability" not in model
    assert model["first_token"] == {"milliseconds": 1000, "percent": 99}
    gateway = gateway_args(file, environment(), "prod-aws", "demo")
    assert gateway["slo"] == {"availability": 99.9, "window_days": 28, "min_failures": 10}
    written = yaml.safe_load(EXAMPLE + slo)
    for key in ("gateway", "external", "gates"):
        del written[key]
    (alone,) = files(tmp_path, yaml.safe_dump(written))
    assert llm_args(alone, environment(), "prod-aws", L4, "demo")["slo"]["availability"] == 99.9


def test_a_promise_that_vllm_cannot_measure_is_told_by_its_path(tmp_path: Path) -> None:
    slo = "slo: {firstToken: {milliseconds: 800, percent: 99}}\n"
    (found,) = problems(tmp_path, EXAMPLE + slo)
    assert found.startswith("services/assistant: slo.firstToken.milliseconds: 800 is no bound")


def test_times_of_tokens_are_the_own_models(tmp_path: Path) -> None:
    written = yaml.safe_load(EXAMPLE)
    for key in ("model", "pool", "engine", "storage", "evaluation"):
        del written[key]
    written["slo"] = {"tokenTime": {"milliseconds": 50, "percent": 99}}
    with pytest.raises(InvalidFileError, match="`slo` promises times of tokens"):
        files(tmp_path, yaml.safe_dump(written))


MESSAGES = [{"role": "user", "content": "{{question}}"}]
LOCK = {
    "prompts": {
        "assistant": {"faq": {"version": "3", "digest": digest(MESSAGES), "messages": MESSAGES}}
    }
}
PROMPTS = ("external:\n", "prompts: [faq, tone]\nexternal:\n")


def test_a_pinned_prompt_reaches_the_gateway_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "prod-aws.lock.yaml").write_text(yaml.safe_dump(LOCK))
    pins = load_lock(tmp_path, "prod-aws").prompts
    (file,) = files(tmp_path, edited(PROMPTS))
    args = gateway_args(file, environment(), "prod-aws", "demo", prompts=pins["assistant"])
    assert args["prompts"] == [{"name": "faq", **LOCK["prompts"]["assistant"]["faq"]}]
    assert unpinned(file.name, file.prompts, pins, "prod-aws") == [
        "services/assistant: prompt tone is not pinned, so it is not served; "
        "run `stanchion promote tone VERSION --prompt --env prod-aws`"
    ]


ADAPTERS = (
    "external:\n",
    "adapters: [{name: support, model: assistant-lora, rank: 16}]\nexternal:\n",
)


def pinned_adapter(**changes: Any) -> dict[str, dict[str, AdapterPin]]:
    """What a lock file pins of the adapter."""
    model = yaml.safe_load(EXAMPLE)["model"]
    pin = {
        "version": "3",
        "digest": f"sha256:{'a' * 64}",
        "base": f"{model['name']}@{model['revision']}",
        "rank": 16,
        **changes,
    }
    lock = LockFile.model_validate({"adapters": {"assistant": {"assistant-lora": pin}}})
    return {name: dict(pins) for name, pins in lock.adapters.items()}


def test_a_pinned_adapter_is_served_by_its_name_behind_the_gateway(tmp_path: Path) -> None:
    (file,) = files(tmp_path, edited(ADAPTERS))
    pins, pools = pinned_adapter(), {"l4": PoolOffer(L4)}
    check_llm_services([file], environment(), "prod-aws", pools, adapters=pins)
    args = llm_args(file, environment(), "prod-aws", L4, "demo", adapters=pins)
    assert args["adapters"] == [
        {
            "name": "support",
            "rank": 16,
            "registered": {
                "name": "assistant-lora",
                "version": "3",
                "digest": f"sha256:{'a' * 64}",
            },
        }
    ]
    assert "/model-server:" in args["fetcher_image"]
    models = gateway_args(file, environment(), "prod-aws", "demo", adapters=pins)["models"]
    assert [each["name"] for each in models] == ["assistant", "support"]


def test_an_adapter_without_a_pin_is_left_out_and_told(tmp_path: Path) -> None:
    (file,) = files(tmp_path, edited(ADAPTERS))
    args = llm_args(file, environment(), "prod-aws", L4, "demo")
    assert not {"adapters", "registry", "fetcher_image"} & args.keys()
    (model,) = gateway_args(file, environment(), "prod-aws", "demo")["models"]
    assert model["name"] == "assistant"
    assert unpinned_adapters(file, {}, "prod-aws") == [
        "services/assistant: adapter assistant-lora is not pinned, so it is not served; "
        "run `stanchion promote assistant-lora VERSION --env prod-aws`"
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"base": "Qwen/Qwen3-14B@abc"},
            "adapters[0].model: version 3 of assistant-lora was trained on Qwen/Qwen3-14B@abc, and "
            "Qwen/Qwen3-8B@b968826d9c46dd6066d109eabc6255188de91218 is served; promote a version "
            "that was trained on it, or serve its base",
        ),
        (
            {"rank": 64},
            "adapters[0].model: version 3 of assistant-lora has rank 64, and there is room for 16; "
            "raise adapters[0].rank",
        ),
    ],
)
def test_a_pinned_adapter_that_does_not_go_with_the_model_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    found = files(tmp_path, edited(ADAPTERS))
    with pytest.raises(InvalidFileError) as error:
        check_llm_services(
            found,
            environment(),
            "prod-aws",
            {"l4": PoolOffer(L4)},
            adapters=pinned_adapter(**changes),
        )
    assert list(error.value.problems) == [f"services/assistant: {told}"]
    assert fitting(found, pinned_adapter(**changes)) == {"assistant": {}}


def test_pins_of_adapters_that_go_with_the_model_are_kept(tmp_path: Path) -> None:
    assert fitting(files(tmp_path, edited(ADAPTERS)), pinned_adapter()) == pinned_adapter()


@pytest.mark.parametrize(
    "adapter",
    [
        "{name: a, rank: 8}",
        "{name: a, rank: 8, hubName: b/c}",
        "{name: a, rank: 8, model: m, revision: d}",
    ],
)
def test_an_adapter_is_of_the_hub_or_of_the_registry(tmp_path: Path, adapter: str) -> None:
    text = edited(("external:\n", f"adapters: [{adapter}]\nexternal:\n"))
    with pytest.raises(InvalidFileError, match="needs either `model`, or both `hubName`"):
        files(tmp_path, text)


def test_gates_that_cannot_be_asked_are_refused(tmp_path: Path) -> None:
    for change, told in (
        (("latencySeconds: {max: 5}", "latencySeconds: {min: 5}"), "write its `max`"),
        (("notWorseThanLiveBy: {", "notWorseThanLiveBy: {exactMatch: 1, "), "not among `scorers`"),
        (("gateway:\n", "gateway:\n  guardrails: {outputPii: 'off'}\n"), "outputPii: redact"),
    ):
        (tmp_path / "assistant.yaml").write_text(edited(change))
        with pytest.raises(InvalidFileError, match=re.escape(told)):
            load_service_files(tmp_path, "prod-aws")
