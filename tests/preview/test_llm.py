"""The example of a language model's service, previewed on the production environment of each cloud.

Nothing of it was ever run on a GPU: here its objects meet the policies and the SDK's types.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects
from stanchion_cli.report.model import report_on

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "llm" / "assistant.yaml"
QUOTA = {"cpu": "40", "memory": "120Gi", "pods": 60, "storage": "20Gi", "gpus": 8}


@pytest.fixture(scope="module", params=["prod-aws", "prod-gcp"])
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    """The environment with the example's file, and with what docs/llm.md says that it needs."""
    checkout = tmp_path_factory.mktemp(request.param)
    for part in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, checkout)
    for part in ("stacks", "policies", "serving-images"):
        ignored = shutil.ignore_patterns("__pycache__", ".venv", "local.lock.yaml")
        shutil.copytree(ROOT / part, checkout / part, ignore=ignored)
    shutil.copy(EXAMPLE, checkout / "stacks" / "services")
    path = checkout / "stacks" / f"Pulumi.{request.param}.yaml"
    environment = yaml.safe_load(path.read_text("utf-8"))
    (pool,) = (p for p in environment["config"]["stanchion:pools"] if p["name"] == "l4")
    pool["nvmeCache"] = True
    environment["config"]["stanchion:tenants"][0]["quota"] = QUOTA
    environment["config"]["stanchion:images"] = {"tag": "v3.17.0"}
    path.write_text(yaml.safe_dump(environment), "utf-8")
    return preview.run(request.param, root=checkout)


def test_it_keeps_every_rule_and_every_type(evaluated: Preview) -> None:
    report = report_on(evaluated)
    ours = [f for f in evaluated.findings if "assistant" in str(f)]
    assert [report.message(finding) for finding in ours] == []
    assert [report.message(finding) for finding in report.mandatory] == []
    assert [str(problem) for problem in report.problems] == []
    assert not report.failed


def test_the_guarded_rule_judged_it(evaluated: Preview) -> None:
    assert "llm-guarded" in {policy.name for policy in evaluated.policies}


def test_clients_have_one_address_and_only_the_gateway_reaches_the_model(
    evaluated: Preview,
) -> None:
    made = {
        (item.kind, item.manifest["metadata"]["name"]): item.manifest for item in objects(evaluated)
    }
    assert evaluated.outputs["llmServices"]["assistant"]["url"].startswith("http://assistant.demo.")
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
