"""LoRA adapters as PEFT writes them, of no weight worth the name, and their registration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient
from stanchion_models import ModelVersion, register

NAME, REVISION = "Qwen/Qwen3-8B", "b968826d9c46dd6066d109eabc6255188de91218"
BASE = f"{NAME}@{REVISION}"
FILES = ["adapter_config.json", "adapter_model.safetensors"]


def config(**changes: Any) -> dict[str, Any]:
    """What PEFT writes of an adapter, as far as anybody here reads it."""
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": NAME,
        "revision": REVISION,
        "r": 16,
        "lora_alpha": 32,
        "bias": "none",
        "use_dora": False,
        "modules_to_save": None,
        "target_modules": ["q_proj"],
        **changes,
    }


def adapter(folder: Path, **changes: Any) -> Path:
    """An adapter's folder, with a pickle beside it that nobody asked for."""
    folder.mkdir(parents=True)
    (folder / FILES[0]).write_text(json.dumps(config(**changes)), "utf-8")
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / FILES[1]).write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (folder / "adapter_model.bin").write_bytes(b"a pickle")
    return folder


def registered(client: MlflowClient, folder: Path) -> ModelVersion:
    """A version of assistant-lora, registered as the fine-tuning example does."""
    known = client.get_experiment_by_name("assistant-lora")
    experiment = known.experiment_id if known else client.create_experiment("assistant-lora")
    logged = client.create_logged_model(experiment, name="adapter")
    client.log_model_artifacts(logged.model_id, str(folder))
    logged = client.finalize_logged_model(logged.model_id, "READY")
    return register(logged, "assistant-lora", client=client)
