"""The estimate of a language model's memory is what vLLM reports, within a tenth."""

from __future__ import annotations

import pytest
from stanchion.catalog.llms import language_model, language_models
from stanchion.catalog.machines import accelerator
from stanchion.serving.llm_memory import GIB, Estimate, Running, estimate
from unit.components.llm_logs import ELSEWHERE, H100, Report, Weights

TENTH = 0.1
UTILIZATION = 0.95
CONTEXT = 8192


def _estimate(report: Report) -> Estimate:
    run = Running(
        weights=report.weights_format,
        max_model_len=CONTEXT,
        max_num_seqs=1024,
        max_num_batched_tokens=8192,
        kv_bytes=report.kv_bytes,
        tensor_parallel=report.tensor_parallel,
    )
    return estimate(language_model(report.model), run)


def _named(report: Report | Weights) -> str:
    return f"{report.model}-{report.weights_format}-tp{report.tensor_parallel}"


def test_more_than_eight_named_models_are_compared() -> None:
    assert len({report.model for report in H100}) >= 8
    assert {report.model for report in (*H100, *ELSEWHERE)} == set(language_models())


@pytest.mark.parametrize("report", H100, ids=_named)
def test_weights_and_all_that_is_fixed_are_as_reported(report: Report) -> None:
    found = _estimate(report)
    assert found.weights == pytest.approx(report.weights, rel=TENTH)
    # Version 0.19 did not count CUDA graphs.
    assert found.fixed - found.graphs == pytest.approx(report.fixed, rel=TENTH)


@pytest.mark.parametrize("report", H100, ids=_named)
def test_a_token_of_the_cache_is_as_large_as_reported(report: Report) -> None:
    reported = report.pool * GIB / report.tokens
    assert _estimate(report).request * GIB / CONTEXT == pytest.approx(reported, rel=0.02)


@pytest.mark.parametrize("report", H100, ids=_named)
def test_the_cache_holds_as_many_tokens_as_reported(report: Report) -> None:
    found = _estimate(report)
    pool = accelerator("nvidia-h100-80gb").usable * UTILIZATION - (found.fixed - found.graphs)
    assert pool / found.request * CONTEXT == pytest.approx(report.tokens, rel=TENTH)


@pytest.mark.parametrize("report", ELSEWHERE, ids=_named)
def test_weights_are_as_reported_elsewhere(report: Weights) -> None:
    run = Running(
        report.weights_format,
        CONTEXT,
        256,
        2048,
        tensor_parallel=report.tensor_parallel,
        pipeline_parallel=report.pipeline_parallel,
    )
    found = estimate(language_model(report.model), run)
    assert found.weights == pytest.approx(report.weights, rel=TENTH)
