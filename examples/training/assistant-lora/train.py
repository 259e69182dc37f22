"""Fine-tune a language model with LoRA, and register the adapter that comes of it.

The data set is a folder with `base/`, the model as `save_pretrained` writes it with its tokenizer,
and `examples.jsonl`, a JSON object with `prompt` and `answer` in each line: its digest pins both.
The base is read and never changed. A run that is killed is gone on with by the next one and ends
with the same adapter as one that nobody disturbed, on the same kind of processor. It is one process
on one GPU, or on a CPU.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from stanchion_models import artifact_digest
from stanchion_training import DataRefusedError, TrainingRun, training_run
from stanchion_training.checkpoints import Checkpoint
from transformers import AutoModelForCausalLM, AutoTokenizer

IGNORED = -100
"""The label of a token that is not to be learned: the prompt, and what fills a batch up."""


Row = tuple[list[int], list[int]]
"""Tokens and labels of an example."""


def train(options: argparse.Namespace) -> None:
    """Fine-tune for so many steps, with a checkpoint after every so many."""
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    with training_run() as run:
        torch.manual_seed(run.seed)
        base = run.data_folder / "base"
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
        rows = _rows(tokenizer, run.data_folder / "examples.jsonl", options.length)
        place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
        config = LoraConfig(
            r=options.rank,
            lora_alpha=2 * options.rank,
            lora_dropout=options.dropout,
            target_modules=options.modules,
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(model, config).to(place)
        # Whoever serves it holds its model to this; the folder is another one in each process.
        config.base_model_name_or_path, _, config.revision = options.base.partition("@")
        learned = [each for each in model.parameters() if each.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=options.rate)
        begin = _resumed(run.resume(), model, optimizer)

        names = ("steps", "batch", "rank", "rate", "dropout", "length")
        mlflow.log_params({name: getattr(options, name) for name in names})
        model.train()
        for step in range(begin, options.steps):
            chosen = run.generator.choice(len(rows), size=options.batch)
            loss = model(**_batch([rows[at] for at in chosen], place)).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            mlflow.log_metric("training_loss", float(loss.detach()), step=step)
            if (step + 1) % options.every == 0:
                with run.checkpoint(step + 1) as folder:
                    torch.save(_state(model, optimizer), folder / "state.pt")
        _register(run, model, begin)


def _rows(tokenizer: Any, path: Path, length: int) -> list[Row]:
    """The examples as tokens: answers are learned, prompts are not.

    Raises:
        DataRefusedError: There are none, or some are wrong; one message tells the first ten.
    """
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    rows: list[Row] = []
    problems = [] if lines else ["the file is missing or empty"]
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            prompt, answer = row["prompt"], row["answer"]
        except (ValueError, KeyError, TypeError):
            prompt = answer = None
        if not (isinstance(prompt, str) and isinstance(answer, str) and prompt and answer):
            problems.append(f"line {number}: is no object with the texts prompt and answer")
            continue
        asked = tokenizer(prompt)["input_ids"]
        said = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        if len(asked) + len(said) > length:
            problems.append(f"line {number}: {len(asked) + len(said)} tokens; --length is {length}")
        rows.append((asked + said, [IGNORED] * len(asked) + said))
    if problems:
        told = "examples.jsonl is not as expected, and nothing was trained:"
        more = [f"and {len(problems) - 10} more"] if len(problems) > 10 else []
        raise DataRefusedError("\n  ".join([told, *problems[:10], *more]))
    return rows


def _batch(rows: Sequence[Row], place: torch.device) -> dict[str, torch.Tensor]:
    longest = max(len(tokens) for tokens, _ in rows)

    def filled(values: Sequence[list[int]], by: int) -> torch.Tensor:
        return torch.tensor([[*each, *[by] * (longest - len(each))] for each in values]).to(place)

    tokens = [tokens for tokens, _ in rows]
    return {
        # Which token fills up is all the same: the mask hides it, and no label asks for it.
        "input_ids": filled(tokens, 0),
        "attention_mask": filled([[1] * len(each) for each in tokens], 0),
        "labels": filled([labels for _, labels in rows], IGNORED),
    }


def _state(model: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All that a step depends on, torch's random numbers among it."""
    return {
        "adapter": get_peft_model_state_dict(model, save_embedding_layers=False),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "device_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _resumed(earlier: Checkpoint | None, model: Any, optimizer: torch.optim.Optimizer) -> int:
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


def _register(run: TrainingRun, model: Any, begin: int) -> None:
    """Log the adapter's own files, no pickle among them, and register them as a version."""
    active = mlflow.active_run()
    client = mlflow.MlflowClient()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "adapter"
        # PEFT keeps a set, whose order is another one in each process.
        config = model.peft_config["default"]
        config.target_modules = sorted(config.target_modules)
        # Without the embeddings, which LoRA leaves alone; asked to decide, PEFT looks at the hub.
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        digest = artifact_digest(folder)
        logged = client.create_logged_model(
            active.info.experiment_id, name="adapter", source_run_id=active.info.run_id
        )
        client.log_model_artifacts(logged.model_id, str(folder))
        logged = client.finalize_logged_model(logged.model_id, "READY")
    version = run.register(logged, description="A LoRA adapter, as PEFT writes it.")
    told = {"version": version.version, "resumed_at": begin, "adapter": digest}
    print(json.dumps(told))  # noqa: T201


def _base(text: str) -> str:
    """A model with its revision."""
    name, _, revision = text.partition("@")
    if not name or not revision or "@" in revision:
        raise argparse.ArgumentTypeError(f"'{text}' is no model with its revision: NAME@REVISION")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--base",
        type=_base,
        required=True,
        metavar="NAME@REVISION",
        help="what base/ is, as the service that will serve the adapter pins its model",
    )
    parser.add_argument("--steps", type=int, default=200, help="optimizer steps")
    parser.add_argument("--every", type=int, default=20, help="steps between checkpoints")
    parser.add_argument("--batch", type=int, default=8, help="examples of a step")
    parser.add_argument(
        "--rank", type=int, choices=[8, 16, 32, 64, 128, 256], default=16, help="of the adapter"
    )
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.05, help="of the adapter's input")
    parser.add_argument("--length", type=int, default=1024, help="most tokens of an example")
    parser.add_argument(
        "--modules", nargs="+", default=["q_proj", "k_proj", "v_proj", "o_proj"], help="adapted"
    )
    train(parser.parse_args())
