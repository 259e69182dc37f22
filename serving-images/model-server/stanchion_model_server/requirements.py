"""Does this image hold what the model was trained with?"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from pathlib import Path

# The image holds MLflow's client half; it loads what the full package wrote.
_MLFLOW = frozenset({"mlflow", "mlflow-skinny"})


def missing_requirements(folder: Path) -> list[str]:
    """List the requirements of the model in `folder` that this Python environment lacks.

    Each entry reads `scikit-learn==1.5.0 (here: 1.7.2)`. A specifier is taken literally, since
    what a model was pickled with is what can unpickle it. MLflow itself is the exception: any
    release of the same major version that is at least as new as the writer's can read a model.
    `-c` and other pip options, extras and environment markers that do not hold are passed over;
    packages named by address are listed, because nothing here can vouch for them.
    """
    try:
        lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    missing = []
    for line in lines:
        text = line.partition(" #")[0].partition(" --hash")[0].strip().rstrip("\\").strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            missing.append(f"{text} (not a package and version)")
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        if problem := _problem(requirement):
            missing.append(problem)
    return missing


def _problem(requirement: Requirement) -> str | None:
    shown = str(requirement)
    if requirement.url is not None:
        return f"{shown} (installed from an address)"
    name = canonicalize_name(requirement.name)
    try:
        installed = Version(version("mlflow-skinny" if name in _MLFLOW else name))
    except PackageNotFoundError:
        return f"{shown} (not installed)"
    except InvalidVersion as error:
        return f"{shown} ({error})"
    if name in _MLFLOW:
        return None if _mlflow_reads(requirement, installed) else f"{shown} (here: {installed})"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{shown} (here: {installed})"


def _mlflow_reads(requirement: Requirement, installed: Version) -> bool:
    if requirement.specifier.contains(installed, prereleases=True):
        return True
    pins = [Version(item.version) for item in requirement.specifier if item.operator == "=="]
    return any(pin.major == installed.major and pin <= installed for pin in pins)
