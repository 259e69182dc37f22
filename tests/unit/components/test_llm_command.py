"""The command line of a language model's server is one that vLLM takes.

No vLLM was at hand: options, types and choices are those of its source, read 2026-11-22:
`vllm/engine/arg_utils.py`, `vllm/config/lora.py`, `vllm/entrypoints/openai/cli_args.py` (commit
005223338608) and `LoRAModulePath` of `vllm/entrypoints/openai/models/protocol.py`.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
from unit.components.test_llm_service import (
    ADAPTER,
    IN_S3,
    REGISTERED,
    container,
    engine,
    llm,
)

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
MODULE_FIELDS = {"name", "path", "base_model_name", "is_3d_lora_weight"}


def parser() -> argparse.ArgumentParser:
    """`vllm serve`, as far as anything of it is used here."""
    made = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    made.add_argument("model")
    for name in ("served-model-name", "quantization"):
        made.add_argument(f"--{name}")
    for name in (
        "port", "max-model-len", "max-num-seqs", "max-num-batched-tokens", "tensor-parallel-size",
        "pipeline-parallel-size", "shutdown-timeout", "max-loras",
    ):  # fmt: skip
        made.add_argument(f"--{name}", type=int)
    made.add_argument("--gpu-memory-utilization", type=float)
    made.add_argument("--dtype", choices=["auto", "half", "float16", "bfloat16", "float"])
    made.add_argument("--kv-cache-dtype", choices=["auto", "bfloat16", "fp8", "fp8_e4m3"])
    made.add_argument("--enable-lora", action=argparse.BooleanOptionalAction)
    made.add_argument("--max-lora-rank", type=int, choices=RANKS)
    made.add_argument("--lora-modules", nargs="+")
    return made


def parsed(**changes: Any) -> argparse.Namespace:
    program, command, *words = container(llm(**changes))["command"]
    assert (program, command) == ("vllm", "serve")
    return parser().parse_args(words)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        IN_S3,
        {"engine": engine(kv_cache="fp8", tensor_parallel=2, gpu_memory_percent=85)},
        {"adapters": [ADAPTER]},
        REGISTERED,
        {**REGISTERED, **IN_S3},
    ],
)
def test_every_option_is_one_that_vllm_has_with_a_value_that_it_takes(
    changes: dict[str, Any],
) -> None:
    found = parsed(**changes)
    assert found.served_model_name == "chat"
    assert found.port == 8000


@pytest.mark.parametrize("rank", [8, 16, 32, 64, 128, 256])
def test_every_rank_that_a_file_may_name_is_one_that_vllm_makes_room_for(rank: int) -> None:
    adapter = {**REGISTERED["adapters"][0], "rank": rank}
    # With a rank of 256 there is less room for the cache.
    found = parsed(**{**REGISTERED, "adapters": [adapter]}, engine=engine(max_model_len=1024))
    assert found.max_lora_rank == rank


def test_adapters_of_both_places_are_told_as_modules_with_vllms_fields() -> None:
    found = parsed(**{**REGISTERED, "adapters": [ADAPTER, *REGISTERED["adapters"]]})
    assert (found.enable_lora, found.max_loras, found.max_lora_rank) == (True, 2, 16)
    modules = [json.loads(each) for each in found.lora_modules]
    assert [each["name"] for each in modules] == ["sql", "support"]
    assert [each["path"] for each in modules] == [
        f"/models/hub/models--team--sql-lora/snapshots/{'a' * 40}",
        "/adapters/support",
    ]
    for module in modules:
        assert module.keys() <= MODULE_FIELDS
        assert module["base_model_name"] == found.served_model_name
