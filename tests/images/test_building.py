"""Images are named by their content and built from what their Dockerfile declares."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stanchion_cli import images
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.images import base, context, engine

from .feature_store import UV

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "serving-images"
PRUNED = [
    "pyarrow", "matplotlib", "scikit-learn", "scipy", "skops", "docker", "gunicorn", "huey",
]  # fmt: skip


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "serving-images"
    (root / "demo" / "pkg").mkdir(parents=True)
    (root / "demo" / "Dockerfile").write_text(
        "FROM docker.io/library/debian:bookworm-slim\n# COPY nothing /here\n"
        "COPY --chmod=755 demo/run \\\n    /usr/bin/run\nCOPY demo/pkg /opt/pkg\n"
    )
    (root / "demo" / "run").write_text("#!/bin/sh\n")
    (root / "demo" / "pkg" / "a.py").write_text("1\n")
    (root / "demo" / "README.md").write_text("not copied\n")
    monkeypatch.setattr(context, "_SOURCES", root)
    context.reference.cache_clear()
    yield root
    context.reference.cache_clear()


def tag(name: str = "demo") -> str:
    context.reference.cache_clear()
    return images.reference(name)


def test_the_tag_follows_what_is_copied_and_nothing_else(sources: Path) -> None:
    first = tag()
    assert first.startswith("localhost/stanchion/demo:")
    (sources / "demo" / "README.md").write_text("changed\n")
    (sources / "demo" / "pkg" / "__pycache__").mkdir()
    (sources / "demo" / "pkg" / "__pycache__" / "a.pyc").write_bytes(b"1")
    assert tag() == first
    seen = {first}
    for change in ("content", "name", "mode", "dockerfile"):
        if change == "content":
            (sources / "demo" / "pkg" / "a.py").write_text("2\n")
        elif change == "name":
            (sources / "demo" / "pkg" / "a.py").rename(sources / "demo" / "pkg" / "b.py")
        elif change == "mode":
            (sources / "demo" / "run").chmod(0o755)
        else:
            with (sources / "demo" / "Dockerfile").open("a") as stream:
                stream.write("USER 1000\n")
        assert tag() not in seen, change
        seen.add(tag())


def test_the_context_holds_exactly_what_is_copied(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "context"
    target.mkdir()
    context.context("demo").copy_to(target)
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert found == {"Dockerfile", "demo/run", "demo/pkg/a.py"}


def test_a_copy_of_what_is_not_there_is_told(sources: Path) -> None:
    shutil.rmtree(sources / "demo" / "pkg")
    with pytest.raises(InputError, match="COPY demo/pkg: no such file"):
        tag()


def test_an_unknown_image_is_told_with_the_known_ones() -> None:
    known = "feature-store, llm-gateway, mlflow, model-server, postgres"
    with pytest.raises(InputError, match=f"choose one of {known}"):
        context.reference.__wrapped__("nothing")


def test_every_image_of_this_checkout_has_a_reference_and_known_bases() -> None:
    for name in images.names():
        assert images.reference(name).startswith(f"localhost/stanchion/{name}:")
        assert set(context.context(name).bases) <= base._STANDS_IN_FOR


def test_a_reference_needs_no_engine_network_or_home() -> None:
    code = "from stanchion_cli import images; print(images.reference('model-server'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == images.reference("model-server")


def test_an_image_of_the_same_content_is_not_built_again(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / f"demo-{context.context('demo').digest}.tar"
    archive.write_bytes(b"image")
    monkeypatch.setattr(engine, "find", lambda: pytest.fail("an engine was looked for"))
    assert images.build(["demo"], archive_dir=tmp_path) == {"demo": archive}


class Fake:
    """An engine that notes what it is told and holds every base."""

    docker = False

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.contexts: list[tuple[str, list[str]]] = []
        self.loaded: list[str] = []

    def has(self, image: str) -> bool:
        return image.startswith("docker.io/")

    def load(self, archive: Path) -> None:
        self.loaded.append(archive.name)

    def build(self, image: str, folder: Path, scratch: Path) -> None:
        assert scratch in folder.parents
        self.contexts.append((image, sorted(p.name for p in folder.iterdir())))
        if self.fails:
            raise StanchionError("pip failed")

    def save(self, image: str, archive: Path) -> None:
        archive.write_bytes(image.encode())


def test_a_new_content_is_built_once_and_old_archives_go_when_nobody_asks_for_them(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake()
    monkeypatch.setattr(engine, "find", lambda: fake)
    first = images.build(["demo"], archive_dir=tmp_path)["demo"]
    (sources / "demo" / "run").write_text("#!/bin/sh\nexit 1\n")
    second = images.build(["demo"], archive_dir=tmp_path)["demo"]
    images.build(["demo"], archive_dir=tmp_path)
    assert len(fake.contexts) == 2
    assert first.is_file()  # another checkout may be about to load it
    month_ago = time.time() - 30 * 24 * 3600
    os.utime(first, (month_ago, month_ago))
    (sources / "demo" / "run").write_text("#!/bin/sh\nexit 2\n")
    third = images.build(["demo"], archive_dir=tmp_path)["demo"]
    assert {path.name for path in tmp_path.glob("*.tar")} == {second.name, third.name}


def test_a_derived_image_follows_the_image_it_starts_from(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sources / "derived").mkdir()
    (sources / "derived" / "Dockerfile").write_text(
        "FROM localhost/stanchion/demo\nRUN pip install lightgbm\n"
    )
    first = tag("derived")
    assert context.context("derived").bases == (tag(),)
    (sources / "demo" / "run").write_text("changed\n")
    assert tag("derived") != first
    fake = Fake()
    monkeypatch.setattr(engine, "find", lambda: fake)
    images.build(["derived"], archive_dir=tmp_path)
    assert [image for image, _ in fake.contexts] == [tag(), images.reference("derived")]
    assert fake.loaded == [f"demo-{context.context('demo').digest}.tar"]


def test_a_failed_build_leaves_no_archive(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "find", lambda: Fake(fails=True))
    with pytest.raises(StanchionError, match="pip failed"):
        images.build(["demo"], archive_dir=tmp_path)
    assert list(tmp_path.glob("*.tar")) == []


def test_without_an_engine_the_way_to_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StanchionError, match="install buildah and debootstrap"):
        engine.find()


def test_an_unknown_base_that_cannot_be_pulled_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_registry_answers", lambda _image: False)
    fake: Any = Fake()
    with pytest.raises(StanchionError, match=r"ghcr\.io/x/y:1 cannot be pulled"):
        base.provide(fake, "ghcr.io/x/y:1")


def exported(*words: str) -> str:
    command = [UV, "export", "--frozen", "--offline", "--quiet", "--no-header", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("image", "pruned"), [("llm-gateway", []), ("model-server", []), ("mlflow", PRUNED)]
)
def test_what_an_image_installs_is_what_the_lock_file_says(image: str, pruned: list[str]) -> None:
    """When this fails: run the command below with `-o serving-images/<image>/requirements.txt`."""
    words = ["--package", f"stanchion-{image}", "--no-emit-workspace", "--no-default-groups"]
    words += [word for package in pruned for word in ("--prune", package)]
    assert exported(*words) == (SOURCES / image / "requirements.txt").read_text()


def test_what_the_feature_store_installs_is_what_its_own_lock_file_says() -> None:
    """When this fails: run it so, with `-o serving-images/feature-store/requirements.txt`."""
    folder = SOURCES / "feature-store"
    words = ["--project", str(folder), "--no-emit-project", "--prune", "mypy"]
    assert exported(*words) == (folder / "requirements.txt").read_text()
