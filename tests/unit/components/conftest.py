from __future__ import annotations

import pytest
from unit.components import programs
from unit.components.world import World


@pytest.fixture(scope="session")
def platform() -> World:
    return programs.platform()
