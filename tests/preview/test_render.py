"""Rendered objects: complete, ordered, without a secret, in a directory that is ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from preview.conftest import Evaluate, Project, as_yaml, named
from stanchion_cli.commands.render import render
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview import UNKNOWN
from stanchion_cli.render import (
    KubernetesObject,
    Rendered,
    check_outputs,
    for_repository,
    not_rendered,
    objects,
    read_outputs,
    write,
)
from stanchion_cli.render.outputs import Outputs
from stanchion_cli.render.placeholders import Placeholders
from typer.testing import CliRunner

CONFIG = "config: {replicas: 2, image: 'i:1', token: {secure: AAAB}}"
OUTPUTS = {"web-password": {"result": "s3cret-from-a-file"}}
Rendering = Callable[..., Rendered]
app = typer.Typer()
app.command()(render)


def command(root: Path, directory: Path, *options: str) -> str:
    """What `stanchion render dev` prints."""
    result = CliRunner().invoke(
        app, ["dev", "-o", str(directory), "--root", str(root), *options], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def rendered(evaluate: Evaluate, tmp_path: Path) -> Rendering:
    """`rendered()`: the program `service` written to `tmp_path / "out"`."""

    def write_it(given: Outputs | None = None, *, leave_out: str = "") -> Rendered:
        evaluated = evaluate("service", CONFIG, outputs=given or {}, policies=False)
        traced = evaluate("service", CONFIG, policies=False, trace=True)
        items = [item for item in objects(evaluated) if item.kind != leave_out]
        placeholders = Placeholders(evaluated, traced, given or {})
        return write(items, tmp_path / "out", environment="dev", placeholders=placeholders)

    return write_it


def test_one_file_per_object_by_namespace_kind_and_name(rendered: Rendering) -> None:
    assert rendered().files == (
        "_cluster/namespace-demo.yaml",
        "demo/configmap-settings.yaml",
        "demo/deployment-web.yaml",
        "demo/secret-web.yaml",
        "demo/servicemonitor-web.yaml",
    )


def test_the_command_writes_and_lists_without_a_secret(project: Project, tmp_path: Path) -> None:
    root = project("service", CONFIG)
    (tmp_path / "outputs.yaml").write_text(json.dumps(OUTPUTS))
    said = command(root, tmp_path / "out", "--outputs", str(tmp_path / "outputs.yaml"))
    assert as_yaml(tmp_path / "out/demo/secret-web.yaml")["stringData"] == {
        "external": "${config.small:token}",
        "literal": "${web-secret:stringData.literal}",
        "password": "${web-password.result}",
        "url": "${web-secret:stringData.url}",
    }
    assert "secret: Secret demo/web: stringData.password = ${web-password.result}" in said
    everything = said + "".join(
        file.read_text() for file in (tmp_path / "out").rglob("*") if file.is_file()
    )
    for secret in ("s3cret-from-a-file", "hunter2-literal"):
        assert secret not in everything
        assert base64.b64encode(secret.encode()).decode() not in everything


def test_unknowns_are_named_and_listed(rendered: Rendering) -> None:
    unknown = [(p.object, p.path, p.text) for p in rendered().placeholders if not p.secret]
    assert ("ConfigMap demo/settings", "data.uid", "${settings:data.uid}") in unknown


def test_unknowns_are_taken_from_the_outputs_file(rendered: Rendering, tmp_path: Path) -> None:
    done = rendered({"settings": {"data.uid": "42", "metadata.name": "chosen"}})
    assert [p for p in done.placeholders if not p.secret] == []
    manifest = as_yaml(tmp_path / "out/demo/configmap-settings.yaml")
    assert manifest["metadata"] == {"name": "chosen", "namespace": "demo"}
    assert manifest["data"] == {"text": "two\nlines", "uid": "42", "yes": "on"}


def test_a_second_render_changes_no_byte_and_no_time(rendered: Rendering, tmp_path: Path) -> None:
    rendered()
    before = {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in (tmp_path / "out").rglob("*.yaml")}
    assert rendered().changed == ()
    assert before == {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in before}


def test_stale_files_of_an_earlier_render_go_and_others_stay(
    rendered: Rendering, tmp_path: Path
) -> None:
    rendered()
    (tmp_path / "out/demo/mine.yaml").write_text("kind: Mine\n")
    assert rendered(leave_out="ServiceMonitor").removed == ("demo/servicemonitor-web.yaml",)
    assert not (tmp_path / "out/demo/servicemonitor-web.yaml").exists()
    assert (tmp_path / "out/demo/mine.yaml").exists()


def test_a_file_of_someone_else_is_not_overwritten(rendered: Rendering, tmp_path: Path) -> None:
    rendered(leave_out="ServiceMonitor")
    (tmp_path / "out/demo/servicemonitor-web.yaml").write_text("mine")
    with pytest.raises(InputError, match="would be overwritten"):
        rendered()
    assert (tmp_path / "out/demo/servicemonitor-web.yaml").read_text() == "mine"


def test_a_directory_of_someone_else_is_refused_untouched(
    rendered: Rendering, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty and was not written by"):
        rendered()
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_another_environments_directory_is_refused(rendered: Rendering, tmp_path: Path) -> None:
    rendered()
    marker = tmp_path / "out/.stanchion-render.json"
    marker.write_text(marker.read_text().replace('"dev"', '"prod"'))
    with pytest.raises(InputError, match="the directory holds environment prod"):
        rendered()


def test_a_record_that_points_outside_removes_nothing_there(
    rendered: Rendering, tmp_path: Path
) -> None:
    rendered()
    (tmp_path / "precious.yaml").write_text("kept")
    marker = tmp_path / "out/.stanchion-render.json"
    record = json.loads(marker.read_text())
    record["files"] += ["../precious.yaml", str(tmp_path / "precious.yaml")]
    marker.write_text(json.dumps(record))
    rendered()
    assert (tmp_path / "precious.yaml").read_text() == "kept"


def test_inputs_of_the_wrong_type_are_not_rendered(project: Project, tmp_path: Path) -> None:
    with pytest.raises(StanchionError, match="inputs that the provider would refuse"):
        command(project("mistyped"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web-pasword: {result: x}", r"names no resource; did you mean web-password\?"),
        ("web-password: x", "web-password: holds a str, not a mapping"),
        ("demo: [", "not valid YAML"),
    ],
)
def test_a_bad_outputs_file_is_bad_input(
    text: str, expected: str, evaluate: Evaluate, tmp_path: Path
) -> None:
    (tmp_path / "outputs.yaml").write_text(text)
    with pytest.raises(InputError, match=expected):
        check_outputs(
            read_outputs(tmp_path / "outputs.yaml"),
            evaluate("service", CONFIG, outputs={}, policies=False),
            shown="outputs.yaml",
        )


def test_an_object_comes_after_what_its_component_waits_for(evaluate: Evaluate) -> None:
    evaluated = evaluate("service", CONFIG)
    items = {item.urn: item for item in objects(evaluated)}
    namespace, secret = named(evaluated, "demo").urn, named(evaluated, "web-secret").urn
    deployment = items[named(evaluated, "web-deployment").urn]
    assert items[secret].depends_on == (namespace,)
    assert deployment.depends_on == (namespace, secret)
    assert deployment.protected


def test_objects_are_listed_after_those_they_depend_on(evaluate: Evaluate) -> None:
    seen: set[str] = set()
    for item in objects(evaluate("service", CONFIG)):
        assert set(item.depends_on) <= seen
        seen.add(item.urn)


def test_an_objects_secrets_and_unknowns_are_listed_by_path(evaluate: Evaluate) -> None:
    outputs = {"web-password": {"result": "s3cret"}}
    plain = {str(item): item for item in objects(evaluate("service", CONFIG))}
    assert plain["Secret demo/web"].unknowns == ("stringData",)
    assert plain["ConfigMap demo/settings"].unknowns == ("metadata.name", "data.uid")
    assert plain["ConfigMap demo/settings"].manifest["data"]["uid"] is UNKNOWN
    known = evaluate("service", "config: {replicas: 2, image: 'i:1', token: t}", outputs=outputs)
    secret = next(item for item in objects(known) if item.kind == "Secret")
    assert secret.unknowns == ()
    assert secret.secrets == tuple(
        f"stringData.{k}" for k in ("external", "literal", "password", "url")
    )
    assert secret.manifest["stringData"]["url"] == "postgres://user:s3cret@db"
    assert "s3cret" not in repr(secret)


def test_a_chart_is_listed_as_not_rendered(evaluate: Evaluate) -> None:
    assert [
        (skipped.type, skipped.reason[:7]) for skipped in not_rendered(evaluate("service", CONFIG))
    ] == [("kubernetes:helm.sh/v3:Release", "a chart")]


def test_a_file_leaves_replicas_to_the_autoscaler_and_says_what_else_is_anothers() -> None:
    manifest = {
        "kind": "Rollout",
        "metadata": {"name": "wine"},
        "spec": {"replicas": 2, "selector": {"a": "b"}},
    }
    ignored = ("spec.replicas", "spec.selector", "spec.suspend")
    item = for_repository(KubernetesObject("urn", manifest, ignored=ignored))
    assert item.manifest["spec"] == {"selector": {"a": "b"}}
    assert item.ignored == ("spec.selector",)
    fixed = KubernetesObject("urn", manifest)
    assert for_repository(fixed) == fixed


def test_what_a_controller_changes_is_listed(project: Project, tmp_path: Path) -> None:
    root = project("released", "config: {}")
    told = command(root, tmp_path / "out")
    assert told.count("left to others: ") == 1
    assert "left to others: Service demo/wine: spec.selector\n" in told
    assert "replicas" not in (tmp_path / "out/demo/deployment-wine.yaml").read_text()
