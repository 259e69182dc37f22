"""The sample is evaluated on rows that no version of it has seen."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from service_files import load_services
from stanchion_cli.models import card, measuring

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wine", ROOT / "examples" / "wine" / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_script_holds_out_is_what_the_service_evaluates_on(script: ModuleType) -> None:
    known, held_out = script.split()
    kept = pd.read_csv(ROOT / "examples" / "wine" / "evaluation.csv")
    pd.testing.assert_frame_equal(held_out.reset_index(drop=True), kept, check_dtype=False)
    assert not known.index.intersection(held_out.index).size


def test_the_samples_service_file_pins_the_data_that_is_here(script: ModuleType) -> None:
    (wine,) = load_services(ROOT / "stacks" / "services", "local")
    evaluation = wine.gates.model_dump(mode="json", by_alias=True)["evaluation"]
    assert measuring.read_data(ROOT, "wine", evaluation) is not None
    assert wine.gates.model_card is not None
    assert card.judge("wine", script.CARD, wine.gates.model_card.sections).failures == ()
