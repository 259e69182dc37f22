from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import stanchion
from hypothesis import given, settings
from hypothesis import strategies as st
from stanchion import ArgumentsError
from stanchion.catalog.llms import language_models
from stanchion.catalog.machines import load
from stanchion.serving._llm_fit import architecture, running
from stanchion.serving.llm_checks import checked
from stanchion.serving.llm_memory import estimate
from stanchion_model_server.adapter import AdapterSettings
from unit.components.programs import OWNED
from unit.components.test_gpu_pool import pool
from unit.components.world import World, deploy

IMAGE = "registry.example.com/vllm-openai:v0.26.0"
REVISION = "b968826d9c46dd6066d109eabc6255188de91218"
ADAPTER = {"name": "sql", "hub_name": "team/sql-lora", "revision": "a" * 40, "rank": 16}
DIGEST = "sha256:" + "b" * 64
REGISTERED: dict[str, Any] = {
    "adapters": [
        {
            "name": "support",
            "rank": 16,
            "registered": {"name": "assistant-lora", "version": "3", "digest": DIGEST},
        }
    ],
    "registry": {
        "url": "http://mlflow.mlflow.svc.cluster.local:5000",
        "namespace": "mlflow",
        "username": "reader",
        "password": "hidden",
    },
    "fetcher_image": "registry.example.com/model-server:1.4.0",
}
L4: dict[str, Any] = {
    "pool": "l4",
    "node_selector": {"stanchion.dev/pool": "l4"},
    "tolerations": [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    ],
    "device": "nvidia.com/gpu",
    "devices_per_node": 4,
    "devices_per_container": 4,
    "max_devices": 16,
    "device_memory": 21.9,
    "nvme_cache": True,
}
FIXED: dict[str, Any] = {"autoscaling": {"min_replicas": 1, "max_replicas": 1}}
NVME: dict[str, Any] = {"cache": "nodeNvme"}
OWN = {
    "parameters": 8_190_735_360,
    "layers": 36,
    "hidden": 4096,
    "intermediate": 12_288,
    "heads": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "vocabulary": 151_936,
    "context": 40_960,
}
IN_S3: dict[str, Any] = {
    "model": {
        "name": "Qwen/Qwen3-8B",
        "revision": REVISION,
        "uri": f"s3://weights/qwen/{REVISION}",
    },
    "storage": {"cache": "bucketMount"},
}
IN_GCS: dict[str, Any] = {
    **IN_S3,
    "model": {**IN_S3["model"], "uri": f"gs://weights/qwen/{REVISION}"},
}


ARGUMENTS: dict[str, Any] = {
    "namespace": "demo",
    "tenant": "demo",
    **OWNED,
    "image": IMAGE,
    "model": {"name": "Qwen/Qwen3-8B", "revision": REVISION},
    "engine": {"max_model_len": 8192, "weights": "fp8", "quantize_on_load": True},
    "placement": L4,
    "storage": NVME,
    "autoscaling": {"min_replicas": 2, "max_replicas": 4},
    "monitoring": True,
}


def llm(*, into: World | None = None, **changes: Any) -> World:
    """A language model's service named chat."""
    args = {**ARGUMENTS, **changes}

    def program() -> Any:
        made = stanchion.LlmService("chat", cast("stanchion.LlmServiceArgs", args))
        return {"url": made.url, "name": made.service_name, "memory": made.gpu_memory}

    return deploy(program, into=into)


def engine(**changes: Any) -> dict[str, Any]:
    return {"max_model_len": 8192, "weights": "fp8", "quantize_on_load": True, **changes}


def pod(world: World) -> Mapping[str, Any]:
    found: Mapping[str, Any] = world.object("Deployment")["spec"]["template"]["spec"]
    return found


def container(world: World) -> Mapping[str, Any]:
    (found,) = pod(world)["containers"]
    return cast("Mapping[str, Any]", found)


def option(world: World, name: str) -> str:
    words = container(world)["command"]
    return str(words[words.index(f"--{name}") + 1])


def volumes(world: World) -> dict[str, Mapping[str, Any]]:
    return {each["name"]: each for each in pod(world)["volumes"]}


