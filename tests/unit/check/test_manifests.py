"""Objects come out of files one by one, each with its place; what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from stanchion_cli.check.files import Manifests
from stanchion_cli.check.manifests import MalformedError, manifests
from stanchion_cli.errors import InputError

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"


def found(text: str, file: str = "a.yaml") -> list[tuple[int, str]]:
    """The line and the name of each object."""
    objects = manifests(file, text.encode())
    return [(place.line, body.get("metadata", {}).get("name", "")) for place, body in objects]


def read(paths: list[str]) -> Manifests:
    """All of it, of which the objects do not matter."""
    looked = Manifests(paths)
    for _ in looked:
        pass
    return looked


def test_an_object_stands_where_its_first_line_is() -> None:
    one, two, three = (POD % name for name in ("one", "two", "three"))
    text = f"# top\n---\n\n# of one\n{one}--- # of two\n{two}---\n---\n{three}...\n"
    assert found(text) == [(5, "one"), (9, "two"), (14, "three")]


def test_windows_line_ends_and_a_byte_order_mark_are_no_matter() -> None:
    text = ("\ufeff" + POD % "one" + "---\n" + POD % "two").replace("\n", "\r\n")
    assert found(text) == [(1, "one"), (5, "two")]


@pytest.mark.parametrize("indent", ["", "  "])
def test_the_items_of_a_list_stand_where_they_begin(indent: str) -> None:
    items = "".join(
        f"{indent}- apiVersion: v1\n{indent}  kind: Pod\n{indent}  metadata: {{name: {name}}}\n"
        f"{indent}  spec:\n{indent}    containers:\n{indent}    - {{name: c}}\n"
        for name in ("one", "two")
    )
    text = f"---\napiVersion: v1\nitems:\n{items}kind: List\n"
    assert found(text) == [(4, "one"), (10, "two")]


def test_a_typed_list_need_not_repeat_what_its_items_are() -> None:
    text = "apiVersion: apps/v1\nkind: DeploymentList\nitems: [{metadata: {name: one}}]\n"
    ((place, body),) = manifests("a.yaml", text.encode())
    assert (place.line, body["apiVersion"], body["kind"]) == (1, "apps/v1", "Deployment")


def test_json_may_hold_several_objects_and_lists() -> None:
    pod = '{"apiVersion": "v1",\n "kind": "Pod", "metadata": {"name": "%s"}}'
    listed = (
        f'{{"kind": "List", "apiVersion": "v1", "items": [\n{pod % "two"},\n\n{pod % "three"}]}}'
    )
    text = f"{pod % 'one'}\n{listed}"
    assert found(text, "a.json") == [(1, "one"), (4, "two"), (7, "three")]
    assert found(text, "stdin") == found(text, "a.json")


@pytest.mark.parametrize(
    "text",
    [
        *("a: 1\n", "- 1\n", "just text\n", "kind: Pod\n", "", "# only\n"),
        "apiVersion: v1\nkind: 7\n",
        "apiVersion: v1\nkind: List\nitems: [1, null, {a: 1}]\n",
    ],
)
def test_what_is_no_object_is_passed_over(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("file", "text", "where"),
    [
        ("a.yaml", f"{POD % 'one'}---\nkind: Pod\nbad: [1\nmore: 2\n", "a.yaml:7: document 2: "),
        ("a.yaml", "a: b: c\n", "a.yaml:1: document 1: "),
        ("a.yaml", "{a: 1}: b\n", "a.yaml:1: document 1: a key must be text"),
        ("a.json", '{"kind": "Pod"}\n{"kind"\n: }', "a.json:3: document 2: "),
        ("stdin", "{kind: Pod, bad: [}\n", "stdin:1: document 1: "),
    ],
)
def test_a_malformed_file_is_named_by_line_and_document(file: str, text: str, where: str) -> None:
    with pytest.raises(MalformedError) as error:
        found(text, file)
    assert str(error.value).startswith(where)


def test_what_is_no_text_is_malformed() -> None:
    with pytest.raises(MalformedError, match=r"a\.yaml:2: document 1: it is not UTF-8"):
        list(manifests("a.yaml", b"a: 1\nb: \xff\n"))


def test_of_a_folder_everything_that_may_hold_objects_is_looked_at(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "deep/er/c.json", "notes.txt", ".hidden.yaml", ".git/d.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"apiVersion": "v1", "kind": "Pod"}')
    looked = Manifests([str(tmp_path)])
    names = [Path(item.place.file).relative_to(tmp_path).as_posix() for item in looked]
    assert names == ["a.yaml", "b.yml", "deep/er/c.json"]
    assert (looked.files, looked.kinds) == (3, {"Pod": 3})


def test_in_a_folder_what_is_malformed_matters_where_it_may_be_an_object(tmp_path: Path) -> None:
    (tmp_path / "tsconfig.json").write_text("{ // a comment\n}")
    (tmp_path / "object.yaml").write_text("apiVersion: v1\nkind: [\n")
    looked = read([str(tmp_path)])
    assert [Path(error.place.file).name for error in looked.malformed] == ["object.yaml"]
    named = read([str(tmp_path / "tsconfig.json")])
    assert len(named.malformed) == 1


def test_templates_of_a_chart_are_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: x\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.yaml").write_text("apiVersion: v1\n{{ if .Values.x }}\n")
    looked = read([str(tmp_path)])
    assert looked.templates == [str(tmp_path / "templates")]
    assert not looked.malformed


def test_a_path_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: cannot be read"):
        read([str(tmp_path / "nowhere")])
