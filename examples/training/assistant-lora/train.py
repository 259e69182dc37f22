"""Fine-tune a language model with LoRA, and register the adapter that comes of it.

The data set is a folder with `base/`, the model as `save_pretrained` writes it with its tokenizer,
and `examples.jsonl`, a JSON object with `prompt` and `answer` in each line: its digest pins both.
The base is read and never changed. A run that is killed is gone on with by the next one and ends
with the same adapter as one that nobody disturbed, on the same kind of processor.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from stanchion_models import artifact_digest
from stanchion_training import DataRefusedError, training_run
from torch.nn.parallel import DistributedDataParallel
from transformers import AutoModelForCausalLM, AutoTokenizer

IGNORED = -100
"""The label of a token that is not to be learned: the prompt, and what fills a batch up."""


def train(options: argparse.Namespace) -> None:
    """Fine-tune for so many steps, with a checkpoint after every so many."""
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    with training_run() as run:
        torch.manual_seed(run.seed)
        place, world = _joined()
        base = run.data_folder / "base"
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
        rows = _tokenized(tokenizer, _examples(run.data_folder / "examples.jsonl"), options.length)
        model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
        config = LoraConfig(
            r=options.rank,
            lora_alpha=2 * options.rank,
            lora_dropout=options.dropout,
            target_modules=options.modules,
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(model, config).to(place)
        learned = [each for each in model.parameters() if each.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=options.rate)
        begin = _resumed(run.resume(), model, optimizer)
        whole = DistributedDataParallel(model) if world > 1 else model

        if run.leads:
            names = ("steps", "batch", "rank", "rate", "dropout", "length")
            mlflow.log_params({name: getattr(options, name) for name in names})
        model.train()
        loss = torch.zeros(())
        for step in range(begin, options.steps):
            # Every process draws the same rows and takes its own of them.
            chosen = run.generator.choice(len(rows), size=options.batch * world)
            mine = chosen[_rank() * options.batch : (_rank() + 1) * options.batch]
            loss = whole(**_batch([rows[at] for at in mine], tokenizer.pad_token_id, place)).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            if run.leads:
                mlflow.log_metric("training_loss", float(loss.detach()), step=step)
            if (step + 1) % options.every == 0:
                with run.checkpoint(step + 1) as folder:
                    torch.save(_state(model, optimizer), folder / "state.pt")
        if run.leads:
            _register(run, model, begin, float(loss.detach()))


def _joined() -> tuple[torch.device, int]:
    """Where this process computes, and how many do: several where torchrun has started them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    place = device if torch.cuda.is_available() else torch.device("cpu")
    if world > 1:
        torch.distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    return place, world


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


def _examples(path: Path) -> Iterator[tuple[str, str]]:
    """Prompts and answers.

    Raises:
        DataRefusedError: A line is none, or there are no lines.
    """
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    if not lines:
        raise DataRefusedError("examples.jsonl is missing or empty, and nothing was trained")
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            yield str(row["prompt"]), str(row["answer"])
        except (ValueError, KeyError, TypeError):
            raise DataRefusedError(
                f"examples.jsonl: line {number} is no object with prompt and answer, and nothing "
                "was trained"
            ) from None


def _tokenized(
    tokenizer: Any, examples: Iterator[tuple[str, str]], length: int
) -> list[tuple[list[int], list[int]]]:
    """Tokens and labels: answers are learned, prompts are not."""
    rows = []
    for prompt, answer in examples:
        asked = tokenizer(prompt)["input_ids"]
        said = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        tokens, labels = asked + said, [IGNORED] * len(asked) + said
        rows.append((tokens[:length], labels[:length]))
    return rows


def _batch(
    rows: Sequence[tuple[list[int], list[int]]], filler: int, place: torch.device
) -> dict[str, torch.Tensor]:
    longest = max(len(tokens) for tokens, _ in rows)

    def filled(values: Sequence[Sequence[int]], by: int) -> torch.Tensor:
        return torch.tensor([[*each, *[by] * (longest - len(each))] for each in values]).to(place)

    tokens = [tokens for tokens, _ in rows]
    return {
        "input_ids": filled(tokens, filler),
        "attention_mask": filled([[1] * len(each) for each in tokens], 0),
        "labels": filled([labels for _, labels in rows], IGNORED),
    }


def _state(model: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All that a step depends on, torch's random numbers among it."""
    return {
        "adapter": get_peft_model_state_dict(model),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "device_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _resumed(earlier: Any, model: Any, optimizer: torch.optim.Optimizer) -> int:
    """Set everything to where it stood, and say at which step that was."""
    if earlier is None:
        return 0
    state = torch.load(earlier.folder / "state.pt", map_location="cpu", weights_only=True)
    set_peft_model_state_dict(model, state["adapter"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    if state["device_random"]:
        torch.cuda.set_rng_state_all(state["device_random"])
    return int(earlier.step)


def _register(run: Any, model: Any, begin: int, loss: float) -> None:
    """Log the adapter's own files, no pickle among them, and register them as a version."""
    active = mlflow.active_run()
    client = mlflow.MlflowClient()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "adapter"
        model.save_pretrained(folder)
        digest = artifact_digest(folder)
        logged = client.create_logged_model(
            active.info.experiment_id, name="adapter", source_run_id=active.info.run_id
        )
        client.log_model_artifacts(logged.model_id, str(folder))
        logged = client.finalize_logged_model(logged.model_id, "READY")
    mlflow.set_tag("adapter", digest)
    version = run.register(logged, description="A LoRA adapter, in PEFT's notation.")
    told = {"version": version.version, "resumed_at": begin, "adapter": digest, "loss": loss}
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="optimizer steps")
    parser.add_argument("--every", type=int, default=20, help="steps between checkpoints")
    parser.add_argument("--batch", type=int, default=8, help="examples of a step and process")
    parser.add_argument("--rank", type=int, default=16, help="rank of the adapter")
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.05, help="of the adapter's input")
    parser.add_argument("--length", type=int, default=1024, help="most tokens of an example")
    parser.add_argument(
        "--modules", nargs="+", default=["q_proj", "k_proj", "v_proj", "o_proj"], help="adapted"
    )
    train(parser.parse_args())
