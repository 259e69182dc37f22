"""Where the levels and settings are that the pack has for each profile."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent


def environments() -> Path:
    """The folder of `dev.json`, `staging.json` and `prod.json`.

    It is beside the package in a checkout, where `pulumi up --policy-pack-config` finds it, and in
    the package where that is installed.
    """
    beside = _PACKAGE.parent / "environments"
    return (
        beside if (_PACKAGE.parent / "PulumiPolicy.yaml").is_file() else _PACKAGE / "environments"
    )
