"""Files of stacks that hold some layers of an environment: what they take over, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import layers
import pytest
from environment import from_pulumi_config
from layers import Layer, config_of, environment_below
from stanchion_cli.preview.config import load_project
from unit.stacks.bad_files import ROOT
from validation import InvalidFileError

Written = Callable[..., None]
GROUND = "  stanchion:layers: [foundation, platform]\n"
UPPER = "config:\n  stanchion:baseStack: prod\n  stanchion:layers: [services]\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """`written(prod=…, services=…)`: files of a project that is then the program's own."""

    def write(**files: str) -> None:
        (tmp_path / "Pulumi.yaml").write_text("name: stanchion\nruntime: python\n")
        for name, text in files.items():
            (tmp_path / f"Pulumi.{name}.yaml").write_text(text)

    monkeypatch.setattr(layers, "_project", lambda: load_project(tmp_path))
    return write


def _ground(held: str = GROUND, environment: str = "prod-aws") -> str:
    return (ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text("utf-8") + held


def test_an_upper_stack_has_the_settings_of_its_environment_and_layers_of_its_own(
    written: Written,
) -> None:
    written(prod=_ground(), services=UPPER)
    whole, upper = (from_pulumi_config(config_of(name)) for name in ("prod", "services"))
    assert upper.layers == (Layer.SERVICES,)
    assert upper.base_stack == "prod"
    changed = {"layers": whole.layers, "base_stack": None}
    assert upper.model_copy(update=changed) == whole


def test_an_environment_is_the_end_of_the_chain_of_its_stacks(written: Written) -> None:
    written(
        prod=_ground("  stanchion:layers: [foundation]\n"),
        platform=UPPER.replace("[services]", "[platform]"),
        services=UPPER.replace("prod", "platform"),
    )
    assert {environment_below(name) for name in ("prod", "platform")} == {"prod"}
    assert from_pulumi_config(config_of("services")).layers == (Layer.SERVICES,)


def test_an_environment_that_says_nothing_holds_every_layer(written: Written) -> None:
    written(prod=_ground(""))
    assert from_pulumi_config(config_of("prod")).layers == tuple(Layer)


BAD = {
    "a setting of the environment in an upper stack": (
        {"services": UPPER + "  stanchion:profile: prod\n"},
        "stanchion:profile: unknown key; allowed here: baseStack, layers",
    ),
    "an upper stack without layers": (
        {"services": "config:\n  stanchion:baseStack: prod\n"},
        "stanchion:layers: is required; add",
    ),
    "an unknown layer": (
        {"services": UPPER.replace("[services]", "[service]")},
        "stanchion:layers[0]: 'service' is not allowed; write 'foundation' or",
    ),
    "no layer": (
        {"services": UPPER.replace("[services]", "[]")},
        "stanchion:layers: is empty; write",
    ),
    "layers from the top": (
        {"services": UPPER.replace("[services]", "[services, platform]")},
        "stanchion:layers: [services, platform] are not one above the other, from the ground; "
        "write [platform, services]",
    ),
    "a layer left out": (
        {"services": _ground("  stanchion:layers: [foundation, services]\n")},
        "stanchion:layers: [foundation, services] are not one above the other, from the ground; "
        "write [foundation, platform, services]",
    ),
    "nothing below the first layer": (
        {"services": _ground("  stanchion:layers: [platform, services]\n")},
        "stanchion:layers: begins with platform, and no stack holds what is below; add foundation",
    ),
    "a layer of two stacks": (
        {"services": UPPER.replace("[services]", "[platform, services]")},
        "stanchion:layers: begins with platform, and prod has [foundation, platform]; write",
    ),
    "an environment that holds all of it": (
        {"services": UPPER, "prod": _ground("")},
        "stanchion:layers: begins with services, and prod has [foundation, platform, services]; ",
    ),
    "a layer of no stack": (
        {"services": UPPER, "prod": _ground("  stanchion:layers: [foundation]\n")},
        "stanchion:layers: begins with services, and prod ends with [foundation]; write",
    ),
    "two stacks built on one": (
        {"services": UPPER, "more": UPPER},
        "stanchion:baseStack: more and services are both built on prod, and would own the same "
        "objects; remove one",
    ),
    "a base that has no file": (
        {"services": UPPER.replace("prod", "prd")},
        "stanchion:baseStack: there is no Pulumi.prd.yaml; write prod",
    ),
    "a stack built on itself": (
        {"services": UPPER.replace("prod", "services")},
        "stanchion:baseStack: leads back to itself: services → services; name",
    ),
    "a node of this machine in two stacks": (
        {"services": _ground(GROUND, "local")},
        "stanchion:layers: a node on this machine is one stack's, which makes and deletes it; ",
    ),
    "a mistake in the environment's own file": (
        {"services": UPPER, "prod": _ground().replace("profile: prod", "profile: production")},
        "stanchion:profile: 'production' is not allowed; write",
    ),
}


@pytest.mark.parametrize("rule", BAD)
def test_a_bad_split_is_refused_with_its_path_and_the_fix(written: Written, rule: str) -> None:
    files, says = BAD[rule]
    written(**{"prod": _ground(), **files})
    with pytest.raises(InvalidFileError) as caught:
        from_pulumi_config(config_of("services"))
    assert [problem for problem in caught.value.problems if problem.startswith(says)], (
        caught.value.problems
    )
