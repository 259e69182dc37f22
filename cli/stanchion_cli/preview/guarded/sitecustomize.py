"""Installs the guard in a policy pack's process, before anything of the pack runs.

Python imports a module of this name at start; the pack's process has this folder on its path.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "_preview_guard", Path(__file__).parents[1] / "guard.py"
)
if _spec is None or _spec.loader is None:
    raise ImportError("guard")
_guard = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_guard)
_guard.install()
