from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stanchion_models import DigestError, artifact_digest

NAME = st.text("abc.", min_size=1, max_size=4).filter(lambda n: n.strip(".") != "")
TREE = st.dictionaries(NAME, st.binary(max_size=8), min_size=1, max_size=4)


def write(root: Path, tree: dict[str, bytes]) -> Path:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_the_format_is_fixed_so_that_recorded_digests_stay_valid(tmp_path: Path) -> None:
    write(tmp_path, {"MLmodel": b"flavors: {}\n", "data/model.bin": b"\x00\x01"})
    assert artifact_digest(tmp_path) == (
        "sha256:075fe7e0ddd69f93f5fea10f0c9081138cbdac370711c23775a05e110820ee74"
    )


@given(st.tuples(TREE, TREE))
def test_two_trees_have_one_digest_exactly_when_they_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, trees: tuple[dict[str, bytes], dict[str, bytes]]
) -> None:
    one, other = (artifact_digest(write(tmp_path_factory.mktemp("tree"), tree)) for tree in trees)
    assert (one == other) == (trees[0] == trees[1])


def test_content_may_not_move_between_a_name_and_a_file(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a": b"bc"})
    other = write(tmp_path / "other", {"ab": b"c"})
    assert artifact_digest(one) != artifact_digest(other)


def test_modes_and_empty_folders_do_not_count(tmp_path: Path) -> None:
    before = artifact_digest(write(tmp_path, {"a/b": b"1"}))
    (tmp_path / "a" / "b").chmod(0o755)
    (tmp_path / "empty").mkdir()
    assert artifact_digest(tmp_path) == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_links_are_refused(tmp_path: Path, what: str) -> None:
    target = tmp_path / "target"
    target.mkdir() if what == "folder" else target.write_bytes(b"1")
    model = write(tmp_path / "model", {"MLmodel": b"1"})
    (model / "link").symlink_to(target)
    with pytest.raises(DigestError, match="link: symbolic links are refused"):
        artifact_digest(model)


def test_an_empty_folder_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="no file"):
        artifact_digest(tmp_path)
