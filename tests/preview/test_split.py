"""An environment split into stacks is the same environment: nothing more, and nothing less."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from preview.checkouts import ROOT, copied
from stanchion_cli import preview
from stanchion_cli.preview import Preview
from stanchion_cli.render import objects
from stanchion_cli.report.model import report_on

LAYERS = ("foundation", "platform", "services")
TO_REACH_THE_CLUSTER = ("pulumi:",)
"""The stack itself, providers and references: each stack has its own."""


def _split(checkout: Path, environment: str) -> list[str]:
    """Give each layer of the environment a stack of its own; their names from the ground up."""
    names = [environment, f"{environment}-platform", f"{environment}-services"]
    file = checkout / "stacks" / f"Pulumi.{environment}.yaml"
    file.write_text(file.read_text("utf-8") + "  stanchion:layers: [foundation]\n", "utf-8")
    for below, name, layer in zip(names, names[1:], LAYERS[1:], strict=False):
        config = f"config:\n  stanchion:baseStack: {below}\n  stanchion:layers: [{layer}]\n"
        (checkout / "stacks" / f"Pulumi.{name}.yaml").write_text(config, "utf-8")
    return names


@pytest.fixture(scope="module", params=["prod-aws", "prod-gcp"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Preview, list[Preview]]]:
    """An environment in one stack, and in three."""
    checkout = tmp_path_factory.mktemp("split")
    copied(checkout)
    names = _split(checkout, request.param)
    with ThreadPoolExecutor(2) as pool:
        whole = pool.submit(preview.run, request.param, root=ROOT, policies=False)
        parts = [*pool.map(lambda name: preview.run(name, root=checkout), names)]
        yield whole.result(), parts


def _resources(evaluated: Preview) -> list[tuple[str, str]]:
    return [
        (found.type, found.name)
        for found in evaluated.resources
        if not found.type.startswith(TO_REACH_THE_CLUSTER)
    ]


def test_every_resource_is_in_one_stack_alone(both: tuple[Preview, list[Preview]]) -> None:
    whole, parts = both
    found = [resource for part in parts for resource in _resources(part)]
    assert sorted(found) == sorted(_resources(whole))
    assert all(_resources(part) for part in parts)


def test_every_object_in_the_cluster_is_as_it_is_in_one_stack(
    both: tuple[Preview, list[Preview]],
) -> None:
    whole, parts = both
    found = {str(each): each.manifest for part in parts for each in objects(part)}
    assert found == {str(each): each.manifest for each in objects(whole)}


def test_every_stack_keeps_the_mandatory_rules_of_its_environment(
    both: tuple[Preview, list[Preview]],
) -> None:
    for part in both[1]:
        report = report_on(part)
        assert part.profile == "prod"
        assert part.policies_run
        assert [report.message(finding) for finding in report.mandatory] == []
        assert not report.failed


def test_what_is_handed_on_is_unknown_and_the_password_is_a_secret(
    both: tuple[Preview, list[Preview]],
) -> None:
    _, (foundation, platform, services) = both
    for stack in (foundation, platform, services):
        assert stack.outputs["cluster"]["kubeconfig"] is preview.UNKNOWN
    (credentials,) = [each for each in objects(services) if each.kind == "Secret"]
    assert credentials.secrets
    assert not any(each.secrets for each in objects(services) if each.kind != "Secret")


def test_each_stack_tells_of_its_own_layers(both: tuple[Preview, list[Preview]]) -> None:
    _, (foundation, platform, services) = both
    assert "capacity" in foundation.outputs, "cost and quota are the foundation's alone"
    assert "capacity" not in platform.outputs
    assert "capacity" not in services.outputs
    assert "tracking" not in foundation.outputs
    assert "services" not in platform.outputs
    assert services.outputs["tracking"] == platform.outputs["tracking"]
    assert list(services.outputs["services"]) == ["wine"]
