"""Our objects of Gateway API and Argo Rollouts, held to what their makers publish."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from stanchion_cli.cluster.toolchain import go
from unit.components.test_model_gateway import GOOGLES, SHADOW, at_gateway

pytestmark = pytest.mark.e2e

GATEWAY_API = "sigs.k8s.io/gateway-api@v1.4.0"
ARGO_ROLLOUTS = "github.com/argoproj/argo-rollouts@v1.9.0"
_OPEN = "x-kubernetes-preserve-unknown-fields"
HTTP_ROUTE = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
ROLLOUT = "manifests/crds/rollout-crd.yaml"


def schema(module: str, path: str, version: str) -> dict[str, Any]:
    """What a module's definition says of a version's objects, unknown fields refused."""
    compiler, _ = go()
    if compiler is None:
        pytest.skip("no Go to fetch the makers' module with")
    told = subprocess.run(
        [compiler, "mod", "download", "-json", module], capture_output=True, check=True, cwd="/"
    )
    file = Path(json.loads(told.stdout)["Dir"]) / path
    served = yaml.safe_load(file.read_text("utf-8"))["spec"]["versions"]
    (found,) = (each["schema"]["openAPIV3Schema"] for each in served if each["name"] == version)
    closed: dict[str, Any] = strict(found)
    closed["properties"]["metadata"] = {"type": "object"}
    return closed


def strict(node: Any) -> Any:
    """The schema without room for fields that it does not name."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: strict(value) for key, value in node.items()}
    named = made.get("type") == "object" and isinstance(made.get("properties"), dict)
    if named and not made.get(_OPEN):
        made.setdefault("additionalProperties", False)
    return made


@pytest.mark.parametrize("gateway", [{}, {"gateway": GOOGLES}], ids=["envoy", "gke"])
@pytest.mark.parametrize("shadow", [{}, {"shadow": SHADOW}], ids=["alone", "with a shadow"])
def test_a_route_is_one_by_the_published_definition(
    gateway: dict[str, Any], shadow: dict[str, Any]
) -> None:
    route = at_gateway(**gateway, **shadow).object("HTTPRoute")
    jsonschema.validate(dict(route), schema(GATEWAY_API, HTTP_ROUTE, "v1"))


def test_a_share_of_the_mirrored_requests_is_a_field_of_the_definition() -> None:
    route = at_gateway(shadow={**SHADOW, "percent": 20}).object("HTTPRoute")
    jsonschema.validate(dict(route), schema(GATEWAY_API, HTTP_ROUTE, "v1"))


def test_rules_are_one_field_with_one_owner_in_the_definition() -> None:
    spec = schema(GATEWAY_API, HTTP_ROUTE, "v1")["properties"]["spec"]["properties"]
    backends = spec["rules"]["items"]["properties"]["backendRefs"]
    assert {each["x-kubernetes-list-type"] for each in (spec["rules"], backends)} == {"atomic"}


def test_a_rollout_at_a_gateway_is_one_by_the_published_definition() -> None:
    rollout = at_gateway().object("Rollout")
    strategy = schema(ARGO_ROLLOUTS, ROLLOUT, "v1alpha1")["properties"]["spec"]["properties"][
        "strategy"
    ]
    jsonschema.validate(dict(rollout["spec"]["strategy"]), strategy)


def test_a_field_that_no_definition_has_is_refused() -> None:
    route = json.loads(json.dumps(at_gateway().object("HTTPRoute")))
    route["spec"]["rules"][0]["backendRefs"][0]["wieght"] = 1
    with pytest.raises(jsonschema.ValidationError, match="wieght"):
        jsonschema.validate(route, schema(GATEWAY_API, HTTP_ROUTE, "v1"))
