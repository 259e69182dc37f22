"""The node's programs, built once from pinned modules and kept in a cache.

Each folder below `modules/` is a Go module of ours whose `go.mod` and `go.sum` pin and checksum a
program with all it is made of. Nothing is fetched as a binary.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from stanchion_cli.cluster.layout import cache_folder
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.progress import step

MODULES = Path(__file__).parent / "modules"
OLDEST_GO = (1, 26)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")
_COMPONENT_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Tool:
    """One Go module of ours and the programs that it yields.

    Attributes:
        name: The module's folder.
        source: The module whose version in `go.mod` is the tool's version; empty: our own code.
        programs: Name of each program, and the package it is built from.
        variables: Values that the linker writes into variables: `{version}` with its `v`,
            `{number}` without.
        files: Paths in the source module of what is kept beside the programs, such as the kinds
            that a controller brings.
        modules: Folder that holds the module's; `modules/` for all that a node can run.
    """

    name: str
    source: str
    programs: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    modules: Path = MODULES

    @property
    def folder(self) -> Path:
        """Where the module's files are."""
        return self.modules / self.name

    @property
    def version(self) -> str:
        """The pinned version with its `v`, or `v1` for our own code."""
        if not self.source:
            return "v1"
        pinned = re.search(
            rf"^(?:require)?\s*{re.escape(self.source)} (v\S+)",
            (self.folder / "go.mod").read_text(),
            re.MULTILINE,
        )
        if pinned is None:
            raise ValueError(f"{self.folder}/go.mod does not pin {self.source}")
        return pinned[1]

    @property
    def key(self) -> str:
        """Folder name in the cache; it changes with any file that the build reads."""
        digest = hashlib.sha256(repr([*sorted(self.programs.items()), *self.files]).encode())
        for path in sorted(self.folder.iterdir()):
            if path.suffix in {".mod", ".sum", ".go"}:
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def path(self, name: str) -> Path:
        """Where a program, or one of `files` by its own name, lies once the tool is built."""
        return cache_folder() / self.key / name

    @property
    def kept(self) -> list[Path]:
        """Where its files lie once it is built, in their order."""
        return [self.path(Path(file).name) for file in self.files]

    @property
    def built(self) -> bool:
        """Whether every program and file is in the cache."""
        return all(path.exists() for path in [*map(self.path, self.programs), *self.kept])

    def linker_flags(self) -> str:
        """No symbol tables, and the version where the program reports one."""
        version = {"version": self.version, "number": self.version.removeprefix("v")}
        values = {name: value.format(**version) for name, value in self.variables.items()}
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])


KUBERNETES = Tool(
    "kubernetes",
    "k8s.io/kubernetes",
    {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
        )
    }
    | {"etcd": "go.etcd.io/etcd/server/v3"},
    # Without them every program reports v0.0.0-master, which strict clients refuse.
    {
        f"{_COMPONENT_VERSION}.gitVersion": "{version}",
        f"{_COMPONENT_VERSION}.gitTreeState": "clean",
        f"{_COMPONENT_VERSION}.gitCommit": "",
        f"{_COMPONENT_VERSION}.gitMajor": "1",
        f"{_COMPONENT_VERSION}.gitMinor": "36",
        f"{_COMPONENT_VERSION}.buildDate": "1970-01-01T00:00:00Z",
    },
)
NODE = Tool("node", "", {"stanchion-node": "."})
COREDNS = Tool("coredns", "github.com/coredns/coredns", {"coredns": "."})
METRICS_SERVER = Tool(
    "metrics-server",
    "sigs.k8s.io/metrics-server",
    {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
    {
        "sigs.k8s.io/metrics-server/pkg/version.gitVersion": "{version}",
        f"{_COMPONENT_VERSION}.gitVersion": "{version}",
    },
)
PROVISIONER = Tool(
    "local-path-provisioner",
    "github.com/rancher/local-path-provisioner",
    {"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
    {"main.VERSION": "{version}"},
)
# Kubernetes first: what it compiles, the others find compiled.
TOOLS = (NODE, KUBERNETES, COREDNS, METRICS_SERVER, PROVISIONER)
"""What every node is made of."""


@cache
def go() -> tuple[Path | None, tuple[int, int]]:
    """The Go toolchain on PATH or in its usual folder, and its version; (None, (0, 0)) if none."""
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if found is None:
        return None, (0, 0)
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout
    version = _GO_VERSION.search(said)
    return Path(found), (int(version[1]), int(version[2])) if version else (0, 0)


def missing(more: Iterable[Tool] = ()) -> list[Tool]:
    """The node's tools, and `more` of them, that are not in the cache."""
    return [tool for tool in (*TOOLS, *more) if not tool.built]


def build_missing(more: Iterable[Tool] = ()) -> None:
    """Build what the cache lacks of the node's tools and of `more`.

    An interrupted build leaves nothing half there.

    Raises:
        ClusterError: A build failed, with the compiler's last lines.
    """
    wanted = [*more]
    if not missing(wanted):
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    folder = os.open(cache_folder(), os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Another cluster may be on its way up: one of them builds, the other finds it built.
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("wait for the build that another command has begun"):
                fcntl.flock(folder, fcntl.LOCK_EX)
        for tool in missing(wanted):
            with step(f"build {tool.name} {tool.version} ({len(tool.programs)} programs)"):
                _build(tool)
    finally:
        os.close(folder)


def _build(tool: Tool) -> None:
    for stale in cache_folder().glob(f".{tool.name}-*"):
        shutil.rmtree(stale)
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=cache_folder()) as scratch:
        target = Path(scratch) / "programs"
        target.mkdir()
        packages = dict(tool.programs)
        # A package called v3 or "." would name its program after the folder: one by one, then.
        together = [package for name, package in packages.items() if package.endswith(f"/{name}")]
        alone = {name: package for name, package in packages.items() if package not in together}
        runs = [(f"{target}/", together)] if together else []
        runs += [(str(target / name), [package]) for name, package in alone.items()]
        for output, names in runs:
            # Not -trimpath: a package's module version would then enter its cache key, and the
            # tools could not share what they have in common at the version they all use.
            options = ["-buildvcs=false", "-ldflags", tool.linker_flags(), "-o", output]
            _go(tool, "build", *options, *names)
        if tool.files:
            source = Path(_go(tool, "list", "-m", "-f", "{{.Dir}}", tool.source).strip())
            for file in tool.files:
                shutil.copyfile(source / file, target / Path(file).name)
        final = cache_folder() / tool.key
        if final.exists():
            shutil.rmtree(final)
        target.rename(final)


def _go(tool: Tool, *arguments: str) -> str:
    """Run the Go toolchain in the tool's module; what it wrote."""
    compiler, _ = go()
    if compiler is None:
        raise ClusterError("there is no Go toolchain", fix="see `stanchion doctor`")
    done = subprocess.run(
        [str(compiler), *arguments],
        cwd=tool.folder,
        env=os.environ
        | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "GOOS": "linux"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ClusterError(
            f"building {tool.name} failed:\n{last}",
            where=str(tool.folder),
            fix="see that the Go module proxy (`go env GOPROXY`) is in reach and the disk "
            "is not full, then run this again: it goes on from there",
        )
    return done.stdout
