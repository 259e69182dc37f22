"""A language model with a cold-start budget, previewed on Google Cloud, which streams its image."""

from __future__ import annotations

from pathlib import Path

from preview.checkouts import findings
from preview.test_llm import previewed
from stanchion_cli.render import objects


def test_its_sum_its_pick_and_its_budget_are_told_and_keep_every_rule(tmp_path: Path) -> None:
    evaluated = previewed("prod-gcp", tmp_path, coldStart={"budgetSeconds": 960}, storage={})
    assert findings(evaluated, "assistant") == []
    assert evaluated.problems == ()
    told = evaluated.outputs["llmServices"]["assistant"]
    assert told["weightsCache"] == "nodeNvme"
    assert (
        "node 540 (codalab/codalab-worksheets, 2022-03-06) + image 0 (streamed)"
        in (told["coldStart"])
    )
    assert told["coldStart"].endswith(" = 926 s")
    (model,) = (
        item.manifest
        for item in objects(evaluated)
        if (item.kind, item.manifest["metadata"]["name"]) == ("Deployment", "assistant-vllm")
    )
    assert model["metadata"]["annotations"]["stanchion.dev/cold-start-seconds"] == "960"
