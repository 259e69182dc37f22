"""Files that the pages show are files that the program takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from schemas import environment_schema
from service_files import load_service_files
from unit.stacks.bad_files import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
KINDS = "ModelService|LlmService|BatchInference|TrainingJob|DriftMonitor"
_BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def blocks() -> Iterator[Any]:
    """Every block of YAML, with its page and line."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            written = re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)
            # An ellipsis stands for lines that the page leaves out.
            written = re.sub(r"^ *…\n", "", written, flags=re.MULTILINE)
            yield pytest.param(written, id=f"{page.name}:{line}")


SERVICES = [each for each in blocks() if re.search(rf"^kind: ({KINDS})$", each.values[0], re.M)]
SETTINGS = [each for each in blocks() if re.search(r"^ *stanchion:\w+:", each.values[0], re.M)]


@pytest.mark.parametrize("text", SERVICES)
def test_a_service_file_on_a_page_is_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "shown.yaml").write_text(text)
    load_service_files(tmp_path, "prod-aws")


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_of_an_environment_on_a_page_have_the_form_that_the_schema_says(text: str) -> None:
    written = json.loads(json.dumps(yaml.safe_load(text), default=str))
    settings = written.get("config", written)
    schema = _of_parts(environment_schema())
    config = schema["properties"]["config"]
    kind = config["then" if "stanchion:baseStack" in settings else "else"]
    known = {key: value for key, value in kind["properties"].items() if key in settings}
    assert known.keys() == settings.keys()
    jsonschema.validate(settings, {"type": "object", "properties": known, "$defs": schema["$defs"]})


def _of_parts(schema: Any) -> Any:
    """A schema for parts of what it describes, since a page shows the part that it is about."""
    if isinstance(schema, list):
        return [_of_parts(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _of_parts(value) for key, value in schema.items() if key != "required"}
    # Without what it requires, a part may be of several, and names none of them.
    several = parts.pop("oneOf", None)
    return parts if several is None else {**parts, "anyOf": several}


def test_a_misspelt_setting_on_a_page_is_noticed() -> None:
    with pytest.raises(jsonschema.ValidationError, match="retentionDay'"):
        test_settings_of_an_environment_on_a_page_have_the_form_that_the_schema_says(
            "stanchion:monitoring: {prometheus: {retentionDay: 40}}"
        )


def test_pages_show_files_of_every_kind() -> None:
    shown = "\n".join(str(each.values[0]) for each in SERVICES)
    assert all(f"kind: {kind}\n" in shown for kind in KINDS.split("|"))
    assert len(SETTINGS) > 10
