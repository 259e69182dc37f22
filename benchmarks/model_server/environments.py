"""A virtual environment per server, so that nobody's dependencies hold another back."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import step

ROOT: Final = Path(__file__).resolve().parents[2]
_IMAGE_REQUIREMENTS: Final = ROOT / "serving-images" / "model-server" / "requirements.txt"
STANCHION, MLFLOW, KSERVE, LITSERVE = "stanchion", "mlflow", "kserve", "litserve"
_COMPILED: Final = ["--compile-bytecode"]  # a first start is not to pay for it
_PEERS: Final = {
    MLFLOW: ["mlflow==3.17.2"],
    KSERVE: ["kserve==0.21.0"],
    LITSERVE: ["litserve==0.2.19"],
}


def cache() -> Path:
    """Where the environments are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "stanchion" / "benchmarks"


def prepare(scikit_learn: str, numpy: str) -> dict[str, Path]:
    """The Python of each server's environment; made when it is missing.

    All have the scikit-learn and numpy that the model is trained with. Ours has what the image
    has, from the same file.

    Raises:
        StanchionError: uv is missing, or a package cannot be installed.
    """
    if shutil.which("uv") is None:
        raise StanchionError("uv is not on PATH", fix="see https://docs.astral.sh/uv, or `make`")
    same = [f"scikit-learn=={scikit_learn}", f"numpy=={numpy}"]
    wanted = {name: [*packages, *same] for name, packages in _PEERS.items()}
    wanted[STANCHION] = ["--require-hashes", "-r", str(_IMAGE_REQUIREMENTS)]
    return {name: _environment(name, arguments) for name, arguments in wanted.items()}


def _environment(name: str, arguments: list[str]) -> Path:
    content = _IMAGE_REQUIREMENTS.read_text("utf-8") if name == STANCHION else " ".join(arguments)
    digest = hashlib.sha256(f"{sys.version_info[:2]}{content}".encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{digest}"
    python = folder / "bin" / "python"
    done = folder / "complete"
    if done.is_file():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"install {name} in an environment of its own"):
        for command in (
            ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)],
            ["uv", "pip", "install", "--quiet", *_COMPILED, "--python", str(python), *arguments],
        ):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise StanchionError(f"installing {name} failed: {ran.stderr.strip()[-400:]}")
    done.touch()
    return python


def version(python: Path, package: str) -> str:
    """The installed version of a package in an environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
