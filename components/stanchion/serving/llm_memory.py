"""How much GPU memory vLLM needs for a language model, part by part: an estimate.

The parts are those that vLLM itself reports when it starts. The constants were read from such
reports of vLLM 0.19 on H100 (https://github.com/llm-d-incubation/llm-d-planner/tree/main/accuracy);
tests hold every part to published reports of more than eight models.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from stanchion.catalog.llms import LanguageModel, LlmWeightFormat

GIB = 2**30
_HALF = 2
"""Bytes of a 16-bit number."""
_SINGLE = 4
"""Bytes of a 32-bit number."""
_BLOCK = 16
"""Tokens in a block of the KV cache."""
_STEP = 256
"""Tokens; lengths of requests are advised in multiples of it."""
_LOGIT_COPIES = 3.75
"""How many copies of all requests' logits the sampler has at its peak."""
_RUNTIME = 0.25
_RUNTIME_PARALLEL = 2.1
"""GiB of CUDA's own, with the buffers by which GPUs exchange tensors."""
_GRAPHS = 1.0
_GRAPHS_PARALLEL = 1.8
"""GiB of captured CUDA graphs, which vLLM keeps free beforehand since 0.21; 0.5 to 1.9 were
reported."""


@dataclass(frozen=True)
class Running:
    """How a model is run."""

    weights: LlmWeightFormat
    max_model_len: int
    """Longest request with its answer, tokens."""
    max_num_seqs: int
    """Requests that are computed at once, at most."""
    max_num_batched_tokens: int
    """Tokens that one step computes, at most."""
    kv_bytes: int = _HALF
    """Bytes of one number in the KV cache: 2, or 1 for fp8."""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    adapters: int = 0
    """LoRA adapters that are in memory at once."""
    adapter_rank: int = 0
    """The largest rank of them."""


@dataclass(frozen=True)
class Estimate:
    """What each GPU needs; of a pipeline, the busiest. All in GiB."""

    weights: float
    activations: float
    runtime: float
    """CUDA's own, and NCCL's."""
    graphs: float
    adapters: float
    request: float
    """KV cache of one request of the full length."""

    @property
    def fixed(self) -> float:
        """Everything but the KV cache."""
        return self.weights + self.activations + self.runtime + self.graphs + self.adapters

    def needed(self, requests: int) -> float:
        """With the KV cache of so many requests of the full length."""
        return self.fixed + requests * self.request

    def told(self, requests: int) -> str:
        """The sum, as 'weights 15.0 + … = 19.3 GiB'."""
        parts = {
            "weights": self.weights,
            "activations": self.activations,
            "CUDA and NCCL": self.runtime,
            "CUDA graphs": self.graphs,
            "adapters": self.adapters,
            f"KV cache of {requests} of {self.request:.2f}": requests * self.request,
        }
        written = " + ".join(f"{name} {size:.1f}" for name, size in parts.items() if size)
        return f"{written} = {self.needed(requests):.1f} GiB"


def estimate(model: LanguageModel, run: Running) -> Estimate:
    """What each GPU needs for `model`; on a pipeline, the busiest of them."""
    parallel = run.tensor_parallel > 1
    return Estimate(
        weights=_weights(model, run) / GIB,
        activations=_activations(model, run) / GIB,
        runtime=_RUNTIME_PARALLEL if parallel else _RUNTIME,
        graphs=_GRAPHS_PARALLEL if parallel else _GRAPHS,
        adapters=_adapters(model, run) / GIB,
        request=_request(model, run) / GIB,
    )


