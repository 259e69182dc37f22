"""What a preview keeps of each registration: the engine's rules, over the real protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from preview.conftest import Evaluate, Project, make_project, named
from stanchion_cli import preview
from stanchion_cli.errors import StanchionError
from stanchion_cli.preview import UNKNOWN, Secret

SERVICE = "config: {replicas: 2, image: 'i:1', token: {secure: AAAB}}"
PREFIX = "urn:pulumi:dev::small::"


def test_a_urn_carries_the_types_of_all_ancestors_but_the_stack(evaluate: Evaluate) -> None:
    first = named(evaluate("options"), "first")
    assert first.urn == f"{PREFIX}small:index:Group$small:index:Group$test:index:Thing::first"
    assert first.parent == f"{PREFIX}small:index:Group$small:index:Group::inner"


def test_computed_outputs_are_unknown_and_inputs_are_known_outputs(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    assert named(evaluated, "second").inputs == {"size": 2, "late": UNKNOWN, "stack": "labelled"}
    assert evaluated.outputs["computed"] is UNKNOWN


def test_dependencies_and_property_dependencies_are_kept(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    first, second = named(evaluated, "first"), named(evaluated, "second")
    assert second.property_dependencies == {"late": (first.urn,), "size": (first.urn,)}
    assert second.dependencies == tuple(sorted([first.urn, named(evaluated, "account").urn]))


def test_a_provider_is_inherited_through_components(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    assert named(evaluated, "first").provider == named(evaluated, "account").urn


def test_without_an_explicit_provider_it_is_the_default_of_that_version(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    assert named(evaluated, "default").provider == f"{PREFIX}pulumi:providers:test::default"
    assert named(evaluated, "everything").provider.endswith("test::default_1_2_3")  # type: ignore[union-attr]


def test_protect_and_retain_are_inherited_unless_a_child_says_otherwise(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    assert named(evaluated, "first").options.protect
    assert named(evaluated, "first").options.retain_on_delete
    assert not named(evaluated, "second").options.protect


def test_every_option_is_kept(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    options = named(evaluated, "everything").options
    assert options.ignore_changes == ("size",)
    assert options.replace_on_changes == ("computed",)
    assert options.delete_before_replace is True
    assert options.additional_secret_outputs == ("computed",)
    assert options.aliases == (
        "name=formerly",
        "urn:pulumi:dev::small::test:index:Thing::once",
    )
    assert options.custom_timeouts == {"create": "10m", "delete": "1h30m"}
    assert options.deleted_with == named(evaluated, "first").urn
    assert options.version == "1.2.3"
    assert options.import_id == "thing-id"
    assert named(evaluated, "default").options.delete_before_replace is None


def test_stack_transforms_and_a_resources_own_are_applied(evaluate: Evaluate) -> None:
    transformed = named(evaluate("options"), "transformed")
    assert transformed.inputs == {"size": 99, "stack": "labelled"}
    assert transformed.options.protect


def test_a_resource_that_is_read_is_external_and_its_state_unknown(evaluate: Evaluate) -> None:
    evaluated = evaluate("options")
    assert named(evaluated, "existing").external
    assert evaluated.outputs["later"] is UNKNOWN


def test_secrets_stay_secrets_even_while_unknown(evaluate: Evaluate) -> None:
    evaluated = evaluate("service", SERVICE)
    assert named(evaluated, "web-secret").inputs["stringData"] == Secret(UNKNOWN)
    assert evaluated.outputs["password"] == Secret(UNKNOWN)
    assert evaluated.outputs["name"] == "web"


def test_given_outputs_are_answered_by_urn_and_by_name(evaluate: Evaluate) -> None:
    urn = named(evaluate("service", SERVICE), "web-password").urn
    for key in (urn, "web-password"):
        known = evaluate("service", SERVICE, outputs={key: {"result": "s3cret", "id": "none"}})
        assert known.outputs["password"] == Secret("s3cret")


def test_a_kubernetes_object_without_a_name_gets_an_unknown_one(evaluate: Evaluate) -> None:
    metadata = named(evaluate("service", SERVICE), "settings").inputs["metadata"]
    assert metadata == {"namespace": "demo", "name": UNKNOWN}


def test_what_the_api_server_sets_is_unknown(evaluate: Evaluate) -> None:
    data = named(evaluate("service", SERVICE), "settings").inputs["data"]
    assert data["uid"] is UNKNOWN


def test_resources_are_in_the_order_the_program_makes_them(evaluate: Evaluate) -> None:
    names = [resource.name for resource in evaluate("service", SERVICE).resources]
    assert names == ["small-dev", "demo", "web", "web-password", "web-secret", "web-deployment",
                     "settings", "monitor", "chart"]  # fmt: skip


@pytest.mark.parametrize("program", ["options", "service"])
def test_two_previews_are_the_same(program: str, tmp_path: Path) -> None:
    config = SERVICE if program == "service" else ""
    root = make_project(tmp_path, program, config)
    assert preview.run("dev", root=root) == preview.run("dev", root=root)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (
            "duplicate",
            f"Duplicate resource URN '{PREFIX}test:index:Thing::same'; try giving it a unique name",
        ),
        ("invoke", "getCallerIdentity: the program calls a provider function"),
        ("remote", "awsx:ec2:Vpc is a component that its provider plugin builds"),
        ("transform", "a transform failed: no transform for transformed"),
        ("bug", "the program has a bug: KeyError: 'a key that is not there'"),
        ("apply", "the program has a bug: KeyError: 'a key that is not there'"),
        ("itself", "We have detected a circular dependency"),
        ("circle", "We have detected a circular dependency"),
        ("syntax", "the program has a bug: SyntaxError"),
        ("exit", "the program exited with 3"),
        ("die", "the program's process ended early with status 9"),
    ],
)
def test_a_program_that_goes_wrong_is_told_in_words(
    how: str, expected: str, project: Project
) -> None:
    with pytest.raises(StanchionError) as failed:
        preview.run("dev", root=project("wrong", f"config: {{how: {how}}}"))
    assert expected in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_a_bug_shows_the_programs_own_lines(project: Project) -> None:
    with pytest.raises(StanchionError) as failed:
        preview.run("dev", root=project("wrong", "config: {how: bug}"))
    lines = str(failed.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["program/__main__.py"] * 2
    assert lines[-1].endswith('raise KeyError("a key that is not there")')


def test_a_refused_configuration_is_bad_input_with_one_line_per_problem(project: Project) -> None:
    with pytest.raises(StanchionError) as failed:
        preview.run("dev", root=project("wrong", "config: {how: refused}"))
    assert failed.value.exit == 2
    assert str(failed.value).splitlines() == [
        "2 problems",
        "  small:a: too big; write 1",
        "  small:b: missing; add it",
    ]
