"""SDK packages that load what is asked of them are the same packages."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PACKAGES = (
    "pulumi_aws.ec2",
    "pulumi_aws.iam",
    "pulumi_gcp.compute",
    "pulumi_gcp.container",
    "pulumi_kubernetes.core.v1",
)
_THIN = "from stanchion_cli.preview import sdk; sdk.install()\n"
_NAMES = """
import importlib, json, sys
package = importlib.import_module(sys.argv[1])
wanted = json.loads(sys.argv[2])
if wanted is None:
    getattr(package, "nothing", None)  # wakes the SDK's own lazy module
    wanted = [name for name in dir(package) if not name.startswith("_")]
found = {name: getattr(package, name) for name in wanted}
print(json.dumps({
    name: f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__class__)}"
    for name, value in found.items() if not isinstance(value, type(sys))
}))
"""


def _run(program: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_what_the_whole_package_has(package: str) -> None:
    whole = _run(_NAMES, package, "null")
    asked = json.dumps([name for name in sorted(whole) if name.isidentifier()][::7])
    thin = _run(_THIN + _NAMES, package, asked)
    assert len(thin) > 10
    assert {name: whole[name] for name in thin} == thin


def test_only_what_is_asked_for_is_loaded() -> None:
    program = """
import json, sys
import pulumi_aws as aws
aws.ec2.Vpc, aws.ec2.SecurityGroup, aws.ec2.LaunchTemplateMetadataOptionsArgs
print(json.dumps([name for name in sys.modules if name.startswith("pulumi_aws.ec2.")]))
"""
    thin, whole = _run(_THIN + program), _run(program)
    assert {"pulumi_aws.ec2.vpc", "pulumi_aws.ec2.security_group"} <= set(thin)
    assert len(thin) < 10
    assert len(whole) > 100


def test_a_name_that_no_module_has_is_refused_as_before() -> None:
    program = """
import json
import pulumi_aws as aws
try:
    aws.ec2.Vcp
except AttributeError as error:
    print(json.dumps([str(error), len(dir(aws.ec2)) > 100]))
"""
    assert _run(_THIN + program) == _run(program)


def test_a_class_comes_before_the_module_that_is_called_as_it() -> None:
    program = """
import json
import pulumi_kubernetes as k8s
import pulumi_kubernetes.core.v1.Namespace
print(json.dumps([k8s.core.v1.Namespace.__class__.__name__, k8s.core.v1.PodSpecArgs.__name__]))
"""
    assert _run(_THIN + program) == _run(program)


def test_a_nested_type_is_made_when_code_or_an_annotation_names_it() -> None:
    program = """
import json, sys
import pulumi_gcp as gcp
from pulumi import _types
types = _types.input_type_types(gcp.container.ClusterArgs)
nested = _types.input_type_types(types["maintenancePolicy"])
made = [name for name, value in vars(sys.modules["pulumi_gcp.container._inputs"]).items()
        if isinstance(value, type)]
print(json.dumps([{name: str(each) for name, each in (types | nested).items()}, len(made)]))
"""
    (thin, made), (whole, all_made) = _run(_THIN + program), _run(program)
    assert thin == whole
    assert made < all_made / 4
