"""The example of a training, previewed on the production environment of each cloud."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from preview.checkouts import ROOT, changed, configured, copied, declared, findings
from stanchion_cli import preview
from stanchion_cli.costs.workloads import workloads_of
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects

EXAMPLES = ROOT / "examples" / "training"
ON_RAY: dict[str, Any] = {
    "image": f"registry.example.com/stanchion/training-ray:1.0.0@sha256:{'a1' * 32}",
    "ray": {"version": "2.60.0", "workers": 2},
}
ON_GPUS = {"pool": "train", "resources": {"gpus": 1, "memory": "4Gi"}, "nodes": 2}


def previewed(
    stack: str, checkout: Path, *, serves: str = "wine-cultivar", **changes: Any
) -> Preview:
    """The environment with the example's file and code, its tenant with GPUs."""
    services = copied(checkout)
    with configured(checkout, stack) as config:
        (demo,) = config["stanchion:tenants"]
        demo["quota"] = {"cpu": "8", "memory": "32Gi", "gpus": 4}
        if "ray" in changes:
            config["stanchion:operators"] = {"more": ["kuberay-operator"]}
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(EXAMPLES / "wine-training", services / "wine-training", ignore=ignored)
    declared(checkout, stack, EXAMPLES / "wine-training.yaml", **changes)
    with changed(services / f"{stack}.lock.yaml") as pins:
        pins["services"]["wine"]["model"] = serves
    return preview.run(stack, root=checkout)


@pytest.mark.parametrize(
    ("stack", "changes", "kind"),
    [
        ("prod-aws", {}, "Job"),
        ("prod-gcp", {"schedule": "17 3 * * 0"}, "CronJob"),
        ("prod-aws", ON_GPUS, "JobSet"),
        ("prod-aws", {**ON_GPUS, **ON_RAY, "nodes": 1}, "RayJob"),
        ("prod-gcp", ON_RAY, "RayJob"),
    ],
    ids=["aws", "gcp-scheduled", "spot-gpus-together", "spot-gpus-on-ray", "gcp-on-ray"],
)
def test_it_keeps_every_rule_and_every_type(
    stack: str, changes: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    evaluated = previewed(stack, tmp_path, **changes)
    assert findings(evaluated, "wine-training") == []
    assert evaluated.problems == ()
    rendered = {
        each["kind"]
        for each in (item.manifest for item in objects(evaluated))
        if "wine-training" in str(each["metadata"]["name"])
    }
    alerts = set() if kind == "RayJob" else {"PrometheusRule"}
    assert rendered == {kind, "ConfigMap", "NetworkPolicy", "ServiceAccount", *alerts}


@pytest.mark.parametrize("stack", ["prod-aws", "prod-gcp"])
def test_what_begins_it_again_keeps_every_rule_too(stack: str, tmp_path: Path) -> None:
    written = yaml.safe_load((EXAMPLES / "wine-training.yaml").read_text("utf-8"))
    bucket = "gs" if stack.endswith("gcp") else "s3"
    evaluated = previewed(
        stack,
        tmp_path,
        model="wine-cultivar",
        data={"location": written["data"]["location"].replace("s3", bucket, 1)},
        retrain={"reasons": ["drift", "data-quality", "new-data"], "service": "wine"},
        deadlineMinutes=60,
    )
    assert findings(evaluated, "wine-training") == []
    assert evaluated.problems == ()
    made = [item.manifest for item in objects(evaluated)]
    named = [each for each in made if each["metadata"]["name"] == "wine-training-retraining"]
    assert {"Deployment", "Role", "RoleBinding", "AlertmanagerConfig"} <= {
        each["kind"] for each in named
    }
    (training,) = [each for each in made if each["kind"] == "CronJob" and "wine" in str(each)]
    assert training["spec"]["suspend"] is True
    (trigger,) = [each for each in named if each["kind"] == "Deployment"]
    (container,) = trigger["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    assert told["CRON_JOB"] == training["metadata"]["name"]
    assert told["SERVED_VERSION"], "the version that is pinned"
    assert int(told["MAX_RUNS"]) <= training["spec"]["successfulJobsHistoryLimit"]
    (paid,) = [each for each in workloads_of(evaluated.resources) if each.name == "wine-training"]
    assert paid.most == pytest.approx(8 / (30 * 24)), "eight runs of an hour in 30 days"


def test_what_begins_it_again_knows_no_version_while_another_model_is_served(
    tmp_path: Path,
) -> None:
    evaluated = previewed(
        "prod-aws",
        tmp_path,
        serves="former-model",
        model="wine-cultivar",
        data={"location": "s3://demo-wines/training/"},
        retrain={"reasons": ["drift"], "service": "wine"},
    )
    (trigger,) = (
        item.manifest
        for item in objects(evaluated)
        if item.kind == "Deployment"
        and item.manifest["metadata"]["name"] == "wine-training-retraining"
    )
    (container,) = trigger["spec"]["template"]["spec"]["containers"]
    assert "SERVED_VERSION" not in {each["name"] for each in container["env"]}
