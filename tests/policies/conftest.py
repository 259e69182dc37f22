"""One pack process for each configuration that the tests use, kept for the session."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from stanchion_cli.policies import PolicyPack
from stanchion_policies.pack import raise_own_unknowns

ROOT = Path(__file__).parents[2]
PACK = ROOT / "policies"

Packs = Callable[[Mapping[str, Any]], PolicyPack]


raise_own_unknowns()


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packs]:
    """`packs(config)`: the project's own pack, running with that configuration."""
    running: dict[str, PolicyPack] = {}
    with ExitStack() as stack:

        def pack(config: Mapping[str, Any]) -> PolicyPack:
            text = json.dumps(config, sort_keys=True)
            if text not in running:
                path = tmp_path_factory.mktemp("config") / "config.json"
                path.write_text(text)
                running[text] = stack.enter_context(
                    PolicyPack(PACK, config=path, project="stanchion", stack="test")
                )
            return running[text]

        yield pack
