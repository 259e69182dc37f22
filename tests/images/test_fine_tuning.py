"""The fine-tuning example: an adapter that a server loads, the same however often it was cut off.

It runs only where torch, transformers and peft are installed: with what they need they are 5 GB,
so they are in no group of the workspace. `examples/training/assistant-lora-image` names versions.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from stanchion_models import Adapter, artifact_digest, read_adapter
from stanchion_training.errors import DATA_REFUSED

WITHOUT = "the fine-tuning example is not tried: torch, transformers and peft are not installed"
torch = pytest.importorskip("torch", reason=WITHOUT)
transformers = pytest.importorskip("transformers", reason=WITHOUT)
peft = pytest.importorskip("peft", reason=WITHOUT)
tokenizers = pytest.importorskip("tokenizers", reason=WITHOUT)

SCRIPT = Path(__file__).parents[2] / "examples" / "training" / "assistant-lora" / "train.py"
STEPS, KILLED_AFTER = 60, 20
BASE = "team/tiny@0123abc"
ARGUMENTS = (
    f"--base {BASE} --steps {STEPS} --every 10 --batch 4 --rank 8 --rate 0.02 --length 16".split()
)
PAIRS = [("what colour is grass", "green"), ("what colour is snow", "white")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights, 2 layers 16 wide, that knows nine words; and two examples."""
    folder = tmp_path_factory.mktemp("data")
    words = sorted({word for pair in PAIRS for text in pair for word in text.split()})
    vocabulary = {word: at for at, word in enumerate(["<end>", "<unknown>", *words])}
    known = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unknown>"))
    known.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=known, eos_token="<end>", unk_token="<unknown>"
    ).save_pretrained(folder / "base")
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder / "base")
    lines = [json.dumps({"prompt": asked, "answer": said}) for asked, said in PAIRS]
    (folder / "examples.jsonl").write_text("\n".join(lines), "utf-8")
    return folder


def environment(root: Path, data: Path) -> dict[str, str]:
    return {
        "REGISTERED_MODEL_NAME": "assistant",
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/registry.db",
        "DATA_URI": f"file://{data}",
        "CODE_VERSION": "0123abc",
        "SEED": "7",
        "CHECKPOINT_URI": f"file://{root}/checkpoints",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def started(root: Path, data: Path) -> subprocess.Popen[str]:
    """The example as a process of its own."""
    root.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, SCRIPT, *ARGUMENTS],
        env={**os.environ, **environment(root, data)},
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a training says that ended well."""
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def registered(root: Path) -> tuple[Any, Path]:
    """The one version that a training has registered, and its files."""
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/registry.db")
    (version,) = client.search_model_versions("name = 'assistant'")
    logged = client.get_logged_model(str(version.source).removeprefix("models:/"))
    return version, Path(download_artifacts(logged.artifact_location))


def runs(client: MlflowClient) -> list[Run]:
    """All that were begun."""
    experiment = client.get_experiment_by_name("assistant")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def answer_loss(model: Any, tokenizer: Any) -> float:
    """How far a model is from the answers that were taught; lower is better."""
    total = 0.0
    for asked, said in PAIRS:
        tokens = tokenizer(f"{asked} {said}", return_tensors="pt")["input_ids"]
        with torch.no_grad():
            before_answer = model(input_ids=tokens).logits[0, -2]
        total -= float(torch.log_softmax(before_answer, dim=-1)[tokens[0, -1]])
    return total / len(PAIRS)


@pytest.mark.timeout(1200)
def test_killed_and_resumed_it_registers_the_same_adapter(data: Path, tmp_path: Path) -> None:
    undisturbed, root = tmp_path / "whole", tmp_path / "cut"
    beside, first = started(undisturbed, data), started(root, data)
    while not list(root.glob(f"checkpoints/*/step-{KILLED_AFTER:010d}.json")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    first.kill()
    assert first.wait(timeout=60) == -signal.SIGKILL
    again = started(root, data)
    whole, resumed = ended(beside), ended(again)
    assert KILLED_AFTER <= resumed["resumed_at"] < STEPS
    assert whole["resumed_at"] == 0

    version, adapter = registered(root)
    _, expected = registered(undisturbed)
    names = sorted(path.name for path in adapter.iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
    for name in names:
        of_both = [hashlib.sha256((at / name).read_bytes()) for at in (adapter, expected)]
        assert of_both[0].hexdigest() == of_both[1].hexdigest(), name
    assert version.tags["stanchion.digest"] == resumed["adapter"] == whole["adapter"]

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/registry.db")
    (run,) = runs(client)
    assert (run.info.run_id, run.info.status) == (version.run_id, "FINISHED")
    for tags in (run.data.tags, version.tags):
        assert tags["stanchion.data.digest"] == artifact_digest(data)
        assert tags["stanchion.code.version"] == "0123abc"
    assert run.data.params["seed"] == "7"
    losses = client.get_metric_history(version.run_id, "training_loss")
    assert {point.step for point in losses} == set(range(STEPS))

    assert read_adapter(adapter) == Adapter(BASE, 8), "who serves it knows what it was trained on"
    base = transformers.AutoModelForCausalLM.from_pretrained(data / "base").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(data / "base")
    untaught = answer_loss(base, tokenizer)
    taught = answer_loss(peft.PeftModel.from_pretrained(base, adapter).eval(), tokenizer)
    assert taught < untaught / 2, "the adapter knows what it was taught"


@pytest.mark.timeout(600)
def test_examples_that_are_wrong_are_refused_before_anything_is_trained(
    data: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(data, bad)
    long = json.dumps({"prompt": "grass " * 20, "answer": "green"})
    lines = ['{"prompt": "what"}', *(bad / "examples.jsonl").read_text("utf-8").splitlines(), long]
    (bad / "examples.jsonl").write_text("\n".join(lines), "utf-8")
    process = started(tmp_path, bad)
    _, told = process.communicate(timeout=400)
    assert process.returncode == DATA_REFUSED, told
    assert told.splitlines()[-3:] == [
        "examples.jsonl is not as expected, and nothing was trained:",
        "  line 1: is no object with the texts prompt and answer",
        "  line 4: 22 tokens; --length is 16",
    ]
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/registry.db")
    (run,) = runs(client)
    assert (run.info.status, run.data.metrics) == ("FAILED", {})
    assert not client.search_registered_models()
    assert not list(tmp_path.rglob("state.pt"))
