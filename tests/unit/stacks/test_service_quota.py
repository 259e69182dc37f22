"""What services ask for at their most, and together at their fewest, is within a tenant's quota."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from environment import Environment
from llm_service import LlmServiceFile
from service import ModelServiceFile
from service_files import load_service_files
from service_place import PoolOffer
from service_quota import check_quotas
from serving import load_declared
from stanchion import Placement
from unit.stacks import examples
from unit.stacks.examples import L4, example
from validation import InvalidFileError

WINE: dict[str, Any] = {
    "kind": "ModelService",
    "name": "wine",
    "tenant": "demo",
    "owner": "demo-team",
    "costCenter": "demo",
    "model": "wine-cultivar",
}
QUOTA = {"cpu": "4", "memory": "8Gi", "pods": 30, "gpus": 0}
CANARY_BY_GATEWAY = {"strategy": "canary", "traffic": "gateway"}


def environment(**quota: Any) -> Environment:
    demo = {"name": "demo", "owner": "demo-team", "costCenter": "demo"}
    return examples.environment(tenants=[{**demo, "quota": {**QUOTA, **quota}}])


def problems(
    folder: Path, *written: dict[str, Any], shadowed: tuple[str, ...] = (), **quota: Any
) -> list[str]:
    for each in written:
        (folder / f"{each['name']}.yaml").write_text(yaml.safe_dump(each))
    files = load_service_files(folder, "prod-aws")
    slices: Placement = {**L4, "device": "nvidia.com/mig-1g.5gb"}
    try:
        check_quotas(
            [file for file in files if isinstance(file, ModelServiceFile)],
            [file for file in files if isinstance(file, LlmServiceFile)],
            environment(**quota),
            "prod-aws",
            {"l4": PoolOffer(L4), "slices": PoolOffer(slices)},
            shadowed=shadowed,
        )
    except InvalidFileError as error:
        return list(error.problems)
    return []


def wine(**changes: Any) -> dict[str, Any]:
    return {**WINE, **changes}


@pytest.mark.parametrize(
    ("changes", "shadowed", "told"),
    [
        (
            {"autoscaling": {"maxReplicas": 16}},
            (),
            "16 and the 1 more that a rollout needs take 17 times 250m of cpu, and tenant 'demo' "
            "of prod-aws may have 4; raise quota.cpu of the tenant to 4.25, or lower "
            "autoscaling.maxReplicas",
        ),
        (
            {"autoscaling": {"maxReplicas": 4}, "resources": {"memory": "2Gi"}},
            (),
            "4 and the 1 more that a rollout needs take 5 times 2Gi of memory, and tenant 'demo' "
            "of prod-aws may have 8Gi; raise quota.memory of the tenant to 10Gi, or lower "
            "autoscaling.maxReplicas",
        ),
        (
            {"autoscaling": {"maxReplicas": 10}, "rollout": {"strategy": "blueGreen"}},
            (),
            "10 and the 10 more that a rollout needs take 20 times 250m of cpu",
        ),
        (
            {
                "autoscaling": {"maxReplicas": 8},
                "rollout": {"strategy": "blueGreen", "scaleDownDelaySeconds": 120},
            },
            (),
            "8 and the 16 more that a rollout within rollout.scaleDownDelaySeconds, 120, of "
            "another needs take 24 times 250m of cpu, and tenant 'demo' of prod-aws may have 4; "
            "raise quota.cpu of the tenant to 6, or lower autoscaling.maxReplicas",
        ),
        (
            {"autoscaling": {"maxReplicas": 10}, "rollout": CANARY_BY_GATEWAY},
            (),
            "10 and the 10 more that a rollout needs take 20 times 250m of cpu",
        ),
        (
            {"autoscaling": {"maxReplicas": 14}, "shadow": {"replicas": 2}},
            ("wine",),
            "14 and the 1 more that a rollout needs and the 3 of the shadow take 18 times 250m",
        ),
        (
            {"pool": "l4", "resources": {"gpus": 1}},
            (),
            "3 and the 1 more that a rollout needs take 4 times 1 of gpus, and tenant 'demo' of "
            "prod-aws may have 0; raise quota.gpus of the tenant to 4",
        ),
    ],
)
def test_a_service_alone_beyond_its_tenants_quota_is_refused_with_the_numbers_and_the_fix(
    tmp_path: Path, changes: dict[str, Any], shadowed: tuple[str, ...], told: str
) -> None:
    memory = "8Gi" if "of memory" in told else "64Gi"
    found = problems(tmp_path, wine(**changes), shadowed=shadowed, memory=memory)
    assert found[0].startswith(f"services/wine: autoscaling.maxReplicas: {told}"), found
    assert len(found) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"autoscaling": {"maxReplicas": 15}},
        {"autoscaling": {"maxReplicas": 8}, "rollout": {"strategy": "blueGreen"}},
        # Of a shadow that is not pinned there is no replica.
        {"autoscaling": {"maxReplicas": 15}, "shadow": {"replicas": 2}},
        {"pool": "slices", "resources": {"gpus": 1}},
    ],
)
def test_what_fits_is_let_be_to_the_last_replica(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert problems(tmp_path, wine(**changes), memory="10Gi") == []


def test_the_advice_is_enough(tmp_path: Path) -> None:
    large = wine(autoscaling={"maxReplicas": 16}, resources={"memory": "700Mi"})
    assert len(problems(tmp_path, large)) == 2
    assert problems(tmp_path, large, cpu="4.25", memory="12Gi") == []


def test_services_that_do_not_all_fit_at_their_fewest_are_told_with_the_largest(
    tmp_path: Path,
) -> None:
    resources = {"cpu": "500m", "cpuLimit": "1", "memory": "1Gi"}
    many = [wine(name=f"wine-{at}", resources=resources) for at in range(4)]
    assert problems(tmp_path, *many) == []
    larger = wine(name="wine-9", resources={**resources, "cpu": "600m"})
    found = problems(tmp_path, *many, larger, pods=9)
    assert found == [
        "tenants: services of 'demo' in prod-aws ask for 5.2 of cpu at their fewest replicas (most "
        "of it: wine-9 1.2, wine-0 1, wine-1 1), and may have 4; raise quota.cpu of the tenant, or "
        "lower minReplicas",
        "tenants: services of 'demo' in prod-aws ask for 10Gi of memory at their fewest replicas "
        "(most of it: wine-0 2Gi, wine-1 2Gi, wine-2 2Gi), and may have 8Gi; raise quota.memory of "
        "the tenant, or lower minReplicas",
        "tenants: services of 'demo' in prod-aws ask for 10 of pods at their fewest replicas (most "
        "of it: wine-0 2, wine-1 2, wine-2 2), and may have 9; raise quota.pods of the tenant, or "
        "lower minReplicas",
    ]


def test_a_language_model_and_its_gateway_count_among_all(tmp_path: Path) -> None:
    llm = yaml.safe_load(example("llm/assistant.yaml"))
    llm["environments"] = ["prod-aws"]
    llm["gateway"]["resources"] = {"cpu": "1", "cpuLimit": "2"}
    beside = wine(resources={"cpu": "2", "cpuLimit": "2"})
    found = problems(tmp_path, llm, beside, cpu="9.5", memory="120Gi", gpus=8)
    assert found == [
        "tenants: services of 'demo' in prod-aws ask for 10 of cpu at their fewest replicas (most "
        "of it: assistant 6, wine 4), and may have 9.5; raise quota.cpu of the tenant, or lower "
        "minReplicas"
    ]


def test_the_program_refuses_it_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(yaml.safe_dump(wine(autoscaling={"maxReplicas": 16})))
    with pytest.raises(InvalidFileError) as error:
        load_declared(tmp_path, environment(), "prod-aws")
    assert error.value.problems[0].startswith("services/wine: autoscaling.maxReplicas: 16")
