"""What vLLM reported of named models when it started, as published: GiB of each GPU, tokens.

Runs of vLLM 0.19.0 on H100 80GB with 1024 sequences, 8192 batched tokens and 0.95 of the memory
are from the logs of https://github.com/jgchn/llm-d-planner, folder accuracy/results/v0.19.0/logs,
gathered in results_raw.csv at commit 30ec05f7cab43782bdfa4f529aef70e06ff9f149; read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass

from stanchion.catalog.llms import LlmWeightFormat

F = LlmWeightFormat


@dataclass(frozen=True)
class Report:
    """One start of vLLM."""

    model: str
    weights_format: LlmWeightFormat
    weights: float
    """'Model loading took …'."""
    fixed: float
    """'Total non KV cache memory', CUDA graphs not among it."""
    pool: float
    """'Available KV cache memory'."""
    tokens: int
    """'GPU KV cache size'."""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    kv_bytes: int = 2


H100 = (
    Report("meta-llama/Llama-3.1-8B-Instruct", F.BF16, 14.99, 17.12, 58.11, 476_016),
    Report("meta-llama/Llama-3.1-8B-Instruct", F.BF16, 14.99, 17.12, 58.11, 952_032, kv_bytes=1),
    Report("meta-llama/Llama-3.1-8B-Instruct", F.BF16, 7.51, 11.47, 63.76, 1_044_688, 2),
    Report("meta-llama/Llama-3.1-8B-Instruct", F.BF16, 3.77, 7.79, 67.44, 2_209_792, 4),
    Report("meta-llama/Llama-3.1-8B-Instruct", F.FP8, 8.49, 10.62, 64.61, 529_248),
    # RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16
    Report("meta-llama/Llama-3.1-8B-Instruct", F.GPTQ_INT4, 5.38, 7.51, 67.71, 554_704),
    # RedHatAI/Llama-3.3-70B-Instruct-fp8-dynamic, and quantized.w8a8
    Report("meta-llama/Llama-3.3-70B-Instruct", F.FP8, 33.88, 37.95, 37.28, 244_304, 2),
    Report("meta-llama/Llama-3.3-70B-Instruct", F.FP8, 16.96, 21.14, 54.09, 708_992, 4),
    Report("meta-llama/Llama-3.3-70B-Instruct", F.INT8, 33.88, 37.95, 37.28, 244_304, 2),
    Report("Qwen/Qwen2.5-7B-Instruct", F.BF16, 14.25, 16.70, 58.53, 1_096_000),
    Report("Qwen/Qwen2.5-7B-Instruct", F.BF16, 3.55, 7.89, 67.34, 5_043_280, 4),
    Report("Qwen/Qwen2.5-7B-Instruct", F.FP8, 8.14, 10.59, 64.64, 1_210_304),
    Report("Qwen/Qwen2.5-72B-Instruct", F.BF16, 67.80, 72.19, 3.04, 19_920, 2),
    Report("Qwen/Qwen3-8B", F.BF16, 15.27, 17.73, 57.50, 418_688),
    Report("Qwen/Qwen3-30B-A3B", F.BF16, 56.88, 59.82, 15.41, 168_288),
    Report("deepseek-ai/DeepSeek-V2-Lite-Chat", F.BF16, 29.43, 31.62, 43.61, 1_505_552),
    Report("google/gemma-2-9b-it", F.BF16, 17.22, 21.11, 54.12, 168_880),
    Report("google/gemma-2-27b-it", F.BF16, 50.72, 54.64, 20.59, 58_672),
    Report("google/gemma-3-4b-it", F.BF16, 8.58, 12.72, 62.51, 468_144),
    Report("google/gemma-3-12b-it", F.BF16, 23.31, 27.51, 47.72, 130_304),
    Report("google/gemma-3-27b-it", F.BF16, 51.45, 55.70, 19.53, 36_560),
    Report("ibm-granite/granite-3.1-8b-instruct", F.BF16, 15.25, 16.57, 58.66, 384_432),
    Report("microsoft/phi-4", F.BF16, 27.39, 29.15, 46.08, 241_568),
    Report("mistralai/Mixtral-8x7B-Instruct-v0.1", F.BF16, 43.51, 46.79, 28.44, 465_936, 2),
    Report("mistralai/Mistral-Small-3.1-24B-Instruct-2503", F.BF16, 44.76, 47.04, 28.19, 184_752),
    # RedHatAI/Mistral-Small-3.1-24B-Instruct-2503-quantized.w8a8
    Report("mistralai/Mistral-Small-3.1-24B-Instruct-2503", F.INT8, 24.07, 26.50, 48.73, 319_344),
    Report("openai/gpt-oss-20b", F.MXFP4, 13.64, 16.76, 58.47, 1_277_184),
)


@dataclass(frozen=True)
class Weights:
    """Weights alone, of other versions and GPUs."""

    model: str
    weights_format: LlmWeightFormat
    weights: float
    source: str
    tensor_parallel: int = 1
    pipeline_parallel: int = 1


ELSEWHERE = (
    Weights(
        "Qwen/Qwen3-14B",
        F.BF16,
        27.52,
        "https://github.com/jgchn/llm-d-planner/tree/main/accuracy/results/v0.19.0 (0.15 to 0.18)",
    ),
    Weights(
        "Qwen/Qwen2.5-32B-Instruct",
        F.BF16,
        30.71,
        "https://github.com/vllm-project/vllm/issues/15815",
        2,
    ),
    Weights(
        "meta-llama/Llama-3.3-70B-Instruct",
        F.INT8,
        67.72,
        "https://github.com/vllm-project/vllm/pull/12569",
    ),
    Weights(
        "deepseek-ai/DeepSeek-R1",
        F.FP8,
        39.66,
        "https://github.com/vllm-project/vllm/issues/13074",
        8,
        2,
    ),
    Weights(
        "openai/gpt-oss-20b", F.MXFP4, 13.72, "https://myoceane.fr/index.php/ai-vllm-a100-gemma-4/"
    ),
    Weights(
        "meta-llama/Llama-3.1-8B-Instruct",
        F.BF16,
        4.26,
        "https://github.com/jgchn/llm-d-planner/tree/main/accuracy/results/v0.19.0/logs",
        1,
        4,
    ),
    Weights(
        "google/gemma-3-27b-it",
        F.BF16,
        13.17,
        "https://github.com/vllm-project/vllm/issues/15676",
        4,
    ),
)
"""'Loading model weights took …' of rank 0."""
