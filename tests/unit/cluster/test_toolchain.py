"""Programs: pinned, cached by everything that they are built from, never half there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from stanchion_cli.cluster import toolchain
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.cluster.toolchain import KUBERNETES, TOOLS, Tool

from benchmarks.scale.kwok import KWOK


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    monkeypatch.setattr(toolchain, "cache_folder", lambda: tmp_path / "cache")
    folder = tmp_path / "modules" / "hello"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.test/hello\n\ngo 1.26.0\n")
    (folder / "main.go").write_text(
        'package main\n\nvar version = "unset"\n\nfunc main() { println(version) }\n'
    )
    return Tool(
        "hello",
        "",
        {"hello": "."},
        {"main.version": "{version}"},
        modules=tmp_path / "modules",
    )


@pytest.mark.parametrize("given", (*TOOLS, KWOK), ids=lambda given: given.name)
def test_every_module_is_pinned_and_checksummed(given: Tool) -> None:
    assert re.fullmatch(r"v\d+(\.\d+\.\d+)?", given.version)
    required = "require" in (given.folder / "go.mod").read_text()
    assert (given.folder / "go.sum").exists() == required
    for path in given.folder.iterdir():
        assert path.suffix in {".go", ".mod", ".sum"}, "the cache key would not see it"


def test_modules_of_one_node_agree_on_what_they_share_so_that_it_is_compiled_once() -> None:
    """A version that differs low in the graph compiles everything above it a second time."""
    pins = {tool.name: _pins(tool) for tool in TOOLS if tool.source}
    for name, versions in pins.items():
        differing = {
            module
            for module, version in versions.items()
            if pins["kubernetes"].get(module, version) != version
        }
        assert not differing, f"{name}: {sorted(differing)}"


def _pins(tool: Tool) -> dict[str, str]:
    text = (tool.folder / "go.mod").read_text()
    required = dict(re.findall(r"^(?:require)?\s+(\S+) (v\S+)", text, re.MULTILINE))
    replaced = dict(re.findall(r"^\s+(\S+) => \S+ (v\S+)", text, re.MULTILINE))
    return required | {name: replaced[name] for name in replaced if name in required}


def test_kubernetes_reports_the_version_that_go_mod_pins() -> None:
    flags = KUBERNETES.linker_flags()
    assert f"version.gitVersion={KUBERNETES.version}" in flags
    minor = KUBERNETES.version.split(".")[1]
    assert f"version.gitMinor={minor} " in f"{flags} "


def test_the_cache_key_changes_with_any_file_that_the_build_reads(tool: Tool) -> None:
    before = tool.key
    (tool.folder / "main.go").write_text("package main\n\nfunc main() { println(1) }\n")
    assert tool.key != before
    assert tool.key.startswith("hello-v1-")


def test_without_a_toolchain_the_build_says_so(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "TOOLS", (tool,))
    monkeypatch.setattr(toolchain, "go", lambda: (None, (0, 0)))
    with pytest.raises(ClusterError, match="no Go toolchain"):
        toolchain.build_missing()


@pytest.mark.skipif(toolchain.go()[0] is None, reason="needs a Go toolchain")
def test_a_failed_build_tells_the_compilers_words_and_leaves_nothing(
    tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "TOOLS", (tool,))
    (tool.folder / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    with pytest.raises(ClusterError, match="undefined: missing"):
        toolchain.build_missing()
    assert not tool.built
    assert list(tool.path("hello").parents[1].iterdir()) == []


@pytest.mark.skipif(toolchain.go()[0] is None, reason="needs a Go toolchain")
def test_a_build_clears_what_a_killed_one_left_and_is_not_done_twice(
    tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "TOOLS", (tool,))
    stale = tool.path("hello").parents[1] / ".hello-killed" / "programs"
    stale.mkdir(parents=True)
    toolchain.build_missing()
    assert [folder.name for folder in tool.path("hello").parents[1].iterdir()] == [tool.key]
    said = subprocess.run([tool.path("hello")], capture_output=True, text=True, check=True)
    assert said.stderr == "v1\n", "the linker wrote no version"
    built = tool.path("hello").stat().st_mtime_ns
    toolchain.build_missing()
    assert tool.path("hello").stat().st_mtime_ns == built