def what_fits(
    model: LanguageModel, run: Running, *, budget: float, requests: int, gpus: int
) -> list[str]:
    """Changes, each alone, after which a model fits into `budget`; none where no one change does.

    Args:
        model: The model.
        run: How it was to be run.
        budget: GiB of each GPU that vLLM may use.
        requests: Requests of the full length whose KV cache is to fit.
        gpus: GPUs of a node.
    """

    def fits(changed: Running) -> bool:
        return estimate(model, changed).needed(requests) <= budget

    found = []
    room = budget - estimate(model, run).fixed
    lengths = range(_STEP, run.max_model_len, _STEP)
    fitting = bisect_right(
        lengths,
        room * GIB,
        key=lambda length: requests * _request(model, replace(run, max_model_len=length)),
    )
    if fitting:
        found.append(f"max_model_len {lengths[fitting - 1]}")
    wider = [
        count
        for count in range(run.tensor_parallel + 1, gpus // run.pipeline_parallel + 1)
        if splits(model, count) and fits(replace(run, tensor_parallel=count))
    ]
    if wider:
        found.append(f"tensor_parallel {wider[0]}")
    if run.weights.bits > LlmWeightFormat.FP8.bits:
        found += [
            f"{format_} weights"
            for format_ in (LlmWeightFormat.FP8, LlmWeightFormat.AWQ_INT4)
            if fits(replace(run, weights=format_))
        ][:1]
    if run.kv_bytes == _HALF and fits(replace(run, kv_bytes=1)):
        found.append("kv_cache fp8")
    return found


def splits(model: LanguageModel, gpus: int) -> bool:
    """Whether so many GPUs share each tensor evenly: heads and rows of the embedding."""
    even = model.heads % gpus == 0 and model.vocabulary % gpus == 0
    return even and (model.kv_heads % gpus == 0 or gpus % model.kv_heads == 0)


def _weights(model: LanguageModel, run: Running) -> float:
    """Bytes on one GPU: quantisation leaves embeddings, and what else the model says, alone."""
    body = model.parameters - model.embeddings * model.embedding
    plain = min(model.unquantised, body)
    layers = (body - plain) * run.weights.bits / 8 + plain * _HALF
    # Of a pipeline, the last stage has an embedding of its own.
    kept = model.embeddings if run.pipeline_parallel == 1 else 1
    share = math.ceil(model.layers / run.pipeline_parallel) / model.layers
    return (layers * share + kept * model.embedding * _HALF) / run.tensor_parallel


def _activations(model: LanguageModel, run: Running) -> float:
    """Bytes at the peak of a step: of its widest layer, or of the sampler after it."""
    tokens, split = run.max_num_batched_tokens, run.tensor_parallel
    layer = tokens * (3 * model.intermediate / split + 4 * model.hidden) * _HALF
    hidden = tokens * model.hidden * _HALF
    sampler = hidden + _LOGIT_COPIES * run.max_num_seqs * model.vocabulary * _SINGLE
    if model.experts is None:
        return max(layer, sampler)
    routed = tokens * model.experts.per_token
    workspace = routed * (2 * model.experts.intermediate / split + 2 * model.hidden) * _HALF
    return sampler + workspace


def _request(model: LanguageModel, run: Running) -> int:
    """Bytes on one GPU of the KV cache of a request of the full length."""
    if model.latent is not None:
        # Every GPU keeps the one compressed vector: there are no heads to share.
        of_token = model.latent.rank + model.latent.rotary
    else:
        of_token = 2 * math.ceil(model.kv_heads / run.tensor_parallel) * model.head_dim
    of_block = of_token * run.kv_bytes * _BLOCK
    blocks = math.ceil(run.max_model_len / _BLOCK)
    stages = run.pipeline_parallel
    if model.sliding is None:
        return math.ceil(model.layers / stages) * of_block * blocks
    windowed = math.ceil(model.sliding.layers / stages)
    full = math.ceil((model.layers - model.sliding.layers) / stages)
    # vLLM keeps layers of a kind in groups of one size; the last group of a kind may have gaps.
    group = min(full, windowed) or max(full, windowed)
    seen = min(run.max_model_len, model.sliding.window - 1 + run.max_num_batched_tokens)
    slots = math.ceil(full / group) * blocks + math.ceil(windowed / group) * (
        math.ceil(seen / _BLOCK) + 1
    )
    return group * of_block * slots


def _adapters(model: LanguageModel, run: Running) -> float:
    """Bytes of the room that vLLM sets aside for LoRA on every dense matrix."""
    query, values = model.heads * model.head_dim, 2 * model.kv_heads * model.head_dim
    widths = (
        (3 * model.hidden + query + values)
        + (query + model.hidden)
        + (2 * model.hidden + 2 * model.intermediate)
        + (model.intermediate + model.hidden)
    )
    each = model.layers / run.pipeline_parallel * run.adapter_rank * widths * _HALF
    return run.adapters * each / run.tensor_parallel
