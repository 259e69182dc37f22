"""`coldStart` of service files of both kinds: what is refused, before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from llm_arguments import llm_args
from llm_serving import check_llm_services
from schemas import service_schema
from service import check_services
from service_files import load_services
from service_place import PoolOffer
from stanchion import Placement
from stanchion.serving.llm_checks import checked
from unit.stacks.bad_files import ROOT, SERVICE
from unit.stacks.test_llm_services import EXAMPLE, L4, edited, environment, files, problems
from validation import InvalidFileError

ON_GKE: Placement = {**L4, "cloud": "gcp", "image_streaming": True}
STREAMED = "europe-west4-docker.pkg.dev/project/images/model-server:v1"


def model_problems(folder: Path, lines: str, place: Placement = L4) -> tuple[str, ...]:
    """What is wrong with a model's file on a pool of GPUs."""
    (folder / "wine.yaml").write_text(f"{SERVICE}pool: l4\nresources: {{gpus: 1}}\n{lines}\n")
    try:
        check_services(
            load_services(folder, "prod-gcp"),
            environment="prod-gcp",
            tenants=["demo"],
            min_replicas=1,
            pools={"l4": PoolOffer(place)},
            image=STREAMED,
        )
    except InvalidFileError as error:
        return error.problems
    return ()


def with_budget(seconds: int, **further: Any) -> str:
    """The example of a language model with a budget."""
    written = {**yaml.safe_load(EXAMPLE), **further, "coldStart": {"budgetSeconds": seconds}}
    return yaml.safe_dump(written)


def test_the_schema_takes_both_kinds() -> None:
    jsonschema.validate(yaml.safe_load(with_budget(900)), service_schema())
    model = yaml.safe_load(f"{SERVICE}coldStart: {{budgetSeconds: 90, imageSeconds: 0}}")
    jsonschema.validate(model, service_schema())
    with pytest.raises(jsonschema.ValidationError, match="budgetSecond"):
        jsonschema.validate({**model, "coldStart": {"budgetSecond": 90}}, service_schema())


def test_a_budget_that_a_models_file_cannot_keep_is_told_in_its_own_notation(
    tmp_path: Path,
) -> None:
    assert model_problems(tmp_path, "coldStart: {budgetSeconds: 300}", ON_GKE) == (
        "services/wine: coldStart.budgetSeconds: 300 is less than "
        "node 540 (codalab/codalab-worksheets, 2022-03-06) + image 0 (streamed) + "
        "model and warm-up 120 (at most loadSeconds) = 660 s; write minNodes 3 of pool 'l4' "
        "(120 s), or autoscaling.minReplicas 3, so that demand starts none, or under coldStart "
        "what you measured",
    )


@pytest.mark.parametrize(
    "lines",
    [
        "coldStart: {budgetSeconds: 660}",
        "coldStart: {budgetSeconds: 300, nodeSeconds: 100}",
        "coldStart: {budgetSeconds: 5}\nautoscaling: {minReplicas: 3, maxReplicas: 3}",
        "",
    ],
)
def test_what_keeps_its_budget_has_no_problem(tmp_path: Path, lines: str) -> None:
    assert model_problems(tmp_path, lines, ON_GKE) == ()


def test_a_malformed_budget_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(f"{SERVICE}coldStart: {{budgetSeconds: 1}}\n")
    with pytest.raises(InvalidFileError, match=r"wine\.yaml: coldStart\.budgetSeconds: 1 is too"):
        load_services(tmp_path, "prod-gcp")
    with pytest.raises(InvalidFileError, match=r"coldStart\.nodeSecond: unknown key; did you mean"):
        files(tmp_path, f"{EXAMPLE}coldStart: {{budgetSeconds: 90, nodeSecond: 1}}\n")


def test_a_language_models_budget_is_held_to_its_weights(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, with_budget(600))
    assert problem.startswith("services/assistant: coldStart.budgetSeconds: 600 is less than node ")
    assert "weights 96 (16.4 GB, hub 263 MB/s then disk 486 MB/s" in problem
    measured = {"nodeSeconds": 90, "imageSeconds": 60, "modelSeconds": 60, "warmUpSeconds": 120}
    written = yaml.safe_load(with_budget(330))
    written["coldStart"].update(measured)
    found = files(tmp_path, yaml.safe_dump(written))
    check_llm_services(found, environment(), "prod-aws", {"l4": PoolOffer(L4)})


def test_the_guides_refusal_is_true(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "cold-start.md").read_text("utf-8")
    shown = guide.partition("```text\n")[2].partition("\n```")[0]
    on_aws = {"l4": PoolOffer({**L4, "cloud": "aws"})}
    found = files(tmp_path, with_budget(750))
    with pytest.raises(InvalidFileError) as error:
        check_llm_services(found, environment(), "prod-aws", on_aws)
    assert list(error.value.problems) == [shown]


def test_a_file_may_leave_the_cache_of_the_weights_to_the_platform(tmp_path: Path) -> None:
    (file,) = files(tmp_path, edited(("storage: {cache: nodeNvme}", "storage: {claim: weights}")))
    args = llm_args(file, environment(), "prod-aws", L4, "demo")
    assert checked("assistant", args)["storage"] == {"claim": "weights", "cache": "volume"}