def told(**wrong: Any) -> str:
    with pytest.raises(ArgumentsError) as error:
        llm(**wrong)
    return str(error.value)


@pytest.mark.parametrize("changes", [{}, IN_S3, IN_GCS, {"adapters": [ADAPTER]}, REGISTERED])
def test_its_objects_are_what_kubernetes_takes(changes: dict[str, Any]) -> None:
    for manifest in llm(**changes).manifests:
        if (
            "." not in manifest["apiVersion"].partition("/")[0]
            or "k8s.io" in manifest["apiVersion"]
        ):
            kubernetes_validate.validate(manifest, "1.36", strict=True)


def test_a_hubs_model_is_fetched_at_its_commit_and_served_from_there() -> None:
    world = llm()
    (fetch,) = pod(world)["initContainers"]
    assert fetch["command"][:5] == ["hf", "download", "Qwen/Qwen3-8B", "--revision", REVISION]
    assert container(world)["command"][:3] == [
        "vllm",
        "serve",
        f"/models/hub/models--Qwen--Qwen3-8B/snapshots/{REVISION}",
    ]


def test_the_server_asks_nobody_and_only_the_fetcher_writes_weights() -> None:
    world = llm()
    environment = {each["name"]: each["value"] for each in container(world)["env"]}
    assert environment["HF_HUB_OFFLINE"] == "1"
    mounts = {m["name"]: m.get("readOnly", False) for m in container(world)["volumeMounts"]}
    assert mounts["models"] is True
    (fetch,) = pod(world)["initContainers"]
    assert {m["name"]: m.get("readOnly", False) for m in fetch["volumeMounts"]}["models"] is False


def test_the_disk_a_replica_may_use_holds_the_weights_and_its_caches() -> None:
    world = llm()
    size = int(volumes(world)["models"]["emptyDir"]["sizeLimit"].removesuffix("Gi"))
    assert 16 <= size <= 22, "16-bit files, though vLLM makes fp8 of them"
    limit = int(container(world)["resources"]["limits"]["ephemeral-storage"].removesuffix("Gi"))
    assert limit == size + 10


def test_the_hubs_token_is_a_file_that_the_fetcher_alone_sees() -> None:
    world = llm(hub_token={"source": "hub", "key": "read"})
    (fetch,) = pod(world)["initContainers"]
    environment = {each["name"]: each["value"] for each in fetch["env"]}
    assert environment["HF_TOKEN_PATH"] == "/run/secrets/stanchion/hub/read"
    assert "secrets" not in {mount["name"] for mount in container(world)["volumeMounts"]}
    assert world.object("ExternalSecret")["spec"]["data"] == [
        {"secretKey": "read", "remoteRef": {"key": "hub", "property": "read"}}
    ]
    assert "Secret" not in {kind for kind, _ in world.objects}


