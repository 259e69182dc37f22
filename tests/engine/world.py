"""Projects that the real engine runs, with providers that stand in for the clouds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in.py")
GENERATED = "0123456789abcdef0123456789ABCDEF"
"""What the stand-in for the provider of passwords generates."""
NEEDS_ENGINE = [
    pytest.mark.engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH"),
]


@dataclass(frozen=True)
class World:
    """A project of its own with one stack of it, its state, log and providers."""

    folder: Path
    environment: str
    variables: Mapping[str, str]

    @property
    def profile(self) -> str:
        return self.environment.partition("-")[0]

    def pulumi(self, *command: str) -> str:
        done = subprocess.run(
            ["pulumi", *command, "--stack", self.environment, "--non-interactive"],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def with_policies(self, *command: str) -> str:
        levels = ROOT / "policies" / "environments" / f"{self.profile}.json"
        pack = ("--policy-pack", str(ROOT / "policies"), "--policy-pack-config", str(levels))
        return self.pulumi(*command, *pack)

    def resources(self, *options: str) -> list[dict[str, Any]]:
        return list(json.loads(self.exported(*options))["deployment"].get("resources", []))

    def exported(self, *options: str) -> str:
        return self.pulumi("stack", "export", *options)

    def of(self, environment: str) -> World:
        """Another stack of the same project."""
        return replace(self, environment=environment)

    @contextmanager
    def around(self) -> Iterator[None]:
        """This process's own engine is this world's."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables.items():
                patch.setenv(name, value)
            yield

    def noted(self, what: str) -> list[str]:
        """URNs in the order in which providers made or deleted them."""
        log = Path(self.variables["STAND_IN_LOG"]).read_text("utf-8").splitlines()
        return [note["urn"] for line in log if (note := json.loads(line))["what"] == what]


def around_the_checkout(folder: Path, environment: str) -> World:
    """The checkout's own program, with one environment's file."""
    declared = _declared() | {"main": str(ROOT / "stacks")}
    world = _world(folder, environment, declared)
    file = f"stacks/Pulumi.{environment}.yaml"
    text = (ROOT / file).read_text("utf-8")
    if environment.startswith("dev"):  # the engine makes a time of what is a day here
        text = text.replace("config:\n", "config:\n  stanchion:expires: 2999-12-31\n", 1)
    (world.folder / "stacks").mkdir()
    (world.folder / file).write_text(text, "utf-8")
    world.pulumi("stack", "init")
    return world


def of_one_program(folder: Path, program: Path) -> World:
    """A project of a single file, with the stack `dev`."""
    packages = {"toolchain": "pip", "virtualenv": str(_virtual_environment(folder))}
    runtime = {"name": "python", "options": packages}
    world = _world(folder, "dev", {"name": "small", "runtime": runtime})
    shutil.copyfile(program, world.folder / "__main__.py")
    world.pulumi("stack", "init")
    return world


def copy_of_the_checkout(folder: Path, environment: str) -> World:
    """The program in a copy whose files may be changed; no stack is there yet."""
    packages = {"toolchain": "pip", "virtualenv": str(_virtual_environment(folder))}
    runtime = {"runtime": {"name": "python", "options": packages}}
    world = _world(folder, environment, _declared() | runtime)
    (world.folder / "serving-images").symlink_to(ROOT / "serving-images")
    ignored = shutil.ignore_patterns("__pycache__", "Pulumi.*.yaml", "local.lock.yaml")
    shutil.copytree(ROOT / "stacks", world.folder / "stacks", ignore=ignored)
    return world


def _virtual_environment(folder: Path) -> Path:
    """One of its own with our packages in it: with uv, the engine would make ours the copy's."""
    made = folder / "venv"
    venv.create(made, with_pip=True, symlinks=True)
    (own,) = made.glob("lib/python*/site-packages")
    (own / "ours.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    return made


def _declared() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8")))


def _world(folder: Path, environment: str, declared: Mapping[str, Any]) -> World:
    binaries, project = folder / "bin", folder / "project"
    for made in (binaries, project, folder / "state"):
        made.mkdir()
    for package in ("aws", "gcp", "kubernetes", "random"):
        plugin = binaries / f"pulumi-resource-{package}"
        plugin.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{STAND_IN}' {package}\n")
        plugin.chmod(0o755)
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(dict(declared)), "utf-8")
    variables = {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "UV_NO_SYNC": "true",  # the environment that runs the tests stays as it is
        "UV_OFFLINE": "true",
        "STAND_IN_LOG": str(folder / "log"),
    }
    return World(project, environment, variables)
