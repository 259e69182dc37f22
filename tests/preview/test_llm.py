"""The example of a language model's service, previewed on the production environment of each cloud.

Nothing of it was ever run on a GPU: here its objects meet the policies and the SDK's types.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from preview.checkouts import ROOT, changed, configured, copied, findings
from stanchion_cli import preview
from stanchion_cli.deploy.reach import preview_with
from stanchion_cli.errors import InputError
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects

EXAMPLE = ROOT / "examples" / "llm" / "assistant.yaml"
REVISION = "b968826d9c46dd6066d109eabc6255188de91218"
FROM_THE_HUB = {
    "hubToken": {"cloudSecret": "hub"},
    "adapters": [{"name": "sql", "hubName": "team/sql", "revision": "a" * 40, "rank": 16}],
}


def in_bucket(scheme: str) -> dict[str, Any]:
    """The model in a bucket's folder."""
    uri = f"{scheme}://weights/qwen/{REVISION}"
    model = {"name": "Qwen/Qwen3-8B", "revision": REVISION, "uri": uri}
    return {"model": model, "storage": {"cache": "bucketMount"}}


OF_THE_REGISTRY = {
    "adapters": [{"name": "support", "model": "assistant-lora", "rank": 16}],
    **in_bucket("s3"),
}
PINNED = {
    "version": "3",
    "digest": f"sha256:{'a' * 64}",
    "base": f"Qwen/Qwen3-8B@{REVISION}",
    "rank": 16,
}
QUOTA = {"cpu": "40", "memory": "120Gi", "pods": 60, "storage": "20Gi", "gpus": 8}


def previewed(stack: str, checkout: Path, **changes: Any) -> Preview:
    """The environment with the example's file, and with what docs/llm.md says that it needs."""
    services = copied(checkout)
    file = {**yaml.safe_load(EXAMPLE.read_text("utf-8")), **changes}
    (services / "assistant.yaml").write_text(yaml.safe_dump(file), "utf-8")
    with changed(services / f"{stack}.lock.yaml") as pins:
        pins["adapters"] = {"assistant": {"assistant-lora": PINNED}}
    with configured(checkout, stack) as config:
        (pool,) = (p for p in config["stanchion:pools"] if p["name"] == "l4")
        pool["nvmeCache"] = True
        config["stanchion:tenants"][0]["quota"] = QUOTA
    return preview.run(stack, root=checkout)


@pytest.fixture(scope="module", params=["prod-aws", "prod-gcp"])
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return previewed(request.param, tmp_path_factory.mktemp(request.param))


def test_a_gateway_before_a_server_in_the_cluster_keeps_every_rule_on_one_machine(
    tmp_path: Path,
) -> None:
    services = copied(tmp_path)
    shutil.copy(EXAMPLE.parent / "in-cluster.yaml", services / "assistant.yaml")
    evaluated = preview.run("local", root=tmp_path)
    assert findings(evaluated, "assistant") == []
    assert evaluated.problems == ()
    (wall,) = (
        found.manifest
        for found in objects(evaluated)
        if found.manifest["kind"] == "NetworkPolicy"
        and found.manifest["metadata"]["name"] == "assistant"
    )
    ways = [each["ports"][0]["port"] for each in wall["spec"]["egress"]]
    assert ways == [53, 11434, 5000], "names, the server and MLflow, and nothing outside"


def test_it_keeps_every_rule_and_every_type(evaluated: Preview) -> None:
    assert findings(evaluated, "assistant") == []
    assert evaluated.problems == ()


@pytest.mark.parametrize(
    ("stack", "changes"),
    [
        ("prod-aws", in_bucket("s3")),
        ("prod-gcp", in_bucket("gs")),
        ("prod-aws", {"storage": {"cache": "volume", "claim": "weights"}, **FROM_THE_HUB}),
        ("prod-aws", OF_THE_REGISTRY),
    ],
    ids=["s3", "gcs", "volume", "registered adapter"],
)
def test_it_does_however_its_weights_are_kept(
    stack: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    evaluated = previewed(stack, tmp_path, **changes)
    assert findings(evaluated, "assistant") == []
    assert evaluated.problems == ()


def test_an_adapter_of_a_former_base_is_refused_but_by_who_promotes_the_next(
    tmp_path: Path,
) -> None:
    model = {"name": "Qwen/Qwen3-8B", "revision": "f" * 40, "uri": f"s3://weights/{'f' * 40}"}
    with pytest.raises(InputError, match=rf"was trained on .*@{REVISION}, and .*; promote a ver"):
        previewed("prod-aws", tmp_path, **{**OF_THE_REGISTRY, "model": model})
    _, found = preview_with(tmp_path, "prod-aws", "services")
    adapter = found.outputs["llmServices"]["assistant"]["adapters"]["assistant-lora"]
    assert (adapter["version"], adapter["base"]) == (None, f"Qwen/Qwen3-8B@{'f' * 40}")


def test_a_model_without_a_guardrail_is_refused(tmp_path: Path) -> None:
    evaluated = previewed("prod-aws", tmp_path, gateway=None, external=[], gates=None, prompts=[])
    (finding,) = findings(evaluated, "assistant")
    assert finding.startswith("llm-guarded: ")
    assert finding.endswith("stanchion.dev/guardrail")


def test_clients_have_one_address_and_only_the_gateway_reaches_the_model(
    evaluated: Preview,
) -> None:
    made = {
        (item.kind, item.manifest["metadata"]["name"]): item.manifest for item in objects(evaluated)
    }
    made_known = evaluated.outputs["llmServices"]["assistant"]
    assert made_known["url"].startswith("http://assistant.demo.")
    assert made_known["gpuMemory"].startswith("weights 8.8 + ")
    walls = made["NetworkPolicy", "assistant-vllm"]["spec"]["ingress"]
    (guard, *scrapers) = walls[0]["from"]
    assert guard["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "llm-gateway"
    assert [each["namespaceSelector"]["matchLabels"] for each in scrapers] == [
        {"kubernetes.io/metadata.name": "monitoring"}
    ]
    gateway = made["Deployment", "assistant"]["spec"]["template"]["metadata"]["labels"]
    assert guard["podSelector"]["matchLabels"].items() <= gateway.items()


def test_the_gateway_knows_the_models_address_and_pods(evaluated: Preview) -> None:
    made = {
        (item.kind, item.manifest["metadata"]["name"]): item.manifest for item in objects(evaluated)
    }
    told = str(made["ConfigMap", "assistant-configuration"]["data"])
    assert "http://assistant-vllm.demo.svc.cluster.local/v1" in told
    model = made["Deployment", "assistant-vllm"]["spec"]["template"]["metadata"]["labels"]
    ways = [
        rule["to"][0]["podSelector"]["matchLabels"]
        for rule in made["NetworkPolicy", "assistant"]["spec"]["egress"]
        if "podSelector" in rule["to"][0]
    ]
    assert any(way.items() <= model.items() for way in ways)
