"""Service files of kind TrainingJob: what is refused and where, and which code is trained."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from schemas import service_schema
from service_files import load_service_files
from stanchion import Placement
from training_service import TrainingJobFile, read_code
from training_serving import Training, load_trainings
from unit.stacks import examples
from unit.stacks.bad_files import ROOT
from unit.stacks.examples import L4, environment, example
from validation import InvalidFileError

CODE = ROOT / "examples" / "training" / "wine-training"
EXAMPLE = example("training/wine-training.yaml")
edited = partial(examples.edited, EXAMPLE)
ON_RAY = example("training/wine-on-ray.yaml")
QUOTA = {"cpu": "33", "memory": "136Gi"}


def tenant_with(quota: dict[str, Any]) -> dict[str, Any]:
    """The examples' tenant with another quota."""
    demo = {"name": "demo", "owner": "demo-team", "costCenter": "demo", "quota": quota}
    return {"tenants": [demo]}


def with_room(quota: dict[str, Any] = QUOTA, **changes: Any) -> dict[str, Any]:
    """KubeRay, and a tenant whose quota holds the example's head and workers and no more."""
    return {"operators": {"more": ["kuberay-operator"]}, **tenant_with(quota), **changes}


WITHOUT_CODE = EXAMPLE.replace("code: wine-training\n", "")


def files(folder: Path, text: str) -> list[TrainingJobFile]:
    """The file with the example's code beside it."""
    code = folder / "wine-training"
    if not code.exists():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CODE, code, ignore=ignored)
    (folder / "training.yaml").write_text(text)
    found = load_service_files(folder, "prod-aws")
    return [file for file in found if isinstance(file, TrainingJobFile)]


def loaded(folder: Path, text: str, **changes: Any) -> list[Training]:
    found = files(folder, text)
    return load_trainings(found, folder, environment(**changes), "prod-aws", {"l4": L4})


def problems(folder: Path, text: str, **changes: Any) -> list[str]:
    with pytest.raises(InvalidFileError) as error:
        loaded(folder, text, **changes)
    return list(error.value.problems)


def test_the_example_satisfies_the_schema_and_the_environment(tmp_path: Path) -> None:
    jsonschema.validate(yaml.safe_load(EXAMPLE), service_schema())
    (training,) = loaded(tmp_path, EXAMPLE)
    assert training.code.files is not None
    assert set(training.code.files) == {"train.py", "data.yaml"}


def test_the_fine_tuning_example_satisfies_the_schema_and_the_environment(tmp_path: Path) -> None:
    text = example("training/assistant-lora.yaml")
    jsonschema.validate(yaml.safe_load(text), service_schema())
    shutil.copytree(CODE.with_name("assistant-lora"), tmp_path / "assistant-lora")
    (tmp_path / "assistant-lora.yaml").write_text(text)
    found = [
        each
        for each in load_service_files(tmp_path, "prod-aws")
        if isinstance(each, TrainingJobFile)
    ]
    train: Placement = {**L4, "pool": "train"}
    room = environment(**tenant_with({"cpu": "8", "memory": "96Gi", "gpus": 1}))
    (training,) = load_trainings(found, tmp_path, room, "prod-aws", {"train": train})
    assert training.code.files is not None
    assert set(training.code.files) == {"train.py"}


