"""The feature store's block of an environment file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import features
import pytest
from features import check_features
from validation import InvalidFileError

from .examples import environment

EXAMPLE = Path(__file__).parents[3] / "examples" / "feature-store" / "definitions"
WHOLE = {"enabled": True, "sources": "s3://team-features/shop"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """stacks/, with the example's feature repository where it is looked for."""
    (tmp_path / "features").symlink_to(EXAMPLE)
    monkeypatch.setattr(features, "_ROOT", tmp_path)
    return tmp_path


def checked(stack: str = "prod-aws", **changes: Any) -> None:
    check_features(environment(stack, featureStore={**WHOLE, **changes}), stack)


def test_a_whole_one_is_taken(root: Path) -> None:
    checked()
    checked("prod-gcp", sources="gs://team-features/shop/")
    checked("local", sources="file:///data/features", claim="features")


def test_without_the_block_there_is_none_and_nothing_is_looked_for() -> None:
    assert not environment("prod-aws").feature_store.enabled
    check_features(environment("prod-aws"), "prod-aws")


@pytest.mark.parametrize(
    ("stack", "changes", "told"),
    [
        ("prod-aws", {"sources": "gs://b/p"}, "featureStore.sources: 'gs://b/p' is in another clo"),
        ("local", {}, "featureStore.sources: 's3://team-features/shop' is in another cloud"),
        ("local", {"sources": "file:///data/f"}, "featureStore.sources: is on a volume"),
        ("prod-aws", {"definitions": "none"}, "featureStore.definitions: stacks/none holds no"),
    ],
)
def test_what_cannot_be_is_told_with_its_field(
    root: Path, stack: str, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidFileError) as refused:
        checked(stack, **changes)
    assert told in str(refused.value)


def test_definitions_that_would_fail_in_the_cluster_are_told_file_by_file(root: Path) -> None:
    folder = root / "mine"
    (folder / "folder.py").mkdir(parents=True)
    (folder / "bytes.py").write_bytes(b"\xff\xfe")
    (folder / "syntax.py").write_text("one = 1\ndef (:\n")
    (folder / "whole.py").write_text("one = 1\n")
    with pytest.raises(InvalidFileError) as refused:
        checked(definitions="mine")
    told = dict(each.split(" ", 2)[1:] for each in refused.value.problems)
    assert told.keys() == {
        *("stacks/mine/bytes.py", "stacks/mine/folder.py", "stacks/mine/syntax.py:2")
    }


@pytest.mark.parametrize("folder", ["/etc", "..", ".", "../..", "../../elsewhere", "a/../../.."])
def test_definitions_are_a_folder_of_the_repository(folder: str) -> None:
    with pytest.raises(InvalidFileError, match=r"featureStore\.definitions: .* as features"):
        environment("prod-aws", featureStore={**WHOLE, "definitions": folder})


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"enabled": True}, "add `sources: s3://…`"),
        ({**WHOLE, "materializeSchedule": "hourly"}, "featureStore.materializeSchedule"),
        ({**WHOLE, "ttl": 3}, "featureStore.ttl"),
    ],
)
def test_a_block_that_is_not_whole_is_refused(block: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidFileError) as refused:
        environment("prod-aws", featureStore=block)
    assert told in str(refused.value)
