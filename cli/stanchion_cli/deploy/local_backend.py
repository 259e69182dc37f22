"""Where the engine keeps the state of the environment `local`: on this machine alone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stanchion_cli.cluster.layout import state_parent

ENVIRONMENT = "local"
_SALT = "encryptionsalt"


@dataclass(frozen=True)
class LocalBackend:
    """A folder with the state, its passphrase, and a project file that leads to the program.

    The engine writes the salt of its encryption into the environment file of its project. Salt
    and passphrase belong together and the passphrase is this machine's, so the engine gets a
    copy of the file to write to: the checkout stays as it was, and serves other machines.
    """

    folder: Path

    @classmethod
    def of(cls, environment: str) -> LocalBackend | None:
        """The one of `environment`; none where the user has chosen a backend, or elsewhere."""
        if environment != ENVIRONMENT or "PULUMI_BACKEND_URL" in os.environ:
            return None
        return cls(state_parent() / ".engine")  # no cluster can have this name

    def prepare(self, root: Path) -> tuple[Path, dict[str, str]]:
        """The folder to run the engine in, and the environment variables to run it with."""
        project = self.folder / "project"
        project.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        passphrase = self.folder / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(secrets.token_urlsafe(32))
        declared = _read(root / "Pulumi.yaml")
        main, settings = declared.get("main", "."), declared.pop("stackConfigDir", ".")
        _write(project / "Pulumi.yaml", {**declared, "main": str(root / main)})
        file = f"Pulumi.{ENVIRONMENT}.yaml"
        copy = project / file
        config = _read(root / settings / file)
        if copy.exists() and (salt := _read(copy).get(_SALT)):
            config[_SALT] = salt
        _write(copy, config)
        return project, {
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        }

    def abandoned(self) -> bool:
        """Whether a run that was killed has left its lock, so that no other can start."""
        locks = [*(self.folder / ".pulumi" / "locks").rglob("*.json")]
        return bool(locks) and not any(_holder_lives(lock) for lock in locks)

    def forget(self) -> None:
        """Delete the state, once the node with everything it describes is gone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        parent = self.folder.parent
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _holder_lives(lock: Path) -> bool:
    holder = json.loads(lock.read_text("utf-8"))
    return Path(f"/proc/{holder['pid']}").exists()


def _read(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text("utf-8")) or {})


def _write(file: Path, content: dict[str, Any]) -> None:
    partial = file.with_suffix(".new")
    partial.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    partial.replace(file)