def test_the_guides_file_is_the_example() -> None:
    guide = (ROOT / "docs" / "training.md").read_text("utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(text) == yaml.safe_load(EXAMPLE)


def test_the_schema_refuses_a_misspelt_key_as_the_program_does(tmp_path: Path) -> None:
    written = {**yaml.safe_load(EXAMPLE), "sead": 3}
    with pytest.raises(jsonschema.ValidationError, match="sead"):
        jsonschema.validate(written, service_schema())
    with pytest.raises(InvalidFileError, match="sead"):
        files(tmp_path, yaml.safe_dump(written))


def test_the_codes_version_is_the_tree_that_git_knows_it_by(tmp_path: Path) -> None:
    (file,) = files(tmp_path, EXAMPLE)
    script = tmp_path / "wine-training" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    for command in ("init -q", "add wine-training"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    tree = subprocess.run(
        ["git", "write-tree", "--prefix=wine-training/"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert read_code(file, tmp_path).version == tree.stdout.strip()


def test_what_python_leaves_behind_is_no_code(tmp_path: Path) -> None:
    (file,) = files(tmp_path, EXAMPLE)
    before = read_code(file, tmp_path)
    (tmp_path / "wine-training" / "__pycache__").mkdir()
    assert read_code(file, tmp_path) == before
    (tmp_path / "wine-training" / "more.py").write_text("")
    assert read_code(file, tmp_path).version != before.version


def test_code_of_an_image_has_the_version_that_the_file_says(tmp_path: Path) -> None:
    own = f"{WITHOUT_CODE}image: example.com/train:1.4\ncodeVersion: 0123abc\n"
    (training,) = loaded(tmp_path, own)
    assert (training.code.version, training.code.files) == ("0123abc", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (edited(("tenant: demo", "tenant: nobody")), "tenant: 'nobody' is not declared"),
        (
            edited(("s3://demo-wines/training", "gs://demo-wines/training")),
            "data: 'gs://demo-wines/training/2026-11/' is in another cloud than prod-aws",
        ),
        (edited(("queue: jobs", "pool: none")), "pool: 'none' is not under stanchion:pools"),
        (
            edited(("queue: jobs", "pool: l4")),
            "resources.gpus: is 0, but pool 'l4' is of GPU nodes",
        ),
        (edited(("code: wine-training", "code: wines")), "code: there is no folder wines beside"),
        (
            edited(("s3://demo-wines-checkpoints/", "file:///data/checkpoints")),
            "checkpoints: is on a volume, but there is no claim, so nothing is mounted",
        ),
        (
            edited(("s3://demo-wines-checkpoints/", "s3://demo-wines/training/2026-11/kept")),
            "checkpoints: is within data.location",
        ),
        (
            edited(("queue: jobs", "nodes: 2\nschedule: 17 3 * * *")),
            "nodes: is 2, and there is a schedule",
        ),
    ],
)
def test_a_wrong_file_is_told_by_its_own_path(text: str, told: str, tmp_path: Path) -> None:
    found = problems(tmp_path, text)
    assert any(each.startswith(f"services/wine-training: {told}") for each in found), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WITHOUT_CODE, "write `code`, or `image` and `codeVersion`"),
        (f"{EXAMPLE}codeVersion: 0123abc\n", "`codeVersion` is computed from the folder"),
        (edited(("code: wine-training", "code: ../wine")), "code"),
        (edited(("seed: 1", "seed: -1")), "seed"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=re.escape(told)):
        files(tmp_path, text)


def test_code_that_no_config_map_holds_is_told_file_by_file(tmp_path: Path) -> None:
    files(tmp_path, EXAMPLE)
    (tmp_path / "wine-training" / "weights.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "wine-training" / "parts").mkdir()
    assert problems(tmp_path, EXAMPLE) == [
        "services/wine-training: code: wine-training/parts is no plain file; move it elsewhere",
        "services/wine-training: code: wine-training/weights.bin is no text; put it into an image",
    ]


def ray_files(folder: Path, text: str) -> list[TrainingJobFile]:
    """The file with the code of the example on Ray beside it."""
    shutil.copytree(CODE.with_name("wine-on-ray"), folder / "wine-on-ray", dirs_exist_ok=True)
    (folder / "wine-on-ray.yaml").write_text(text)
    return [
        file for file in load_service_files(folder, "prod-aws") if isinstance(file, TrainingJobFile)
    ]


def test_the_example_on_ray_satisfies_the_schema_and_an_environment_with_kuberay(
    tmp_path: Path,
) -> None:
    jsonschema.validate(yaml.safe_load(ON_RAY), service_schema())
    found = ray_files(tmp_path, ON_RAY)
    (training,) = load_trainings(found, tmp_path, environment(**with_room()), "prod-aws", {})
    assert training.file.ray is not None
    assert training.file.ray.workers == 8


def ray_problems(folder: Path, text: str, **changes: Any) -> list[str]:
    found = ray_files(folder, text)
    with pytest.raises(InvalidFileError) as error:
        load_trainings(found, folder, environment(**changes), "prod-aws", {"l4": L4})
    return list(error.value.problems)


def test_ray_needs_its_controller_which_a_cloud_has_where_it_is_named(tmp_path: Path) -> None:
    assert ray_problems(tmp_path, ON_RAY, **with_room(operators={})) == [
        "services/wine-on-ray: ray: needs kuberay-operator under operators.more of prod-aws; "
        "add it, or remove ray"
    ]
    every = {"enabled": ["aws-load-balancer-controller", "karpenter"]}
    (told,) = ray_problems(tmp_path, ON_RAY, **with_room(operators=every))
    assert "needs kuberay-operator under operators.enabled of prod-aws" in told


def test_a_head_that_would_have_spot_nodes_alone_is_told_of_before(tmp_path: Path) -> None:
    pools = yaml.safe_load((ROOT / "stacks" / "Pulumi.prod-aws.yaml").read_text("utf-8"))["config"][
        "stanchion:pools"
    ]
    for pool in pools:
        if "cpu" in pool:
            pool["capacity"] = ["spot"]
    plain = [pool["name"] for pool in pools if "cpu" in pool]
    (told,) = ray_problems(tmp_path, ON_RAY, **with_room(pools=pools))
    assert told == (
        "services/wine-on-ray: ray: its head is never on spot nodes, and pools without GPUs of "
        f"prod-aws ({', '.join(plain)}) have nothing else; add on_demand to the capacity of one"
    )


def test_a_head_goes_to_the_pool_that_it_names_where_that_is_more_than_spot(
    tmp_path: Path,
) -> None:
    pools = yaml.safe_load((ROOT / "stacks" / "Pulumi.prod-aws.yaml").read_text("utf-8"))["config"][
        "stanchion:pools"
    ]
    (general, *_) = [pool for pool in pools if "cpu" in pool]
    pools.append({**general, "name": "cheap", "capacity": ["spot"]})
    changes = with_room(pools=pools)
    name = general["name"]
    (told,) = ray_problems(tmp_path, ON_RAY, **changes)
    assert told.endswith(
        f"ray.head.pool: is needed, for the queue may send the head to spot nodes; write {name}"
    )
    on_spot = examples.edited(ON_RAY, ("head: {", "head: {pool: cheap, "))
    (told,) = ray_problems(tmp_path, on_spot, **changes)
    assert "ray.head.pool: 'cheap' is no pool of CPUs of prod-aws with more than spot" in told
    found = ray_files(tmp_path, examples.edited(ON_RAY, ("head: {", f"head: {{pool: {name}, ")))
    placements: dict[str, Placement] = {name: {**L4, "pool": name, "device": ""}}
    assert load_trainings(found, tmp_path, environment(**changes), "prod-aws", placements)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (examples.edited(ON_RAY, ("version: 2.60.0", "version: 2.50.1")), "ray.version: '2.50.1'"),
        (examples.edited(ON_RAY, ("seed: 1", "nodes: 2")), "nodes: is 2, and there is ray"),
        (examples.edited(ON_RAY, ("seed: 1", "schedule: 1 1 * * *")), "ray: is there, and there"),
        (examples.edited(ON_RAY, ("seed: 1", "pool: l4")), "resources.gpus: is 0, but pool 'l4'"),
    ],
)
def test_a_wrong_file_on_ray_is_told_by_its_own_path(text: str, told: str, tmp_path: Path) -> None:
    found = ray_problems(tmp_path, text, **with_room())
    assert any(each.startswith(f"services/wine-on-ray: {told}") for each in found), found


def test_head_and_workers_begin_together_within_the_quota_or_not_at_all(tmp_path: Path) -> None:
    (told,) = ray_problems(tmp_path, ON_RAY, **with_room({**QUOTA, "memory": "128Gi"}))
    assert told == (
        "services/wine-on-ray: ray.workers: all pods together ask for 136Gi of memory, and tenant "
        "'demo' of prod-aws may have 128Gi; raise quota.memory of the tenant to 136Gi, or lower "
        "ray.workers"
    )
    few = {**QUOTA, "pods": 8}
    (told,) = ray_problems(tmp_path, ON_RAY, **with_room(few))
    assert "ask for 9 of pods" in told
    on_gpus = examples.edited(ON_RAY, ("resources: {", "pool: l4\nresources: {gpus: 1, "))
    (told,) = ray_problems(tmp_path, on_gpus, **with_room({**QUOTA, "gpus": 7}))
    assert "ask for 8 of gpus" in told


def test_nodes_begin_together_within_the_quota_or_not_at_all(tmp_path: Path) -> None:
    four = edited(("seed: 1", "nodes: 4"))
    quota = {"cpu": "4", "memory": "16Gi", "pods": 4}
    assert loaded(tmp_path, four, **tenant_with(quota))
    (told,) = problems(tmp_path, four, **tenant_with({**quota, "cpu": "3"}))
    assert told == (
        "services/wine-training: nodes: all pods together ask for 4 of cpu, and tenant 'demo' of "
        "prod-aws may have 3; raise quota.cpu of the tenant to 4, or lower nodes"
    )


def test_a_pod_alone_fits_into_the_quota(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, EXAMPLE, **tenant_with({"memory": "3Gi"}))
    assert told == (
        "services/wine-training: resources: its pod asks for 4Gi of memory, and tenant 'demo' of "
        "prod-aws may have 3Gi; raise quota.memory of the tenant to 4Gi, or lower resources"
    )


def test_ray_needs_an_image_that_has_it(tmp_path: Path) -> None:
    without = re.sub(r"image: .*\n", "", ON_RAY)
    with pytest.raises(InvalidFileError, match="`ray` needs an image with Ray in it"):
        ray_files(tmp_path, without)


def test_queue_and_nodes_need_their_controllers(tmp_path: Path) -> None:
    enabled = {"enabled": ["aws-load-balancer-controller", "karpenter"]}
    room = tenant_with({"memory": "16Gi"})
    found = problems(tmp_path, edited(("seed: 1", "nodes: 4")), operators=enabled, **room)
    assert found == [
        "services/wine-training: queue: needs kueue under operators.enabled of prod-aws; add it, "
        "or remove queue",
        "services/wine-training: nodes: 4 need jobset under operators.enabled of prod-aws; add it, "
        "or write nodes: 1",
    ]
    four = loaded(tmp_path, edited(("seed: 1", "nodes: 4")), **room)
    assert four, "a cloud has them unless it says not"
