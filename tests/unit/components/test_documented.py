"""Components as the pages compose them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pulumi
import stanchion
from unit.components.world import World, deploy

DOCS = Path(__file__).parents[3] / "docs"
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks(page: str) -> list[str]:
    """The Python of a page."""
    return _BLOCK.findall((DOCS / page).read_text("utf-8"))


def made(source: str) -> World:
    """What a page's program makes, given what it says that there is already."""

    def program() -> dict[str, Any]:
        mlflow = stanchion.MlflowServer.__new__(stanchion.MlflowServer)
        for name in ("url", "namespace", "reader_username", "reader_password"):
            setattr(mlflow, name, pulumi.Output.from_input(name))
        exec(compile(source, "page", "exec"), {"stanchion": stanchion, "mlflow": mlflow})
        return {}

    return deploy(program)


def test_the_first_example_of_components_makes_a_tenant_and_its_service() -> None:
    world = made(blocks("components.md")[0])
    assert world.object("Namespace", "fraud")
    assert world.object("Deployment", "scoring")


def test_the_gateways_example_makes_it() -> None:
    world = made(blocks("llm-gateway.md")[0])
    assert world.object("Deployment", "gateway")
    assert world.object("NetworkPolicy", "gateway")


def test_traces_are_written_into_the_gateways_arguments_as_shown() -> None:
    whole, *parts = blocks("llm-gateway.md")
    (traces,) = (part for part in parts if part.startswith('"traces"'))
    world = made(whole.replace('        "consumers": [', f'{traces}"consumers": ['))
    settings = world.object("ConfigMap", "gateway-configuration")["data"]
    assert any("sample_percent" in text or "samplePercent" in text for text in settings.values())
