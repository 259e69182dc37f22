"""Policy configuration files: every mistake is found, named and told with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from stanchion_cli.errors import Exit, InputError
from stanchion_cli.policies import Level, PolicyInfo, Severity, read_config

POLICIES = (
    PolicyInfo(
        name="workload-replicas",
        description="Enough replicas.",
        kind="stack",
        level=Level.MANDATORY,
        settings={"minimum": 2.0, "kinds": ["Deployment"], "strict": False, "mode": "fits"},
        schema={
            "minimum": {"type": "integer", "minimum": 1.0, "maximum": 9.0},
            "kinds": {"type": "array", "items": {"type": "string"}},
            "strict": {"type": "boolean"},
            "mode": {"type": "string", "enum": ["fits", "always"]},
        },
        severity=Severity.HIGH,
        framework="",
        tags=(),
        remediation="",
        url="",
    ),
    PolicyInfo(
        name="workload-liveness-probe",
        description="Probes.",
        kind="resource",
        level=Level.MANDATORY,
        settings={},
        schema={},
        severity=Severity.HIGH,
        framework="",
        tags=(),
        remediation="",
        url="",
    ),
)


def configured(tmp_path: Path, text: str) -> dict[str, PolicyInfo]:
    path = tmp_path / "config.json"
    path.write_text(text)
    return {policy.name: policy for policy in read_config(path, POLICIES)}


def test_all_sets_what_is_not_named(tmp_path: Path) -> None:
    found = configured(tmp_path, '{"workload-liveness-probe": "disabled", "all": "advisory"}')
    assert found["workload-liveness-probe"].level is Level.DISABLED
    assert found["workload-replicas"].level is Level.ADVISORY


def test_a_setting_leaves_the_level_and_the_other_settings(tmp_path: Path) -> None:
    found = configured(tmp_path, '{"workload-replicas": {"minimum": 3}}')["workload-replicas"]
    assert found.level is Level.MANDATORY
    assert found.settings == {
        "minimum": 3,
        "kinds": ["Deployment"],
        "strict": False,
        "mode": "fits",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"workload-probe": "advisory"}', "workload-probe: no such policy; did you mean"),
        ('{"workload-liveness-probe": "warn"}', "workload-liveness-probe: 'warn' is not a level"),
        ('{"workload-liveness-probe": 3}', "workload-liveness-probe: 'int' is not a level"),
        ('{"workload-liveness-probe": null}', "workload-liveness-probe: 'NoneType' is not a level"),
        ('{"all": "mandatry"}', "all: 'mandatry' is not a level"),
        ('{"all": {"enforcementLevel": "advisory"}}', "all: 'dict' is not a level"),
        ('{"workload-liveness-probe": {"level": "advisory"}}', "probe.level: no such setting"),
        ('{"workload-replicas": {"minimun": 3}}', "no such setting; did you mean 'minimum'?"),
        ('{"workload-replicas": {"enforcementLevel": true}}', "enforcementLevel: 'bool' is not"),
        ('{"workload-replicas": {"minimum": "3"}}', "expected integer, found str"),
        ('{"workload-replicas": {"minimum": 1.5}}', "expected integer, found float"),
        ('{"workload-replicas": {"minimum": true}}', "expected integer, found bool"),
        ('{"workload-replicas": {"minimum": 0}}', "must be at least 1"),
        ('{"workload-replicas": {"minimum": 10}}', "must be at most 9"),
        ('{"workload-replicas": {"kinds": "Pod"}}', "expected array, found str"),
        ('{"workload-replicas": {"kinds": ["Pod", 1]}}', "kinds[1]: expected string, found int"),
        ('{"workload-replicas": {"strict": 1}}', "expected boolean, found int"),
        ('{"workload-replicas": {"mode": "never"}}', "must be one of fits, always"),
        ('{"workload-liveness-probe": "advisory", "workload-liveness-probe": "disabled"}', "twice"),
        ("[]", "must be an object"),
        ('"advisory"', "must be an object"),
        ('{"all": }', "config.json:1:9: is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        (" " * (1 << 20) + "{}", "is larger than 1 MiB"),
        ("\ud800", "is not"),
    ],
)
def test_a_mistake_is_bad_input(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError) as caught:
        read_config(path, POLICIES)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit is Exit.BAD_INPUT


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        configured(tmp_path, '{"a": "mandatory", "all": "b", "workload-replicas": {"c": 1}}')
    assert len(caught.value.problems) == 3


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.json", POLICIES)
