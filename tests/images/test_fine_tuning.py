"""The fine-tuning example: an adapter that a server loads, the same however often it was cut off.

It runs only where torch, transformers and peft are installed: with what they need they are 5 GB,
so they are in no group of the workspace. `examples/training/assistant-lora-image` names versions.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.artifacts import download_artifacts
from mlflow.tracking import MlflowClient
from stanchion_training.errors import DATA_REFUSED

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
tokenizers = pytest.importorskip("tokenizers")

SCRIPT = Path(__file__).parents[2] / "examples" / "training" / "assistant-lora" / "train.py"
STEPS, HALF = 40, 20
PAIRS = [("what colour is grass?", "green"), ("what colour is snow?", "white")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 40,000 random weights that reads bytes, and two examples."""
    folder = tmp_path_factory.mktemp("data")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: at for at, letter in enumerate(["<end>", *alphabet])}
    letters = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    letters.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = tokenizers.decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=letters, eos_token="<end>", pad_token="<end>"
    ).save_pretrained(folder / "base")
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder / "base")
    lines = [json.dumps({"prompt": asked, "answer": said}) for asked, said in PAIRS]
    (folder / "examples.jsonl").write_text("\n".join(lines), "utf-8")
    return folder


class Started:
    """The script in a process of its own: forked, for its imports are most of its time."""

    def __init__(self, root: Path, data: Path) -> None:
        root.mkdir(exist_ok=True)
        self.said, self.root, self._data = root / "said.txt", root, data
        self.process = multiprocessing.get_context("fork").Process(target=self._run)
        self.process.start()

    def _run(self) -> None:
        with self.said.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(self.root)
        os.environ |= {
            "REGISTERED_MODEL_NAME": "assistant-colours",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.root}/registry.db",
            "DATA_URI": f"file://{self._data}",
            "CODE_VERSION": "0123abc",
            "CHECKPOINT_URI": f"file://{self.root}/checkpoints",
            "HF_HUB_OFFLINE": "1",
        }
        counts = f"--steps {STEPS} --every 5 --batch 4 --rank 8 --rate 0.02"
        sys.argv = [str(SCRIPT), *counts.split()]
        torch.set_num_threads(1)
        runpy.run_path(str(SCRIPT), run_name="__main__")
        sys.stdout.flush()

    def ended(self) -> dict[str, Any]:
        """What it says that ended well."""
        self.process.join(280)
        text = self.said.read_text("utf-8")
        assert self.process.exitcode == 0, text
        told: dict[str, Any] = json.loads(text.splitlines()[-1])
        return told


@pytest.mark.timeout(900)
def test_killed_at_half_and_resumed_it_makes_the_same_adapter(data: Path, tmp_path: Path) -> None:
    whole = Started(tmp_path / "whole", data).ended()
    root = tmp_path / "cut"
    first = Started(root, data)
    while not list(root.glob(f"checkpoints/*/step-{HALF:010d}.json")):
        assert first.process.is_alive(), "it ended before it could be killed"
        time.sleep(0.01)
    first.process.kill()
    first.process.join(60)
    assert first.process.exitcode == -signal.SIGKILL
    resumed = Started(root, data).ended()
    assert HALF <= resumed.pop("resumed_at") < STEPS
    assert whole.pop("resumed_at") == 0
    assert resumed == whole, "the adapter's bytes and the loss, to the last bit"

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/registry.db")
    (version,) = client.search_model_versions("name = 'assistant-colours'")
    assert version.tags["stanchion.digest"] == whole["adapter"]
    losses = client.get_metric_history(version.run_id, "training_loss")
    by_step = {point.step: point.value for point in losses}
    assert by_step[STEPS - 1] < by_step[0] / 2, "it has learned"

    adapter = Path(download_artifacts(version.source, tracking_uri=client.tracking_uri))
    assert {each.name for each in adapter.iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert not [*adapter.rglob("*.pkl"), *adapter.rglob("*.bin"), *adapter.rglob("*.pt")]
    base = transformers.AutoModelForCausalLM.from_pretrained(data / "base")
    tokenizer = transformers.AutoTokenizer.from_pretrained(data / "base")
    tuned = peft.PeftModel.from_pretrained(base, adapter)
    for asked, said in PAIRS:
        tokens = tokenizer(asked, return_tensors="pt")
        answer = tuned.generate(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            max_new_tokens=8,
            do_sample=False,
            pad_token_id=0,
        )
        told = tokenizer.decode(answer[0][tokens["input_ids"].shape[1] :])
        assert told.startswith(said), "the adapter says what it was taught"


@pytest.mark.timeout(120)
def test_examples_that_are_none_end_it_with_one_message(data: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    shutil.copytree(data / "base", bad / "base")
    (bad / "examples.jsonl").write_text('{"prompt": "what?"}', "utf-8")
    started = Started(tmp_path / "root", bad)
    started.process.join(100)
    assert started.process.exitcode == DATA_REFUSED
    said = started.said.read_text("utf-8")
    assert "examples.jsonl: line 1 is no object with prompt and answer" in said