def test_a_bucket_of_aws_is_a_volume_of_its_own_and_nothing_is_fetched() -> None:
    world = llm(**IN_S3)
    volume = world.object("PersistentVolume")["spec"]
    assert volume["csi"]["driver"] == "s3.csi.aws.com"
    assert volume["csi"]["volumeAttributes"]["bucketName"] == "weights"
    assert f"prefix qwen/{REVISION}/" in volume["mountOptions"]
    claim = volumes(world)["models"]["persistentVolumeClaim"]
    claimed = world.object("PersistentVolumeClaim")
    assert claim == {"claimName": claimed["metadata"]["name"], "readOnly": True}
    assert claimed["spec"]["volumeName"] == world.object("PersistentVolume")["metadata"]["name"]
    assert volume["claimRef"]["name"] == claimed["metadata"]["name"]
    assert not pod(world).get("initContainers")
    assert container(world)["command"][2] == "/models"
    (dns,) = world.object("NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}


def test_another_revision_is_another_volume_so_that_old_replicas_keep_theirs() -> None:
    old = llm(**IN_S3)
    pin = {**IN_S3["model"], "revision": "b" * 40, "uri": f"s3://weights/qwen/{'b' * 40}"}
    new = llm(**{**IN_S3, "model": pin})
    for kind in ("PersistentVolume", "PersistentVolumeClaim"):
        assert old.object(kind)["metadata"]["name"] != new.object(kind)["metadata"]["name"]


def test_a_bucket_of_google_cloud_is_mounted_within_the_pod() -> None:
    world = llm(**IN_GCS)
    csi = volumes(world)["models"]["csi"]
    assert csi["driver"] == "gcsfuse.csi.storage.gke.io"
    assert csi["readOnly"] is True
    assert f"only-dir=qwen/{REVISION}" in csi["volumeAttributes"]["mountOptions"]
    template = world.object("Deployment")["spec"]["template"]["metadata"]
    assert template["annotations"]["gke-gcsfuse/volumes"] == "true"


def test_a_claim_that_is_filled_is_only_read() -> None:
    shared = {"cache": "volume", "claim": "weights"}
    assert volumes(llm(storage=shared))["models"]["persistentVolumeClaim"] == {
        "claimName": "weights",
        "readOnly": False,
    }
    world = llm(storage={**shared, "offline": True})
    assert volumes(world)["models"]["persistentVolumeClaim"]["readOnly"] is True
    assert not pod(world).get("initContainers")


def test_vllm_is_told_all_that_its_memory_depends_on() -> None:
    world = llm(
        engine=engine(
            max_num_seqs=64,
            max_num_batched_tokens=2048,
            kv_cache="fp8",
            gpu_memory_percent=85,
            tensor_parallel=2,
        )
    )
    assert option(world, "max-model-len") == "8192"
    assert option(world, "max-num-seqs") == "64"
    assert option(world, "max-num-batched-tokens") == "2048"
    assert option(world, "kv-cache-dtype") == "fp8"
    assert option(world, "gpu-memory-utilization") == "0.85"
    assert option(world, "tensor-parallel-size") == "2"
    assert option(world, "quantization") == "fp8"
    assert container(world)["resources"]["limits"]["nvidia.com/gpu"] == "2"


def test_gpus_of_one_replica_share_memory_of_the_host() -> None:
    assert "shared-memory" not in volumes(llm())
    world = llm(engine=engine(tensor_parallel=2))
    assert volumes(world)["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    paths = {m["name"]: m["mountPath"] for m in container(world)["volumeMounts"]}
    assert paths["shared-memory"] == "/dev/shm"


def test_adapters_are_fetched_at_their_commits_and_served_by_name() -> None:
    world = llm(adapters=[ADAPTER])
    assert [c["name"] for c in pod(world)["initContainers"]] == ["fetch-model", "fetch-adapter-0"]
    module = json.loads(option(world, "lora-modules"))
    assert module["name"] == "sql"
    assert module["path"].endswith(f"models--team--sql-lora/snapshots/{'a' * 40}")
    assert option(world, "max-lora-rank") == "16"
    assert option(world, "max-loras") == "1"


def test_a_registered_adapter_is_fetched_as_pinned_and_held_to_its_base() -> None:
    world = llm(**REGISTERED)
    _, fetch = pod(world)["initContainers"]
    assert fetch["image"] == REGISTERED["fetcher_image"]
    assert fetch["command"] == ["stanchion-model-server", "adapter"]
    environment = {each["name"]: each["value"] for each in fetch["env"]}
    asked = AdapterSettings.model_validate(environment)
    assert (asked.model_name, asked.model_version) == ("assistant-lora", "3")
    assert (asked.model_digest, asked.adapter_rank) == (DIGEST, 16)
    assert asked.adapter_base == f"Qwen/Qwen3-8B@{REVISION}"
    module = json.loads(option(world, "lora-modules"))
    assert (module["name"], module["path"]) == ("support", str(asked.adapter_folder))
    assert option(world, "max-lora-rank") == "16"
    of_server = {m["name"]: m.get("readOnly", False) for m in container(world)["volumeMounts"]}
    of_fetcher = {m["name"]: m.get("readOnly", False) for m in fetch["volumeMounts"]}
    assert (of_server["adapters"], of_fetcher["adapters"]) == (True, False)
    assert "models" not in of_fetcher
    assert "secrets" not in of_server
    asked_ways = str(world.object("NetworkPolicy")["spec"]["egress"])
    assert "'kubernetes.io/metadata.name': 'mlflow'" in asked_ways
    assert "'port': 5000" in asked_ways
    assert world.object("Secret")["metadata"]["name"] == "chat-registry"
    assert "hidden" not in str(world.object("Deployment"))


def test_another_version_of_an_adapter_is_another_revision_of_the_pods() -> None:
    pinned = REGISTERED["adapters"][0]["registered"]
    newer = {**REGISTERED["adapters"][0], "registered": {**pinned, "version": "4"}}
    old, new = llm(**REGISTERED), llm(**{**REGISTERED, "adapters": [newer]})
    assert pod(old) != pod(new)


@pytest.mark.parametrize("kept", [IN_S3, {"storage": {"cache": "volume", "claim": "weights"}}])
def test_a_registered_adapter_needs_no_place_among_the_weights(kept: dict[str, Any]) -> None:
    world = llm(**kept, **REGISTERED)
    assert volumes(world)["adapters"]["emptyDir"] == {"sizeLimit": "2Gi"}
    assert pod(world)["initContainers"][-1]["name"] == "fetch-registered-0"


def test_a_leaving_replica_finishes_its_streams() -> None:
    world = llm(drain_seconds=20, stream_seconds=120)
    assert container(world)["lifecycle"]["preStop"]["sleep"]["seconds"] == 20
    assert option(world, "shutdown-timeout") == "120"
    assert pod(world)["terminationGracePeriodSeconds"] > 20 + 120


def test_a_rollout_waits_for_node_image_files_and_loading() -> None:
    world = llm(load_seconds=600)
    startup = container(world)["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600
    deadline = world.object("Deployment")["spec"]["progressDeadlineSeconds"]
    assert deadline > 600 + 600 + 300
    patience = world.registered("Deployment", "chat").timeouts["update"]
    assert int(patience.removesuffix("s")) >= deadline * 5


def test_replicas_follow_what_waits_and_the_cache_by_exported_metrics() -> None:
    world = llm()
    scaled = world.object("ScaledObject")["spec"]
    assert scaled["scaleTargetRef"]["name"] == world.object("Deployment")["metadata"]["name"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (2, 4)
    assert "fallback" not in scaled
    assert world.object("Deployment")["spec"]["replicas"] == 2
    assert world.registered("Deployment", "chat").ignores == ("spec.replicas",)
    catalogue = load("exporters.yaml")
    vllm, by_prometheus = catalogue["exporters"]["vllm"], catalogue["target"]["labels"]
    thresholds = {}
    for trigger in scaled["triggers"]:
        query = trigger["metadata"]["query"]
        metric, used = re.fullmatch(r"sum\(([\w:]+)\{(.*)\}\)", query).groups()  # type: ignore[union-attr]
        thresholds[metric] = trigger["metadata"]["threshold"]
        labels = {each.partition("=")[0] for each in used.split(",")}
        assert labels <= {*vllm["labels"], *vllm["metrics"][metric], *by_prometheus}
        assert trigger["metadata"]["serverAddress"].endswith("monitoring.svc:9090")
    assert thresholds == {"vllm:num_requests_waiting": "4", "vllm:kv_cache_usage_perc": "0.8"}


def test_a_fixed_number_of_replicas_has_no_autoscaler() -> None:
    world = llm(autoscaling={"min_replicas": 2, "max_replicas": 2}, monitoring=False)
    assert world.object("Deployment")["spec"]["replicas"] == 2
    assert world.registered("Deployment", "chat").ignores == ()
    assert "ScaledObject" not in {kind for kind, _ in world.objects}


def test_a_service_may_leave_its_autoscaler_for_the_number_that_it_began_with() -> None:
    """Nothing else of the Deployment differs, and the number is what the autoscaler wrote."""

    def annotated(most: int) -> dict[str, str]:
        autoscaling = {"min_replicas": 2, "max_replicas": most}
        world = llm(autoscaling=autoscaling, monitoring=most > 2)
        found: dict[str, str] = world.object("Deployment")["metadata"].get("annotations", {})
        return found

    assert annotated(4) == {}
    assert annotated(2) == {"pulumi.com/patchForce": "true"}


def test_with_a_guardrail_its_gateway_alone_may_call() -> None:
    world = llm(guardrail="assistant", evaluation="run-1", monitoring=False, **FIXED)
    (rule,) = world.object("NetworkPolicy")["spec"]["ingress"]
    (caller,) = rule["from"]
    assert caller["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "llm-gateway",
        "app.kubernetes.io/instance": "assistant",
    }
    template = world.object("Deployment")["spec"]["template"]["metadata"]
    assert template["annotations"] == {
        "stanchion.dev/guardrail": "assistant",
        "stanchion.dev/evaluation": "run-1",
    }


ROUTING = {
    "gateway": "inference",
    "gateway_namespace": "gateways",
    "hostnames": ["chat.example.com"],
    "endpoint_picker": "chat-picker",
}


def test_a_gateway_reaches_the_replicas_through_an_inference_pool() -> None:
    world = llm(routing=ROUTING)
    pooled = world.object("InferencePool")
    assert pooled["apiVersion"] == "inference.networking.k8s.io/v1"
    labels = world.object("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert pooled["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert pooled["spec"]["targetPorts"] == [{"number": 8000}]
    assert pooled["spec"]["endpointPickerRef"]["name"] == "chat-picker"
    assert pooled["spec"]["endpointPickerRef"]["port"] == {"number": 9002}
    route = world.object("HTTPRoute")["spec"]
    (rule,) = route["rules"]
    assert rule["backendRefs"] == [
        {
            "group": "inference.networking.k8s.io",
            "kind": "InferencePool",
            "name": pooled["metadata"]["name"],
        }
    ]
    assert route["parentRefs"] == [{"name": "inference", "namespace": "gateways"}]
    (way,) = world.object("NetworkPolicy")["spec"]["ingress"]
    assert "gateways" in str(way["from"])


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_what_a_pool_publishes_is_what_a_language_model_takes(cloud: str) -> None:
    placement = pool(cloud, nvme_cache=True, max_nodes=8).exports
    world = llm(placement=placement)
    assert pod(world)["nodeSelector"] == placement["node_selector"]
    assert pod(world)["tolerations"] == placement["tolerations"]


def test_the_memory_of_a_slice_is_its_share() -> None:
    placement = pool(
        "gcp", accelerator="nvidia-h100-80gb", mig_profile="3g.40gb", max_nodes=8
    ).exports
    assert placement["device_memory"] == pytest.approx(39.6)
    assert "device_memory" not in pool("gcp", time_slices=4).exports


def test_what_does_not_fit_is_refused_with_the_sum_and_what_would() -> None:
    message = told(engine={"max_model_len": 40_960, "full_length_requests": 2})
    assert re.search(
        r"engine: Qwen/Qwen3-8B needs weights 15\.3 \+ activations \d\.\d \+ CUDA and NCCL 0\.2 \+ "
        r"CUDA graphs 1\.0 \+ KV cache of 2 of 5\.62 11\.2 = \d\d\.\d GiB on each GPU, and 90 % of "
        r"the 21\.9 GiB that one of pool 'l4' has are 19\.7 GiB; write .*tensor_parallel 2",
        message,
    ), message


def test_what_fits_says_what_each_gpu_holds() -> None:
    told = llm(engine=engine(full_length_requests=2)).exports["memory"]
    assert re.fullmatch(r"weights 8\.8 \+ .* \+ KV cache of 2 of 1\.12 2\.2 = \d+\.\d GiB", told)


def test_the_advice_fits() -> None:
    wrong = engine(max_model_len=40_960, full_length_requests=4)
    message = told(engine=wrong, **FIXED)
    shorter = re.search(r"max_model_len (\d+)", message)
    assert shorter is not None
    llm(engine={**wrong, "max_model_len": int(shorter[1])}, **FIXED)
    wider = re.search(r"tensor_parallel (\d+)", message)
    assert wider is not None
    llm(engine={**wrong, "tensor_parallel": int(wider[1])}, **FIXED)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": {"name": "Qwen3", "revision": REVISION}}, "model.name: 'Qwen3' is no name of"),
        (
            {"model": {"name": "Qwen/Qwen3-8B", "revision": "main"}},
            "model.revision: 'main' pins nothing; write the commit's 40",
        ),
        (
            {"model": {"name": "team/tuned-qwen", "revision": REVISION}},
            "model.name: 'team/tuned-qwen' is no language model of the catalogue, so its memory is "
            "unknown; write model.like and name one of the same architecture, as ",
        ),
        (
            {"model": {**IN_S3["model"], "uri": "s3://weights/qwen"}, "storage": IN_S3["storage"]},
            "model.uri: 's3://weights/qwen' is no folder of a bucket that ends with model.revision",
        ),
        ({"storage": {"cache": "bucketMount"}}, "model.uri: is missing; name the folder"),
        ({"model": IN_S3["model"]}, "model.uri: is given, and storage.cache is nodeNvme"),
        (
            {"placement": {**L4, "nvme_cache": False}},
            "storage.cache: is nodeNvme, and nodes of pool 'l4' keep temporary files on their root",
        ),
        ({"storage": {"cache": "volume"}}, "storage.claim: is missing; name the Persistent"),
        ({"storage": {**NVME, "claim": "x"}}, "storage.claim: is given, and storage.cache is node"),
        ({"storage": {"cache": "hostPath"}}, "storage.cache: 'hostPath' is unknown; write one of"),
        ({**IN_S3, "adapters": [ADAPTER]}, "adapters: come from the hub, and storage.cache is"),
        ({**IN_S3, "hub_token": {"source": "x"}}, "hub_token: is given, and nothing is fetched"),
        ({"adapters": [{**ADAPTER, "rank": 12}]}, "adapters[0].rank: 12 is a rank that vLLM makes"),
        ({"adapters": [{**ADAPTER, "revision": "main"}]}, "adapters[0].revision: 'main' pins"),
        ({"adapters": [{**ADAPTER, "name": "chat"}]}, "adapters: 'chat' is there twice"),
        (
            {**REGISTERED, "adapters": [{**REGISTERED["adapters"][0], **ADAPTER}]},
            "adapters[0]: is not of one place; write either registered, or both hub_name and",
        ),
        ({"adapters": [{"name": "sql", "rank": 8}]}, "adapters[0]: is not of one place; write"),
        (
            {"adapters": REGISTERED["adapters"]},
            "fetcher_image: is missing, and an adapter is registered; add fetcher_image",
        ),
        ({"registry": REGISTERED["registry"]}, "registry: is given, and no adapter is registered"),
        (
            {
                **REGISTERED,
                "adapters": [
                    {
                        **REGISTERED["adapters"][0],
                        "registered": {"name": "a", "version": "champion", "digest": DIGEST},
                    }
                ],
            },
            "adapters[0].registered.version: 'champion' is no version number; write a number",
        ),
        ({"engine": engine(max_model_len=50_000)}, "max_model_len: 50000 is more than the 40960"),
        (
            {"engine": engine(tensor_parallel=3)},
            "engine.tensor_parallel: 3 GPUs cannot share the 32 heads (8 of keys and values) and "
            "151936 rows of Qwen/Qwen3-8B evenly; write one of 1, 2, 4, 8, 16",
        ),
        (
            {"engine": engine(tensor_parallel=4, pipeline_parallel=2)},
            "engine.tensor_parallel times engine.pipeline_parallel: 8 is more than the 4 that a "
            "container may have of the 4 GPUs",
        ),
        (
            {"engine": {"max_model_len": 4096, "quantize_on_load": True}},
            "engine.quantize_on_load: is given, and engine.weights is bf16",
        ),
        (
            {"placement": {k: v for k, v in L4.items() if k != "device_memory"}},
            "placement.device_memory: is not known: GPUs of pool 'l4' are shared in turns",
        ),
        ({"placement": {**L4, "device": ""}}, "placement: is of pool 'l4', whose nodes have no"),
        (
            {"autoscaling": {"min_replicas": 2, "max_replicas": 16}},
            "autoscaling.max_replicas: 16 and the 1 more that a rollout needs are 17 replicas with "
            "gpus: 1, and the 16 GPUs or slices of pool 'l4' at its largest hold 16; lower it to "
            "15, or raise max_nodes",
        ),
        (
            {"monitoring": False},
            "autoscaling.max_replicas: 4 is above min_replicas, 2, and without",
        ),
        (
            {"autoscaling": {"min_replicas": 0, "max_replicas": 2}},
            "autoscaling.min_replicas: 0 is out of range; write 1 to 1000",
        ),
        ({"guardrail": "a", "allow_from": ["b"]}, "allow_from: would lead around guardrail 'a'"),
        ({"routing": {**ROUTING, "hostnames": []}}, "routing.hostnames: is empty"),
        ({"image": "vllm/vllm-openai:latest"}, "image: 'vllm/vllm-openai:latest' names no version"),
        ({"load_seconds": 30}, "load_seconds: 30 is out of range; write 300 to 7200"),
        ({"resources": {"cpu": "much", "memory": "1Gi"}}, "resources.cpu: 'much' is no amount"),
        ({"replicas": 3}, "replicas: is no argument"),
    ],
)
def test_a_wrong_argument_is_named_with_its_fix(wrong: dict[str, Any], message: str) -> None:
    assert message in told(**wrong)


def test_a_model_of_no_catalogue_is_described_or_is_like_another() -> None:
    pin = {"name": "team/model", "revision": REVISION}
    described = llm(model={**pin, "architecture": OWN})
    like = llm(model={**pin, "like": "Qwen/Qwen3-8B"})
    assert container(described)["command"] == container(like)["command"]
    assert volumes(described)["models"] == volumes(like)["models"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "model.architecture.layers: is 0; copy it from the model's config.json"),
        ({"parameters": 10_000_000}, "parameters: 10000000 is fewer than its embeddings alone"),
        ({"sliding": {"layers": 40, "window": 9}}, "sliding.layers: 40 is not of the 36 layers"),
        ({"heads": 30}, "engine.tensor_parallel: 4 GPUs cannot share the 30 heads (8 of keys"),
        ({"experts": {"per_token": 2}}, "model.architecture.experts.intermediate: is missing"),
        ({"weights": "fp9"}, "model.architecture.weights: 'fp9' is unknown; write one of bf16,"),
    ],
)
def test_an_architecture_that_is_none_is_refused(changes: dict[str, Any], message: str) -> None:
    pin = {"name": "team/model", "revision": REVISION, "architecture": {**OWN, **changes}}
    assert message in told(model=pin, engine=engine(tensor_parallel=4))


@given(
    numbers=st.fixed_dictionaries(
        {"max_model_len": st.integers(-1, 200_000)},
        optional={
            field: st.integers(-1, 70_000)
            for field in (
                "max_num_seqs",
                "max_num_batched_tokens",
                "full_length_requests",
                "gpu_memory_percent",
                "tensor_parallel",
                "pipeline_parallel",
            )
        },
    ),
    model=st.sampled_from(sorted(language_models())),
)
@settings(deadline=None, max_examples=60)
def test_any_numbers_fit_or_are_refused_with_reasons(numbers: dict[str, int], model: str) -> None:
    asked = {**ARGUMENTS, "engine": numbers, "model": {"name": model, "revision": REVISION}}
    try:
        args = checked("chat", cast("stanchion.LlmServiceArgs", asked))
    except ArgumentsError as error:
        assert all(": " in problem and "; " in problem for problem in error.problems)
        return
    needed = estimate(architecture(args), running(args, architecture(args)))
    budget = L4["device_memory"] * numbers.get("gpu_memory_percent", 90) / 100
    assert needed.needed(numbers.get("full_length_requests", 1)) <= budget


def test_every_problem_is_told_at_once_and_nothing_is_made() -> None:
    made = World()
    with pytest.raises(ArgumentsError) as error:
        llm(drain_seconds=0, load_seconds=0, owner="a b", into=made)
    assert len(error.value.problems) == 3
    assert made.resources == []


def test_the_address_is_one_for_openais_clients() -> None:
    exports = llm(service_name="assistant").exports
    assert exports["url"] == "http://assistant.demo.svc.cluster.local/v1"
    assert option(llm(service_name="assistant"), "served-model-name") == exports["name"]
