"""Images: written the same each time, recognised in both archive forms, refused with a reason."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from stanchion_cli.cluster.images import Archived, canonical, contents
from stanchion_cli.cluster.model import ClusterError
from stanchion_cli.cluster.scratch import ScratchImage


@pytest.fixture
def image(tmp_path: Path) -> ScratchImage:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF program")
    return ScratchImage(
        "registry.k8s.io/a/b:v1", program, "/program", ("run",), {"/link": "/program"}
    )


def test_the_same_program_gives_the_same_image(image: ScratchImage, tmp_path: Path) -> None:
    first = image.write(tmp_path / "1.tar")
    image.program.touch()
    assert image.write(tmp_path / "2.tar") == first
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    image.program.write_bytes(b"other")
    assert image.write(tmp_path / "3.tar") != first


def test_a_written_image_is_read_back_with_its_identity(
    image: ScratchImage, tmp_path: Path
) -> None:
    identity = image.write(tmp_path / "image.tar")
    assert contents(tmp_path / "image.tar") == [Archived(identity, (image.reference,))]


def test_layers_of_a_written_image_have_the_digests_that_its_configuration_names(
    image: ScratchImage, tmp_path: Path
) -> None:
    identity = image.write(tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        files = {name: _content(tar, name) for name in tar.getnames()}
    manifest = json.loads(files["manifest.json"])[0]
    configuration = files[manifest["Config"]]
    assert "sha256:" + hashlib.sha256(configuration).hexdigest() == identity
    layer = files[manifest["Layers"][0]]
    assert json.loads(configuration)["rootfs"]["diff_ids"] == [
        "sha256:" + hashlib.sha256(layer).hexdigest()
    ]
    assert json.loads(configuration)["config"]["User"] == "65532"
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        assert inner.getmember("program").mode == 0o755
        assert inner.getmember("link").linkname == "/program"


def test_an_archive_of_the_oci_layout_is_known_by_its_configuration(tmp_path: Path) -> None:
    manifest = json.dumps({"config": {"digest": "sha256:" + "c" * 64}}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    name = "org.opencontainers.image.ref.name"
    index = {"manifests": [{"digest": f"sha256:{digest}", "annotations": {name: "a.b/c:1"}}]}
    archive = _archive(
        tmp_path, {"index.json": json.dumps(index).encode(), f"blobs/sha256/{digest}": manifest}
    )
    assert contents(archive) == [Archived("sha256:" + "c" * 64, ("a.b/c:1",))]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"other": b""}, "neither manifest.json nor index.json"),
        ({"manifest.json": b"{"}, "cannot be read"),
        ({"manifest.json": b'[{"RepoTags": ["a"]}]'}, "cannot be read"),
        ({"index.json": b'{"manifests": [{"digest": "sha256:00"}]}'}, "cannot be read"),
    ],
)
def test_other_archives_are_refused_with_a_reason(
    tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(ClusterError, match=reason):
        contents(_archive(tmp_path, files))


def test_a_file_that_is_no_archive_or_absent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tar file")
    for name in ("text", "absent"):
        with pytest.raises(ClusterError, match="cannot be read") as caught:
            contents(tmp_path / name)
        assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("postgres", "docker.io/library/postgres:latest"),
        ("postgres:16", "docker.io/library/postgres:16"),
        ("rancher/x:v1", "docker.io/rancher/x:v1"),
        ("localhost/x", "localhost/x:latest"),
        ("stanchion.local/model-server:1", "stanchion.local/model-server:1"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("a.b/c@sha256:00", "a.b/c@sha256:00"),
    ],
)
def test_references_are_compared_as_the_node_stores_them(given: str, stored: str) -> None:
    assert canonical(given) == stored


def _archive(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "archive.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()
