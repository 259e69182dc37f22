"""What must be so before `stanchion down` touches anything."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import automation
from stanchion_cli import preview as previews
from stanchion_cli.commands.down import down
from stanchion_cli.deploy import drain as drains
from stanchion_cli.deploy import engine
from stanchion_cli.deploy.expiry import expiry
from stanchion_cli.deploy.state import State
from stanchion_cli.deploy.target import Target
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.preview.config import load_project

STACK = {"urn": "urn:stack", "type": "pulumi:pulumi:Stack"}
CLUSTER = {"urn": "urn:cluster", "type": "stanchion:index:Cluster"}
KUBECONFIG = json.dumps({"apiVersion": "v1", "kind": "Config"})
PROVIDER = {
    "urn": "urn:provider",
    "type": "pulumi:providers:kubernetes",
    "inputs": {"kubeconfig": KUBECONFIG},
}
DATABASE = {"urn": "urn:database", "type": "aws:rds/instance:Instance", "protect": True}
FILES = {
    "dev-old": "dev\n  stanchion:expires: 2020-01-01",
    "dev-new": 'dev\n  stanchion:expires: "2999-01-01"',
    "dev": "dev",
    "prod": "prod",
}


class World:
    """A checkout, the state of whatever is asked for, and what was done to it, in order."""

    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = [STACK, CLUSTER, PROVIDER]
        self.there = True
        self.done: list[str] = []
        self.unreachable = False

    def stack(self, name: str, **_: Any) -> Any:
        if not self.there:
            failed = SimpleNamespace(stdout="", stderr="", code=255)
            raise automation.StackNotFoundError(failed)  # type: ignore[arg-type]
        gone = f"destroy {name}" in self.done
        deployment = {"resources": [] if gone else self.resources}
        return SimpleNamespace(
            export_stack=lambda: SimpleNamespace(deployment=deployment),
            destroy=lambda **_: self.done.append(f"destroy {name}"),
        )

    def drain(self, target: Target) -> None:
        assert target.kubeconfig is not None
        assert target.kubeconfig.read_text() == KUBECONFIG
        assert target.kubeconfig.stat().st_mode & 0o077 == 0
        if self.unreachable:
            raise StanchionError("the API server does not answer")
        self.done.append("drain")

    def preview(self, name: str, **_: Any) -> Any:
        self.done.append(f"preview {name}")
        profile = FILES[name].split()[0]
        return SimpleNamespace(environment=name, profile=profile, outputs={"cluster": {}})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    made = World()
    monkeypatch.setattr(automation, "select_stack", made.stack)
    monkeypatch.setattr(Target, "api", lambda target: target)
    monkeypatch.setattr(drains, "drain", made.drain)
    monkeypatch.setattr(engine, "available", lambda: True)
    monkeypatch.setattr(previews, "run", made.preview)
    (tmp_path / "Pulumi.yaml").write_text("name: stanchion\nruntime: python\n")
    for name, text in FILES.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(f"config:\n  stanchion:profile: {text}\n")
    monkeypatch.chdir(tmp_path)
    return made


def test_the_cluster_is_drained_before_it_is_destroyed(world: World, tmp_path: Path) -> None:
    engine.down(tmp_path, "dev")
    assert world.done == ["drain", "destroy dev"]


def test_a_kubeconfig_that_is_a_secret_is_read_as_well(world: World, tmp_path: Path) -> None:
    envelope = {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": json.dumps(KUBECONFIG)}
    world.resources[-1] = {**PROVIDER, "inputs": {"kubeconfig": envelope}}
    engine.down(tmp_path, "dev")
    assert world.done == ["drain", "destroy dev"]


def test_no_drain_leaves_the_cluster_alone(world: World, tmp_path: Path) -> None:
    engine.down(tmp_path, "dev", drain=False)
    assert world.done == ["destroy dev"]


def test_a_cluster_that_the_environment_did_not_make_is_never_drained(
    world: World, tmp_path: Path
) -> None:
    world.resources.remove(CLUSTER)
    engine.down(tmp_path, "dev")
    assert world.done == ["destroy dev"]


def test_nothing_is_destroyed_when_the_cluster_cannot_be_reached(
    world: World, tmp_path: Path
) -> None:
    world.unreachable = True
    with pytest.raises(StanchionError, match=r"nothing was destroyed.*does not answer.*--no-drain"):
        engine.down(tmp_path, "dev")
    assert world.done == []


def test_what_is_protected_is_named_with_the_way_on_before_anything_is_touched(
    world: World, tmp_path: Path
) -> None:
    world.resources.append(DATABASE)
    with pytest.raises(StanchionError) as caught:
        engine.down(tmp_path, "prod")
    assert "pulumi state unprotect -s prod 'urn:database'" in str(caught.value)
    assert world.done == []


def test_what_stays_in_the_cloud_is_named(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {"urn": "urn::vpc", "type": "aws:ec2/vpc:Vpc", "retainOnDelete": True}
    inside = {"urn": "urn::pool", "type": "kubernetes:k:NodePool", "retainOnDelete": True}
    world.resources += [kept, inside]
    engine.down(tmp_path, "dev")
    assert "leaves them: vpc\n" in capsys.readouterr().err
    assert world.done == ["drain", "destroy dev"]


def _with_services(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the services of `dev-old` a stack of their own."""
    monkeypatch.setitem(FILES, "dev-old-services", "dev")
    config = "config:\n  stanchion:baseStack: dev-old\n  stanchion:layers: [services]\n"
    (folder / "Pulumi.dev-old-services.yaml").write_text(config)


