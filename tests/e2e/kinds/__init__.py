"""Kinds of other makers as their modules publish them, and objects held to them.

What an API server decides by a schema is decided here: fields, types, patterns and bounds. What it
decides by expressions (`x-kubernetes-validations`) and what webhooks refuse is not.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from stanchion_cli.cluster.toolchain import go

HERE = Path(__file__).parent
BASES = "config/components/crd/bases"
CRD_BASES = "config/crd/bases"
MODULES = {
    "kueue": ("sigs.k8s.io/kueue", BASES),
    "jobset": ("sigs.k8s.io/jobset", BASES),
    "kuberay-operator": ("github.com/ray-project/kuberay/ray-operator", CRD_BASES),
    "gateway-api": ("sigs.k8s.io/gateway-api", "config/crd/standard"),
    "gateway-api-inference-extension": ("sigs.k8s.io/gateway-api-inference-extension", CRD_BASES),
    "keda": ("github.com/kedacore/keda/v2", CRD_BASES),
    "argo-rollouts": ("github.com/argoproj/argo-rollouts", "manifests/crds"),
}
"""By folder: the module that its go.mod pins, and where in it the definitions are."""


def problems(manifest: Mapping[str, Any]) -> list[str]:
    """What the published schema of an object's kind has against it.

    Raises:
        KeyError: No module publishes the kind in that version.
    """
    schema = _schemas()[manifest["apiVersion"], manifest["kind"]]
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{each.json_path}: {each.message}" for each in found]


@cache
def _schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """Schemas by API version and kind."""
    schemas = {}
    for folder, (module, definitions) in MODULES.items():
        for path in sorted((_source(HERE / folder, module) / definitions).glob("*.yaml")):
            if path.name == "kustomization.yaml":
                continue
            definition = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = _closed(version["schema"]["openAPIV3Schema"])
                called = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                schemas[called] = schema
    return schemas


def _source(folder: Path, module: str) -> Path:
    """Where a module's files are, fetched and held to its checksum."""
    compiler, _ = go()
    assert compiler is not None, "there is no Go toolchain; see `stanchion doctor`"
    done = subprocess.run(
        [str(compiler), "mod", "download", "-json", module],
        cwd=folder,
        env=os.environ | {"GOFLAGS": "-mod=readonly", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(done.stdout)["Dir"])


def _closed(schema: Any) -> Any:
    """The schema, refusing fields that an API server would drop in silence."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = dict(_parts(schema))
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "properties":
            yield key, {name: _closed(each) for name, each in value.items()}
        else:
            yield key, _closed(value)
