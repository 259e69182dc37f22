"""The estimate of a language model's memory is what vLLM reports, within a tenth."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from stanchion.catalog.llms import LlmWeightFormat, language_model, language_models
from stanchion.catalog.machines import CatalogueError, accelerator, load, source
from stanchion.serving.llm_memory import GIB, Estimate, Running, estimate, splits, what_fits
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


QWEN = language_model("Qwen/Qwen3-8B")
RUN = Running(LlmWeightFormat.BF16, 16_384, 128, 4096)


def test_the_cache_of_another_gpu_and_share_is_as_reported() -> None:
    """A100 80GB, 0.65 of it, vLLM 0.19: https://myoceane.fr/index.php/ai-vllm-a100-gemma-4/."""
    run = Running(LlmWeightFormat.MXFP4, 131_072, 256, 2048)
    found = estimate(language_model("openai/gpt-oss-20b"), run)
    pool = accelerator("nvidia-a100-80gb").usable * 0.65 - (found.fixed - found.graphs)
    assert pool == pytest.approx(36.56, rel=TENTH)


def test_a_window_saves_cache_where_the_context_is_longer() -> None:
    gemma = language_model("google/gemma-3-27b-it")
    short, long = (
        estimate(gemma, replace(RUN, max_model_len=length)).request for length in (8192, 131_072)
    )
    assert long < 16 * short / 2


def test_more_gpus_share_weights_and_cache_but_no_compressed_vector() -> None:
    one, two = (estimate(QWEN, replace(RUN, tensor_parallel=gpus)) for gpus in (1, 2))
    assert two.weights == pytest.approx(one.weights / 2)
    assert two.request == pytest.approx(one.request / 2)
    deepseek = language_model("deepseek-ai/DeepSeek-V2-Lite-Chat")
    one, two = (estimate(deepseek, replace(RUN, tensor_parallel=gpus)) for gpus in (1, 2))
    assert two.request == one.request


def test_heads_that_are_fewer_than_gpus_are_copied() -> None:
    model = language_model("Qwen/Qwen2.5-7B-Instruct")
    assert not splits(model, 8), "28 heads"
    mixture = language_model("Qwen/Qwen3-30B-A3B")
    four, eight = (estimate(mixture, replace(RUN, tensor_parallel=gpus)) for gpus in (4, 8))
    assert eight.request == four.request


def test_adapters_take_room_by_their_rank_and_number() -> None:
    none, one, four = (
        estimate(QWEN, replace(RUN, adapters=count, adapter_rank=16)).adapters
        for count in (0, 1, 4)
    )
    assert none == 0
    # A published adapter of rank 16 on every matrix of an 8B model has about 44 million parameters.
    assert one == pytest.approx(44e6 * 2 / GIB, rel=0.2)
    assert four == pytest.approx(4 * one)


def test_the_sum_is_told_part_by_part() -> None:
    found = estimate(QWEN, RUN)
    told = found.told(2)
    numbers = [float(part.split()[-1]) for part in told.partition(" = ")[0].split(" + ")]
    assert sum(numbers) == pytest.approx(found.needed(2), abs=0.3)
    assert told.endswith(f"= {found.needed(2):.1f} GiB")


@pytest.mark.parametrize("budget", [12.0, 18.0, 19.7, 24.0, 36.0, 71.0])
@pytest.mark.parametrize("requests", [1, 8])
def test_every_advice_fits_by_itself(budget: float, requests: int) -> None:
    if estimate(QWEN, RUN).needed(requests) <= budget:
        return
    for advice in what_fits(QWEN, RUN, budget=budget, requests=requests, gpus=8):
        kind, _, value = advice.partition(" ")
        changed = {
            "max_model_len": lambda: replace(RUN, max_model_len=int(value)),  # noqa: B023
            "tensor_parallel": lambda: replace(RUN, tensor_parallel=int(value)),  # noqa: B023
            "kv_cache": lambda: replace(RUN, kv_bytes=1),
        }.get(kind, lambda: replace(RUN, weights=LlmWeightFormat(kind)))()  # noqa: B023
        assert estimate(QWEN, changed).needed(requests) <= budget, advice


def test_an_unknown_model_is_told_with_those_that_are_near() -> None:
    with pytest.raises(CatalogueError, match=r"'Qwen/Qwen3-9B' is no language model .* Qwen/Qwen3"):
        language_model("Qwen/Qwen3-9B")


def test_the_facts_have_a_source_and_a_date() -> None:
    found = source(load("llms.yaml")["models"])
    assert found.url.startswith("https://")
    assert isinstance(found.date, date)
