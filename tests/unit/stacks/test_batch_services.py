"""Service files of kind BatchInference: what is refused and where, and which version scores."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from batch_service import BatchInferenceFile
from batch_serving import check_batches, pin_of
from schemas import service_schema
from service_files import load_service_files
from service_jobs import job_args
from service_lock import Pin
from unit.stacks import examples
from unit.stacks.bad_files import ROOT
from unit.stacks.examples import L4, environment, example
from validation import InvalidFileError

EXAMPLE = example("batch/wine-scores.yaml")
edited = partial(examples.edited, EXAMPLE)
DIGEST = f"sha256:{'0' * 64}"


def pin(version: str = "3", model: str = "wine-cultivar") -> Pin:
    return Pin(model=model, version=version, digest=DIGEST)


PINS = {"wine": pin()}


def files(folder: Path, text: str, stack: str = "prod-aws") -> tuple[BatchInferenceFile, ...]:
    (folder / "scores.yaml").write_text(text)
    found = load_service_files(folder, stack)
    return tuple(file for file in found if isinstance(file, BatchInferenceFile))


def problems(
    folder: Path, text: str, pins: dict[str, Pin] | None = None, **changes: Any
) -> list[str]:
    with pytest.raises(InvalidFileError) as error:
        check_batches(
            files(folder, text),
            PINS if pins is None else pins,
            environment(**changes),
            "prod-aws",
            {"l4": L4},
        )
    return list(error.value.problems)


def test_the_example_satisfies_the_schema_and_the_environment(tmp_path: Path) -> None:
    jsonschema.validate(
        yaml.safe_load(
            EXAMPLE.replace("2026-11-01", "'2026-11-01'").replace("2026-11-07", "'2026-11-07'")
        ),
        service_schema(),
    )
    check_batches(files(tmp_path, EXAMPLE), PINS, environment(), "prod-aws", {})


def test_the_guides_file_is_the_example() -> None:
    guide = (ROOT / "docs" / "batch.md").read_text("utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(text) == yaml.safe_load(EXAMPLE)


def test_the_schema_refuses_a_misspelt_key_as_the_program_does(tmp_path: Path) -> None:
    written = {**yaml.safe_load(EXAMPLE), "dates": None, "shard": 3}
    with pytest.raises(jsonschema.ValidationError, match="shard"):
        jsonschema.validate(written, service_schema())
    with pytest.raises(InvalidFileError, match="shard"):
        files(tmp_path, yaml.safe_dump(written))


def test_it_scores_with_what_its_models_service_serves_or_with_a_pin_of_its_own(
    tmp_path: Path,
) -> None:
    (file,) = files(tmp_path, EXAMPLE)
    assert pin_of(file, PINS) == pin("3")
    assert pin_of(file, {**PINS, "wine-scores": pin("2")}) == pin("2")
    assert pin_of(file, {"other": pin(model="other")}) is None


def test_two_versions_of_a_model_in_service_leave_the_choice_to_the_lock_file(
    tmp_path: Path,
) -> None:
    pins = {"wine": pin("3"), "cellar": pin("2")}
    (told,) = problems(tmp_path, EXAMPLE, pins)
    assert told == (
        "services/wine-scores: model: wine version 3 and cellar version 2 are pinned in "
        "prod-aws.lock.yaml, and nothing says which scores; pin one under wine-scores too"
    )
    own = {**pins, "wine-scores": pin("2")}
    check_batches(files(tmp_path, EXAMPLE), own, environment(), "prod-aws", {})


def test_a_model_that_nobody_promoted_yet_is_no_problem_of_the_file(tmp_path: Path) -> None:
    check_batches(files(tmp_path, EXAMPLE), {}, environment(), "prod-aws", {})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("tenant: demo", "tenant: nobody"), "tenant: 'nobody' is not declared"),
        (
            ("s3://demo-wines/", "gs://demo-wines/"),
            "input: 'gs://demo-wines/bottles/{date}/' is in",
        ),
        (("s3://demo-wines-scores/{date}/", "s3://x-y/all/"), "output: has no {date}, and input"),
        (("queue: jobs", "pool: none"), "pool: 'none' is not under stanchion:pools of prod-aws"),
        (("queue: jobs", "pool: l4"), "resources.gpus: is 0, but pool 'l4' is of GPU nodes"),
        (("to: 2026-11-07", "to: 2026-10-07"), "dates.to: is before dates.from"),
        (("shards: 8", "shards: 9000"), "dates: are 7 days of 9000 shards"),
        (
            ("s3://demo-wines/bottles", "file:///data/bottles"),
            "input: is on a volume, but there is no claim, so nothing is mounted",
        ),
        (("keepColumns: [bottle]", "keepColumns: [a, a]"), "keepColumns: 'a' is there twice"),
    ],
)
def test_a_wrong_file_is_told_by_its_own_path(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, edited(change))
    assert any(each.startswith(f"services/wine-scores: {told}") for each in found), found


def test_a_queue_needs_the_controller_that_admits_from_it(tmp_path: Path) -> None:
    enabled = {"enabled": ["aws-load-balancer-controller", "karpenter"]}
    found = problems(tmp_path, EXAMPLE, operators=enabled)
    assert "services/wine-scores: queue: needs kueue under operators.enabled of prod-aws" in str(
        found
    )


def test_an_environment_with_queues_has_one_for_each_tenant(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, edited(("queue: jobs", "queue: mine")))
    assert "queue: 'mine' is not in prod-aws, where every tenant has one called jobs" in told
    (file,) = files(tmp_path, edited(("queue: jobs", "deadlineMinutes: 60")))
    args = job_args(file, environment(), {})
    assert (args["queue"], args["queue_priority"]) == ("jobs", "batch")
    assert "queue" not in job_args(file, environment("local"), {})


def test_pods_that_kueue_begins_together_fit_into_the_quota(tmp_path: Path) -> None:
    (folder := tmp_path / "queues").mkdir()
    many = edited(("parallelism: 4", "parallelism: 40"))
    demo = {"name": "demo", "owner": "demo-team", "costCenter": "demo"}
    quota = {"cpu": "64", "memory": "39Gi", "pods": 64}
    (told,) = problems(folder, many, tenants=[{**demo, "quota": quota}])
    assert told == (
        "services/wine-scores: parallelism: all pods together ask for 40Gi of memory, and tenant "
        "'demo' of prod-aws may have 39Gi; raise quota.memory of the tenant to 40Gi, or lower "
        "parallelism"
    )
    # Seven days of one shard are no more than seven pods.
    (file,) = files(
        folder, edited(("parallelism: 4", "parallelism: 40"), ("shards: 8", "shards: 1"))
    )
    assert file.at_once == 7
    (file,) = files(folder, many)
    assert file.at_once == 40


def test_a_share_may_be_written_as_a_whole_number(tmp_path: Path) -> None:
    (file,) = files(tmp_path, edited(("refusedShare: 0.001", "refusedShare: 1")))
    assert file.refused_share == 1.0