def test_a_stack_that_carries_another_stays_while_that_is_up(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_services(tmp_path, monkeypatch)
    with pytest.raises(StanchionError, match=r"carries dev-old-services.*`stanchion down dev-old-"):
        engine.down(tmp_path, "dev-old")
    assert world.done == []
    engine.down(tmp_path, "dev-old-services", drain=False)
    engine.down(tmp_path, "dev-old", drain=False)
    assert world.done == ["destroy dev-old-services", "destroy dev-old"]


def test_stacks_of_an_environment_that_has_expired_go_from_the_top(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_services(tmp_path, monkeypatch)
    down(expired=True, drain=False)
    gone = [step for step in world.done if step.startswith("destroy")]
    assert gone == ["destroy dev-old-services", "destroy dev-old"]


@pytest.mark.parametrize("there", [True, False], ids=["empty", "no stack"])
def test_what_is_down_already_stays_so(world: World, tmp_path: Path, there: bool) -> None:
    world.there, world.resources = there, [STACK]
    engine.down(tmp_path, "dev")
    assert world.done == []


def test_a_state_shows_none_of_the_secrets_that_it_holds() -> None:
    state = State.of("dev", {"resources": [{**DATABASE, "inputs": {"password": "hunter2"}}]})
    assert "hunter2" not in f"{state} {state!r}"


@pytest.mark.parametrize("consent", ["", "dev"], ids=["none", "another's"])
def test_production_goes_only_when_it_is_named_twice(world: World, consent: str) -> None:
    with pytest.raises(InputError, match="--destroy-production"):
        down("prod", destroy_production=consent)
    assert world.done == ["preview prod"]
    down("prod", destroy_production="prod")
    assert world.done[-2:] == ["drain", "destroy prod"]


def test_what_has_expired_goes_and_of_the_others_it_is_said_why_they_stay(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    down(expired=True)
    assert world.done == ["preview dev-old", "drain", "destroy dev-old"]
    said = capsys.readouterr().err
    assert "dev-old: has expired after 2020-01-01" in said
    assert "dev-new: expires after 2999-01-01; it stays" in said
    assert "prod: has no `stanchion:expires`; it stays" in said


def test_one_that_is_named_goes_only_if_it_has_expired(world: World) -> None:
    down("dev-new", expired=True)
    down("dev", expired=True)
    assert world.done == []


def test_a_dry_run_prints_names_for_other_programs(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    down(expired=True, dry_run=True)
    assert capsys.readouterr().out == "dev-old\n"
    assert world.done == []


def test_one_that_cannot_go_keeps_no_other_up(world: World, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.a-bad.yaml").write_text("config:\n  stanchion:expires: soon\n")
    with pytest.raises(StanchionError, match=r"a-bad: stanchion:expires: 'soon' is no date"):
        down(expired=True)
    assert "destroy dev-old" in world.done


def test_production_does_not_expire_even_where_its_file_says_so(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config:\n  stanchion:profile: prod\n  stanchion:expires: 2020-01-01\n")
    with pytest.raises(StanchionError, match="is production, and nothing was touched"):
        down("prod", expired=True)
    assert "destroy prod" not in world.done


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "no environment"),
        ({"environment": "dev", "dry_run": True}, "--expired"),
        ({"expired": True, "destroy_production": "prod"}, "does not expire"),
    ],
    ids=["nothing named", "dry run of what is meant", "consent to what is unnamed"],
)
def test_options_that_contradict_are_refused(
    world: World, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        down(**options)
    assert world.done == []


@pytest.mark.parametrize("written", ["2026-12-31", "'2026-12-31'", "2026-12-31 00:00:00 +0000 UTC"])
def test_a_date_is_the_same_with_and_without_quotes_and_as_the_engine_writes_it(
    world: World, tmp_path: Path, written: str
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  stanchion:expires: {written}\n")
    assert expiry(load_project(tmp_path), "dev") == datetime.date(2026, 12, 31)
