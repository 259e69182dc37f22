from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from service_lock import load_lock, load_pins
from stanchion_cli.errors import InputError
from stanchion_cli.models import lockfile
from stanchion_cli.models.lockfile import AdapterPin, Pin, PromptPin

PIN = Pin("wine-cultivar", "3", f"sha256:{'a' * 64}")


def _root(tmp_path: Path) -> Path:
    (tmp_path / "stacks" / "services").mkdir(parents=True)
    return tmp_path


def test_what_promote_writes_is_what_the_program_reads(tmp_path: Path) -> None:
    root = _root(tmp_path)
    path = lockfile.write(root, "local", {"wine": PIN})
    pins = load_pins(path.parent, "local")
    assert {name: pin.model_dump() for name, pin in pins.items()} == {"wine": vars(PIN)}
    assert lockfile.read(root, "local") == {"wine": PIN}


def test_a_first_attempt_is_not_written_and_a_later_one_is_what_the_program_reads(
    tmp_path: Path,
) -> None:
    root = _root(tmp_path)
    path = lockfile.write(root, "local", {"wine": PIN})
    assert "attempt" not in path.read_text()
    lockfile.write(root, "local", {"wine": replace(PIN, attempt=2)})
    assert load_pins(path.parent, "local")["wine"].attempt == 2
    assert lockfile.read(root, "local")["wine"].attempt == 2


def test_an_environment_without_a_lock_file_has_no_pins(tmp_path: Path) -> None:
    assert lockfile.read(_root(tmp_path), "local") == {}


def test_writing_leaves_no_other_file_behind(tmp_path: Path) -> None:
    path = lockfile.write(_root(tmp_path), "local", {"wine": PIN})
    lockfile.write(tmp_path, "local", {})
    assert list(path.parent.iterdir()) == [path]


def test_pins_are_forgotten_once(tmp_path: Path) -> None:
    root = _root(tmp_path)
    lockfile.write(root, "local", {"wine": PIN})
    assert lockfile.forget(root, "local")
    assert not lockfile.forget(root, "local")
    assert lockfile.read(root, "local") == {}


@pytest.mark.parametrize(
    "text",
    [
        "services: [",
        "- a",
        "a",
        "",
        "services: {wine: {model: m}}",
        "services: [1]",
        "prompts: {a: 1}",
    ],
)
def test_a_damaged_lock_file_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    root = _root(tmp_path)
    lockfile.path(root, "local").write_text(text)
    with pytest.raises(InputError, match=r"local\.lock\.yaml.*restore it from git") as refused:
        lockfile.write(root, "local", {"wine": PIN})
    assert "()" not in str(refused.value), "nothing of our own functions"
    assert lockfile.path(root, "local").read_text() == text, "nothing is lost"


def test_a_lock_file_of_candidates_alone_is_one_to_the_command_too(tmp_path: Path) -> None:
    root = _root(tmp_path)
    path = lockfile.path(root, "local")
    path.write_text(yaml.safe_dump({"shadows": {"wine": vars(PIN)}}))
    assert lockfile.read(root, "local") == {}
    lockfile.write(root, "local", {"wine": PIN})
    assert load_lock(path.parent, "local").shadows.keys() == {"wine"}


def test_prompts_and_models_leave_each_others_pins(tmp_path: Path) -> None:
    (tmp_path / "stacks" / "services").mkdir(parents=True)
    model = Pin("wine", "2", "sha256:" + "a" * 64)
    messages = ({"role": "user", "content": "{{question}}"},)
    prompt = PromptPin("3", "sha256:" + "b" * 64, messages)
    lockfile.write_prompt(tmp_path, "local", "faq", {"assistant": prompt})
    path = lockfile.write(tmp_path, "local", {"wine": model})
    lockfile.write_prompt(tmp_path, "local", "tone", {"assistant": prompt})
    assert lockfile.read(tmp_path, "local") == {"wine": model}
    assert lockfile.read_prompts(tmp_path, "local")["assistant"] == {"faq": prompt, "tone": prompt}
    pinned = load_lock(path.parent, "local").prompts["assistant"]["faq"]
    assert (pinned.version, pinned.digest) == (prompt.version, prompt.digest)
    lockfile.write_prompt(tmp_path, "local", "faq", {"assistant": None})
    lockfile.write_prompt(tmp_path, "local", "tone", {"assistant": None})
    assert lockfile.read_prompts(tmp_path, "local") == {}
    assert lockfile.read(tmp_path, "local") == {"wine": model}


def test_an_adapter_is_pinned_beside_everything_else_as_the_program_reads_it(
    tmp_path: Path,
) -> None:
    root = _root(tmp_path)
    lockfile.write(root, "local", {"wine": PIN})
    adapter = AdapterPin("3", f"sha256:{'c' * 64}", "Qwen/Qwen3-8B@abc", 16)
    path = lockfile.write_adapter(root, "local", "assistant-lora", {"assistant": adapter})
    lockfile.write(root, "local", {"wine": Pin(PIN.model, "4", PIN.digest)})
    lock = load_lock(path.parent, "local")
    assert lock.adapters["assistant"]["assistant-lora"].model_dump() == vars(adapter)
    assert lock.services["wine"].version == "4"
    lockfile.write_adapter(root, "local", "assistant-lora", {"assistant": None})
    assert lockfile.read_adapters(root, "local") == {}


def test_candidates_that_are_pinned_by_hand_stay_when_a_service_is_pinned(tmp_path: Path) -> None:
    root = _root(tmp_path)
    path = lockfile.write(root, "local", {"wine": PIN})
    shadow = vars(Pin("wine-cultivar", "4", f"sha256:{'b' * 64}"))
    path.write_text(yaml.safe_dump({"services": {"wine": vars(PIN)}, "shadows": {"wine": shadow}}))
    lockfile.write(root, "local", {"wine": Pin(PIN.model, "4", shadow["digest"])})
    lock = load_lock(path.parent, "local")
    assert {name: pin.model_dump() for name, pin in lock.shadows.items()} == {"wine": shadow}
    assert lock.services["wine"].version == "4"
