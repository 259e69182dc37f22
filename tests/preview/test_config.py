"""Configuration reaches the program as the engine would hand it over; bad files are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from preview.conftest import Evaluate, Project
from stanchion_cli import preview
from stanchion_cli.errors import InputError
from stanchion_cli.preview import UNKNOWN, Secret
from stanchion_cli.preview.config import load_configuration, load_project
from stanchion_cli.preview.wire import UNKNOWN_MARKER


def values(root: Path) -> dict[str, str]:
    return dict(load_configuration(load_project(root), "dev").values)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("plain", "plain"),
        ("5", "5"),
        ("1.0", "1"),
        ("0.5", "0.5"),
        ("true", "true"),
        ("yes", "yes"),
        ("on", "on"),
        ("010", "010"),
        ("0x10", "16"),
        ("1_000", "1000"),
        ("12:30", "12:30"),
        ("null", "null"),
        ("'5'", "5"),
        ("2026-11-01", "2026-11-01 00:00:00 +0000 UTC"),
        ("[b, 1, {z: 1, a: [x]}]", '["b",1,{"a":["x"],"z":1}]'),
        ("{é: ü}", '{"é":"ü"}'),
    ],
)
def test_a_value_is_text_as_the_engine_writes_it(written: str, text: str, project: Project) -> None:
    root = project("configured", f"config:\n  key: {written}\n")
    assert values(root) == {"small:key": text}


def test_keys_without_a_namespace_are_the_projects(project: Project) -> None:
    root = project("configured", "config: {a: 1, other:b: 2, 'small:config:c': 3}")
    assert values(root) == {"small:a": "1", "other:b": "2", "small:c": "3"}


def test_project_defaults_fill_what_the_environment_leaves_out(project: Project) -> None:
    root = project("configured", "config: {a: mine}")
    with (root / "Pulumi.yaml").open("a") as file:
        file.write("config: {a: theirs, b: {type: integer, default: 5}, other:c: {value: [1]}}\n")
    assert values(root) == {"small:a": "mine", "small:b": "5", "other:c": "[1]"}


def test_encrypted_values_are_secret_unknowns_and_never_computed_with(evaluate: Evaluate) -> None:
    config = """config:
      token: {secure: AAAB}
      limit: {secure: AAAB}
      nested: {plain: 1, inner: {secure: AAAB}}
      text: hello
      object: {a: [1, 2]}
    """
    outputs = evaluate("configured", config).outputs
    assert outputs["token"] == Secret(UNKNOWN)
    assert outputs["token_length"] == Secret(UNKNOWN)
    assert outputs["limit"] == Secret(UNKNOWN)
    assert outputs["nested"] == Secret({"inner": UNKNOWN, "plain": 1})
    assert outputs["text"] == "hello"
    assert outputs["object"] == {"a": [1, 2]}


def test_only_values_encrypted_as_a_whole_are_unknown_as_a_whole(project: Project) -> None:
    root = project("configured", "config: {a: {secure: X}, b: {c: {secure: Y}}, d: 1}")
    configuration = load_configuration(load_project(root), "dev")
    assert configuration.secret_keys == ("small:a", "small:b")
    assert configuration.unknown_keys == ("small:a",)
    assert json.loads(configuration.values["small:b"]) == {"c": UNKNOWN_MARKER}


def test_the_program_runs_where_and_as_what_the_engine_runs_it(evaluate: Evaluate) -> None:
    evaluated = evaluate("configured")
    assert evaluated.outputs["directory"] == str(evaluated.root / "program")
    assert evaluated.outputs["arguments"] == ["."]
    assert evaluated.outputs["stack"] == ["small", "dev", "organization"]
    assert evaluated.outputs["dry_run"] is True
    assert [(line.severity, line.message) for line in evaluated.log] == [
        ("warning", "warned by the program"),
        ("info", "printed by the program"),
    ]


def test_an_unknown_environment_names_the_nearest_and_lists_all(project: Project) -> None:
    root = project("configured")
    (root / "Pulumi.prod.yaml").write_text("")
    with pytest.raises(InputError) as failed:
        preview.run("prd", root=root)
    assert str(failed.value) == (
        "there is no environment 'prd'; did you mean prod? there are: dev, prod"
    )


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


BAD = {
    "unclosed": ("config:\n  a: [1\n  b: 2\n", ":3:4: not valid YAML"),
    "tab": ("config:\n\ta: 1\n", ":2:1: not valid YAML"),
    "twice": ("config:\n  a: 1\n  a: 2\n", ":3:3: not valid YAML: the key 'a' is given twice"),
    "list-key": ("config: {? [a] : 1}", ":1:12: not valid YAML: a list or mapping cannot be a key"),
    "list": ("- a\n", ": holds a list, not a mapping"),
    "scalar": ("config: 5", ": config: must be a mapping"),
    "three-parts": ("config: {a:b:c: 1}", ": config.a:b:c: not a configuration key"),
    "empty-part": ("config: {':a': 1}", ": config.:a: not a configuration key"),
    "tag": ("a: !!python/object/apply:os.system ['id']", ":1:4: not valid YAML"),
    "open-deep": ("a: " + "[" * 5000, ": not valid YAML: nested too deeply"),
    "deep": ("a: " + "[" * 200 + "]" * 200, ": nested too deeply"),
    "aliases": (BOMB, ": expands to too much"),
    "huge": ("# " + "x" * (1 << 20), ": the file is 1024 KiB and the limit is 1024 KiB"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_environment_file_is_bad_input_with_its_place(kind: str, project: Project) -> None:
    text, expected = BAD[kind]
    with pytest.raises(InputError) as failed:
        preview.run("dev", root=project("configured", text))
    assert str(failed.value).startswith(f"Pulumi.dev.yaml{expected}")
    assert failed.value.exit == 2


def test_a_file_that_is_not_text_is_bad_input(project: Project) -> None:
    root = project("configured")
    (root / "Pulumi.dev.yaml").write_bytes(b"config:\n  a: \xff\xfe\n")
    with pytest.raises(InputError, match="byte 13 is not UTF-8; save the file as UTF-8"):
        preview.run("dev", root=root)


@pytest.mark.parametrize("name", ["../dev", "", "a/b", "-x"])
def test_a_name_that_is_no_name_is_no_environment(name: str, project: Project) -> None:
    with pytest.raises(InputError, match="there is no environment"):
        preview.run(name, root=project("configured"))


def test_a_directory_without_a_project_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Pulumi\.yaml in"):
        preview.run("dev", root=tmp_path)
